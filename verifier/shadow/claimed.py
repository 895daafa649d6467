"""Which of the results that a script prints is its claim?

Scripts print several results: of the plain model, of windows, of a mixture, some on one line. The
one whose label has the claimed number in the submission's own logs is the one that counts; without
logs it is the last. A label ends in the number's own name, which tells those of a line apart.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator

from verifier.source import Tree
from verifier.source.logs import Log, Meaning, Score, read_log

_LOGS = (".log", ".txt")
_CLAIMS = "submission.json"
_BYTES = 1 << 20
_NUMBERS = re.compile(r"\d+")
"""Strides, epochs and orders that a label tells are others at toy scale."""
_APART = 0.003
"""Bits per byte: seeds differ by less, results of different kinds mostly by more."""


def claimed_label(tree: Tree, texts: Iterable[str]) -> str:
    """The label of the score that the submission claims, "" where its logs do not tell.

    A claim is often the mean of several seeds: the label whose results are, on average, nearest. Of
    labels whose words stand in the script's `texts` only: a log may be another version's.
    """
    known = "\n".join(texts)
    claim = _claim(tree)
    if claim is None:
        return ""
    results: dict[str, list[float]] = {}
    for path in tree.paths:
        if path.endswith(_LOGS) and path in tree.files:
            log = read_log(tree.files[path])
            last = {each.label: each for each in log.scores if each.meaning is Meaning.RESULT}
            for label, score in last.items():
                results.setdefault(label, []).append(score.bpb)
    apart = {
        label: abs(sum(each) / len(each) - claim)
        for label, each in results.items()
        if label and all(word in known for word in label.split())
    }
    nearest = min(apart, key=lambda label: apart[label], default="")
    return nearest if nearest and apart[nearest] < _APART else ""


def counted(log: Log, label: str) -> tuple[Score | None, bool]:
    """The score of a run that stands for its claim, and whether it is the claimed one.

    The last under `label`, whatever the numbers in that; else the run's final one. Without a label
    the final one is taken for the claim.
    """
    same = [score for score in log.scores if _plain(score.label) == _plain(label)]
    if label and same:
        return same[-1], True
    return log.final, not label


def _plain(label: str) -> str:
    return _NUMBERS.sub("#", label)


def _claim(tree: Tree) -> float | None:
    content = tree.files.get(_CLAIMS, b"")[:_BYTES]
    try:
        said = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return next(_numbers(said), None) if isinstance(said, dict) else None


def _numbers(said: dict[str, object]) -> Iterator[float]:
    for name in ("val_bpb", "mean_val_bpb", "val_bpb_mean", "bpb"):
        value = said.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 100:
            yield float(value)
