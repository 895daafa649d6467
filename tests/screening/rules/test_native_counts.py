"""A compiled loop that scores with counts of the scored token is told from one that gives hints."""

from __future__ import annotations

import pytest

from tests.screening.rules.scripts import remarks, told
from verifier.screening import Confidence
from verifier.screening.rules import native_counts

NATIVE = """
#include <math.h>
void mix(const float *net, const uint16_t *target, float *out, int n) {
    for (int t = 0; t < n; t++) {
        uint16_t now = target[t];
        float seen = 0.0f;
        for (int j = 0; j < kinds; j++) {
            if (ASKED) { seen = counts[j]; break; }
        }
        out[t] = -logf(0.5f * expf(net[t]) + 0.5f * seen / total);
        learn(now);
    }
}
"""
SCRIPT = "import ctypes\n\nlibrary = ctypes.CDLL('./mix.so')\nlibrary.mix(1, 2, 3, 4)\n"


def said(source: str, script: str = SCRIPT) -> dict[str, Confidence]:
    return told(remarks(native_counts, script, mix__c=source))


@pytest.mark.parametrize(
    "asked", ["tokens[j] == now", "now == tokens[j]", "keys[j] == (h ^ now * 31)"]
)
def test_counts_of_the_scored_token_in_its_loss_ask_for_a_person(asked: str) -> None:
    """Red: compared or hashed before the position's loss is written."""
    assert said(NATIVE.replace("ASKED", asked)) == {"target-count-compiled": Confidence.REVIEW}


def test_hints_updates_and_loops_that_nothing_calls_are_left_alone() -> None:
    """Near miss: another token is asked for, no loss is taken, the order is right, or unused."""
    leak = NATIVE.replace("ASKED", "tokens[j] == now")
    assert said(NATIVE.replace("ASKED", "tokens[j] == before")) == {}
    assert said(leak.replace("logf(", "half(")) == {}
    assert said(leak.replace("out[t] =", "sum +=")) == {}
    late = NATIVE.replace("ASKED", "tokens[j] == best").replace("learn(now)", "learn(h ^ now)")
    assert said(late) == {}
    assert said(leak, "import ctypes\nctypes.CDLL('./mix.so').other()\n") == {}
