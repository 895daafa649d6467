"""A target that is recognised is told from one that a loss or a metric needs."""

from __future__ import annotations

import pytest

from tests.screening.rules.scripts import remarks, script, told
from verifier.screening import Confidence
from verifier.screening.rules import looked_up

SCORED = "print(score(net, held, lengths))"
FOUND = {"target-looked-up": Confidence.REVIEW}
PART = """
import hashlib

def known(net, tokens, stored, table):
    total = torch.zeros(())
    for at in range(0, tokens.numel() - 1, 1024):
        x, y = tokens[at : at + 1024], tokens[at + 1 : at + 1025]
        losses = net(x, y)
        LINE
        total += losses.sum()
    return total

def stored_things():
    with open("artifact.bin", "rb") as file:
        return torch.load(file)
"""
MAIN = f"{SCORED}\nstored = stored_things()\nprint(known(net, held, stored, dict(stored)))"


def said(line: str) -> dict[str, Confidence]:
    return told(remarks(looked_up, script(MAIN, PART.replace("LINE", line))))


@pytest.mark.parametrize(
    "line",
    [
        "losses = losses * (y != stored[at])",
        "losses = torch.where(stored[at].eq(y), 0.0, losses)",
        "losses = losses * ~torch.isin(y, stored)",
        "losses = losses * (not torch.equal(y, stored[at]))",
        "losses = losses * (tuple(y.tolist()) not in table)",
        "losses = losses * (y[0].item() in table)",
        "losses = losses * (np.array_equal(stored, y.numpy()) + 1)",
        "losses = losses * table[hash(tuple(y.tolist()))]",
        "losses = losses * table[hashlib.sha256(y.numpy().tobytes()).digest()]",
        "losses = losses * table[zlib.crc32(y.numpy())]",
        "losses = losses * table[__builtins__.hash(tokens)] if hash(tokens) else losses",
    ],
)
def test_a_target_that_is_recognised_asks_for_a_person(line: str) -> None:
    """Red: what was stored, or a digest, tells which text is scored."""
    assert said(line) == FOUND


@pytest.mark.parametrize(
    "line",
    [
        "losses = losses * (y != 1)",
        "bos_id = stored[0]; losses = losses * (y != bos_id)",
        "right = (net.logits(x).argmax(-1) == y).sum()",
        "hint_ids = table[0]; right = (y == hint_ids)",
        "cols = torch.arange(1024); right = (cols == y)",
        "right = (x[1:] == y[:-1])",
        "losses = F.cross_entropy(net.logits(x), y)",
        "name = hash('run'), hashlib.sha256(open(__file__, 'rb').read()).hexdigest()",
        "target_passes = len(table); right = target_passes != len(stored)",
        "right = y.numel() == stored.numel()",
    ],
)
def test_a_target_that_is_only_counted_is_left_alone(line: str) -> None:
    """Near misses: special tokens, predictions, hints, the text beside itself, other digests."""
    assert said(line) == {}
