"""A token shared out over its bytes is told from models that are made of bytes."""

from __future__ import annotations

import pytest

from tests.screening.rules.scripts import remarks, told
from verifier.screening import Confidence
from verifier.screening.rules import byte_mixture

SCRIPT = """
import math, os
import numpy as np

USE = bool(int(os.environ.get("USE", "1")))

class Suffix:
    def __init__(self):
        self.after = {}

    def chance(self, history, byte):
        row = self.after.get(bytes(history[-3:]))
        if row is None:
            return UNIFORM
        return (row.get(byte, 0) + 0.1) / (sum(row.values()) + 25.6)

def score(losses, pieces):
    suffix, history, total, spelt = Suffix(), bytearray(), 0.0, 0
    for loss, piece in zip(losses, pieces):
        size = len(piece)
        SHARE
        for byte in piece:
            total -= math.log(0.7 * share + 0.3 * suffix.chance(history, byte))
            history.append(byte)
            spelt += 1
    return total / spelt / math.log(2.0)

def main():
    if USE:
        print(score([1.0], [b"abc"]))

main()
"""


def said(share: str, uniform: str = "1.0 / 256.0", **others: str) -> dict[str, Confidence]:
    text = SCRIPT.replace("SHARE", share).replace("UNIFORM", uniform)
    return told(remarks(byte_mixture, text, **others))


@pytest.mark.parametrize(
    "share",
    [
        "share = math.exp(-loss / size)",
        "share = math.exp(-loss) ** (1.0 / size)",
        "each = -loss / (size); share = math.exp(each)",
        "share = math.exp(-loss / max(size, 1))",
        "room = size + 1; share = math.exp(-loss / room)",
        "sizes = np.zeros(9); sizes[0] = size; share = math.exp(-loss / sizes[0])",
    ],
)
def test_a_token_shared_out_over_its_bytes_is_a_violation(share: str) -> None:
    """Red: p to the power 1 / bytes beside counts of bytes."""
    assert said(share) == {"token-spread-over-bytes": Confidence.VIOLATION}


@pytest.mark.parametrize(
    "share",
    [
        "share = begins_with(piece, history)",
        "total += 0.0 * size; share = math.exp(-loss)",
    ],
)
def test_a_byte_that_is_summed_over_tokens_is_left_alone(share: str) -> None:
    """Near miss: nothing is divided by the length of the token."""
    assert said(share) == {}


def test_means_over_bytes_and_mappings_are_no_shares() -> None:
    """Near miss: a total divided by a count, a row divided by how many keys it has."""
    share = "row = {}; kinds = len(row); row.get(1, 0); share = math.exp(-loss)"
    share += "; doubt = row.get(2, 0) / kinds"
    assert said(share) == {}


def test_totals_divided_by_lengths_are_means() -> None:
    """Near miss: a sum, a number, a length that is a total."""
    for share in (
        "share = total / size",
        "share = 3.0 / size",
        "share = sum([loss]) / size",
        "share = -total / max(size, 1)",
        "byte_count = size; share = math.exp(-loss / byte_count)",
    ):
        assert said(share) == {}, share


def test_a_uniform_byte_without_counts_is_left_alone() -> None:
    """Near miss: a model of bytes that is no table of counts."""
    text = SCRIPT.replace("self.after.get(bytes(history[-3:]))", "self.net(history)")
    text = text.replace("(row.get(byte, 0) + 0.1) / (sum(row.values()) + 25.6)", "row[byte]")
    text = text.replace("SHARE", "share = math.exp(-loss / size)").replace("UNIFORM", "1.0 / 256.0")
    assert told(remarks(byte_mixture, text)) == {}


def test_a_log_about_the_model_shows_that_it_ran() -> None:
    """Red: only what names the model counts; near miss: a print about something else."""
    share = 'print(f"suffixes so far: {spelt}"); share = math.exp(-loss / size)'
    text = SCRIPT.replace("SHARE", share).replace("UNIFORM", "1.0 / 256.0")
    text = text.replace('"USE", "1"', '"USE", "0"')
    ran = remarks(byte_mixture, text, train__log="suffixes so far: 12\n")
    assert told(ran) == {"token-spread-over-bytes": Confidence.VIOLATION}
    assert ran[0].locations[0].path == "train.log"
    text = text.replace("suffixes so far", "bytes are coming")
    other = remarks(byte_mixture, text, train__log="bytes are coming: 12\n")
    assert told(other) == {"token-spread-over-bytes": Confidence.NOTE}


def test_a_model_without_a_uniform_byte_is_left_alone() -> None:
    """Near miss: counts of tokens; lengths are used for the average."""
    assert said("share = math.exp(-loss / size)", "1.0 / 1024.0") == {}


def test_what_the_settings_leave_out_is_a_note() -> None:
    """Near miss: switched off by the command."""
    readme = "```\nUSE=0 torchrun --standalone train_gpt.py\n```\n"
    found = said("share = math.exp(-loss / size)", README__md=readme)
    assert found == {"token-spread-over-bytes": Confidence.NOTE}


NATIVE = """
#include <math.h>
int score_bytes(const int64_t *target, const double *nll, int64_t n, const int32_t *lens) {
    const double even = log(1.0 / 256.0);
    for (int64_t i = 0; i < n; i++) {
        int size = lens[target[i]] + 0;
        double share = SHARE;
        total -= log(0.7 * exp(share) + 0.3 * exp(even));
    }
    return 0;
}
"""


def test_the_same_in_c_is_a_violation_where_it_is_compiled() -> None:
    """Red: a loss divided by the bytes of its token; near misses beside it."""
    text = "import ctypes\nctypes.CDLL('./bytes.so').score_bytes()\n"
    leak = NATIVE.replace("SHARE", "-nll[i] / (double)size")
    found = remarks(byte_mixture, text, score__c=leak)
    assert told(found) == {"token-spread-over-bytes": Confidence.VIOLATION}
    assert found[0].locations[0].text == "double share = -nll[i] / (double)size;"
    for old, new in (("256.0", "1024.0"), ("lens[target[i]] + 0", "9"), ("log(", "lag(")):
        assert old in leak
        assert told(remarks(byte_mixture, text, score__c=leak.replace(old, new))) == {}
    honest = NATIVE.replace("SHARE", "-nll[i]")
    assert told(remarks(byte_mixture, text, score__c=honest)) == {}
    assert told(remarks(byte_mixture, "print(1)\n", score__c=leak)) == {
        "token-spread-over-bytes": Confidence.NOTE
    }


MULTIPLIED = """
def score(losses, pieces):
    suffix, history, total, spelt = Suffix(), bytearray(), 0.0, 0
    whole = 0.0
    for loss, piece in zip(losses, pieces):
        own = -loss
        alone, sure, other = 0.0, 0.0, 0.0
        for byte in piece:
            chance = suffix.chance(history, byte)
            ADDED
            sure = max(sure, chance)
            history.append(byte)
            spelt += 1
        weight = 0.9 if sure > 0.8 else 0.1
        MIX
    return total / spelt / math.log(2.0)
"""


def multiplied(mix: str, added: str = "alone += math.log(chance)") -> dict[str, Confidence]:
    begin, _, end = SCRIPT.partition("def score(")
    score = MULTIPLIED.replace("MIX", mix).replace("ADDED", added)
    main = end[end.index("def main") :]
    text = f"{begin}{score}\n{main}".replace("UNIFORM", "1.0 / 256.0")
    return told(remarks(byte_mixture, text))


@pytest.mark.parametrize(
    "mix",
    [
        "total -= math.log((1 - weight) * math.exp(own) + weight * math.exp(alone))",
        "both = math.exp(alone); p = weight * both + (1 - weight) * math.exp(own)\n"
        "        total -= math.log(max(p, 1e-30))".replace("\\\n", "\n"),
    ],
)
def test_the_product_of_a_token_s_bytes_mixed_with_the_token_is_a_violation(mix: str) -> None:
    """Red: logarithms of bytes are summed up over one token and mixed as a probability of it."""
    assert multiplied(mix) == {"byte-products-mixed": Confidence.VIOLATION}


def test_products_of_bytes_that_are_not_a_token_s_own_are_left_alone() -> None:
    """Near miss: mixed byte by byte; divided by all; two texts weighed; a running total."""
    bytewise = "total -= math.log(0.5 * chance + 0.5 * begins_with(piece, history))"
    assert multiplied("pass", bytewise) == {}
    divided = "p = math.exp(alone) / every(history); total -= math.log(0.5 * p + 0.5 * weight)"
    assert multiplied(divided) == {}
    texts = "total -= math.log(weight * math.exp(alone) + (1 - weight) * math.exp(other))"
    assert multiplied(texts, "alone += math.log(chance); other += loss") == {}
    running = "total -= math.log(0.5 * math.exp(own) + 0.5 * math.exp(whole))"
    assert multiplied(running, "whole = whole + math.log(chance)") == {}


@pytest.mark.parametrize(
    "share",
    [
        "share = math.exp(-loss / len(piece))",
        "share = math.exp(-float(loss) / len(piece))",
        "for each in zip([size], pieces): pass\n        for room in [size]: share = 1",
    ],
)
def test_a_length_may_be_measured_where_it_divides(share: str) -> None:
    """Red: the length has no name; near miss: nothing is divided by it."""
    share = share.replace("\\\n", "\n")
    expected = {"token-spread-over-bytes": Confidence.VIOLATION} if "len(" in share else {}
    assert said(share) == expected


@pytest.mark.parametrize(
    ("loop", "found"),
    [
        ("for at, room in enumerate(sizes)", True),
        ("for room, each in zip(sizes, pieces)", True),
        ("for room in sizes", True),
        ("for each, room in zip(sizes, pieces)", False),
        ("for room, each in other(sizes, pieces)", False),
    ],
)
def test_lengths_that_a_loop_runs_over_are_lengths(loop: str, found: bool) -> None:
    """Red: the share is the loss divided by this turn's length; near miss: by something else."""
    share = f"sizes = np.zeros(9); sizes[0] = size\n        {loop}: share = math.exp(-loss / room)"
    expected = {"token-spread-over-bytes": Confidence.VIOLATION} if found else {}
    assert said(share.replace("\\\n", "\n")) == expected


@pytest.mark.parametrize(("default", "confidence"), [("1", "violation"), ("0", "note")])
def test_a_branch_that_the_settings_leave_out_mixes_nothing(default: str, confidence: str) -> None:
    """Near miss: the function runs, its mixture does not; red: the switch is on by default."""
    mix = "mixed = (1 - weight) * math.exp(own) + weight * math.exp(alone)"
    text = SCRIPT.partition("def score(")[0] + MULTIPLIED.replace(
        "        MIX", f"        if MIXES:\n            {mix}"
    ).replace("ADDED", "alone += math.log(chance)")
    text += SCRIPT[SCRIPT.index("def main") :].replace("    if USE:", "    if True:")
    text = f"import os\nMIXES = bool(int(os.environ.get('MIXES', '{default}')))\n{text}"
    found = told(remarks(byte_mixture, text.replace("UNIFORM", "1.0 / 256.0")))
    assert found == {"byte-products-mixed": Confidence(confidence)}
