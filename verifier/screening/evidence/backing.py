"""Which logs does a claim rest on, and which of their scores? Those that agree with it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean

from verifier.screening.evidence.run_logs import ReadLog
from verifier.screening.located_json import decimals_of
from verifier.screening.screened import Claimed
from verifier.source.logs import Meaning, Score, agrees

OTHER_CONFIGURATION = 0.05
"""Bits per byte by which no two seeds of one configuration differ."""


def choose_backing(
    claimed: Claimed | None, logs: Sequence[ReadLog], *, record: bool
) -> tuple[ReadLog, ...]:
    """The logs that stand for the claim.

    With a claim per seed: for each seed the log that agrees with it, else the seed's last log.
    Without: every final log that lies least deep, of the seeds that are listed. What asks for no
    record may be a study of one seed; then it is the log that the claim is the score of.
    """
    finals = [log for log in logs if log.log.final is not None]
    if claimed is not None and claimed.seed_bpbs:
        chosen = [_for_seed(seed, bpb, finals) for seed, bpb in claimed.seed_bpbs.items()]
        found = tuple(dict.fromkeys(log.path for log in chosen if log is not None))
        if found:
            return tuple(log for log in finals if log.path in found)
    if not finals:
        return ()
    if claimed is not None and claimed.val_bpb is not None and not record:
        value = claimed.val_bpb
        seeds = {log.seed for log in finals}
        alone = tuple(log for log in finals if final_agrees(log, value))
        if len(alone) == 1 and len(seeds) < len(finals):
            return alone
    least = min(log.path.count("/") for log in finals)
    shallow = tuple(log for log in finals if log.path.count("/") == least)
    if claimed is None or not claimed.seeds:
        told = claimed.val_bpb if claimed is not None else None
        near = tuple(log for log in shallow if told is not None and _ends_near(log, told))
        return near or shallow
    wanted = {str(seed) for seed in claimed.seeds}
    named = tuple(log for log in shallow if log.seed in wanted)
    return named or shallow


def _for_seed(seed: str, bpb: float, logs: Sequence[ReadLog]) -> ReadLog | None:
    own = [log for log in logs if log.seed == seed]
    own = own or [log for log in logs if log.named_seed == seed]
    for log in own or [log for log in logs if not log.seed]:
        if final_agrees(log, bpb):
            return log
    # Of several runs of one seed: the one that prints the claim, else the one that ends nearest.
    printing = (log for log in own if _printed(log, bpb) is not None)
    return next(printing, None) or min(own, key=lambda log: _off(log, bpb), default=None)


def _ends_near(log: ReadLog, claimed: float) -> bool:
    """Whether a log may be of the claimed configuration: one of its results is near the claim."""
    found = [score.bpb for score in log.log.scores if score.meaning is Meaning.RESULT]
    return any(abs(bpb - claimed) < OTHER_CONFIGURATION for bpb in found)


def _off(log: ReadLog, claimed: float) -> float:
    final = log.log.final
    return math.inf if final is None else abs(final.bpb - claimed)


def choose_scores(
    claimed: Claimed | None, logs: Sequence[ReadLog]
) -> tuple[tuple[ReadLog, Score], ...]:
    """The score of each log that the claim rests on: its final one unless the claim is another.

    A seed's claim that a log prints is that log's score. A claimed mean that is not the finals'
    may be the mean of another score that every log prints under one label.
    """
    finals = tuple((log, log.log.final) for log in logs if log.log.final is not None)
    if claimed is None or not finals:
        return finals
    if claimed.seed_bpbs:
        return tuple(
            (log, _printed(log, claimed.seed_bpbs.get(log.seed)) or final) for log, final in finals
        )
    value = claimed.val_bpb
    if value is None or _mean_agrees([final for _, final in finals], value):
        return finals
    results = [
        {score.label: score for score in log.log.scores if score.meaning is Meaning.RESULT}
        for log, _ in finals
    ]
    for label in sorted(results[0], key=lambda label: -results[0][label].digits):
        chosen = [found[label] for found in results if label in found]
        if len(chosen) == len(finals) and _mean_agrees(chosen, value):
            return tuple((log, score) for (log, _), score in zip(finals, chosen, strict=True))
    return finals


def _printed(log: ReadLog, claimed: float | None) -> Score | None:
    """The score of a log that a claim is, None where it prints none."""
    if claimed is None or final_agrees(log, claimed):
        return None
    told = (Meaning.RESULT, Meaning.DIAGNOSTIC)
    found = (score for score in log.log.scores if score.meaning in told)
    return next((score for score in found if score_agrees(score, claimed)), None)


def _mean_agrees(scores: Sequence[Score], claimed: float) -> bool:
    digits = min(score.digits for score in scores)
    return agrees(fmean(score.bpb for score in scores), claimed, digits, decimals_of(claimed))


def final_agrees(log: ReadLog, claimed: float) -> bool:
    """Whether a claimed number can be the log's final score, rounded as it was written."""
    final = log.log.final
    return final is not None and agrees(final.bpb, claimed, final.digits, decimals_of(claimed))


def score_agrees(score: Score, claimed: float) -> bool:
    """Whether a claimed number can be this score."""
    return agrees(score.bpb, claimed, score.digits, decimals_of(claimed))
