"""What do runs on different held-out data show beside each other? One pure function a condition.

Each yields what was violated, with the smallest counterexample; `CONDITIONS` names what each
tested where it yields nothing. Must never conclude from the recorder alone: every conclusion rests
on a printed number, on files left, or on a difference between two runs of the same script. The one
exception is what a script learns from after its last file, where forged notes frame only itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from verifier.records import Outcome, Tested
from verifier.shadow import miscounts
from verifier.shadow.evidence import Evidence
from verifier.shadow.explained import Costs, Explained, Rule
from verifier.shadow.record import Conclusion, Family
from verifier.shadow.running import Result, decimals
from verifier.shadow.saved import below_the_source
from verifier.shadow.streams import DOCUMENT

MOVED = 1e-3
"""Nats by which a score must move to have moved; runs that are alike differ by less than 1e-6."""
_FEWEST_MOVED = 8
_NEAR = 2
"""Windows: what moves no further before the cut than this is a window's own doing."""
_BYTES_TOLERANCE = 0.004
"""Relative: totals of bytes and tokens may leave out an unfinished window."""
_UNCOUNTED = 0.07
"""Of all targets: what windows and batches may drop at the end of so short a stream."""
LIMIT_SECONDS = 600.0


def from_other_tokens(evidence: Evidence) -> Iterator[Conclusion]:
    """C1, C3, C4: a counted score is the same whatever comes after it."""
    found = moved(evidence)
    if found is None or not len(found.places):
        return
    at = int(found.places[0])
    reach = evidence.cut - at
    near = reach <= _NEAR * evidence.window
    kind = (
        "no further back than a window reaches: it is fitted to the window that it scores"
        if near
        else "far beyond any window: something had learned them before they were scored"
    )
    yield Conclusion(
        variant="future",
        family=Family.LEARNED,
        clause="C3",
        said=(
            f"Position {at} (document {at // DOCUMENT}) costs {found.before[at]:.4f} nats; when "
            f"only tokens from {evidence.cut} on are others, {found.after[at]:.4f}. "
            f"{len(found.places)} of {evidence.cut} earlier scores move, {kind}."
        ),
        evidence={
            "position": at,
            "document": at // DOCUMENT,
            "cost": round(float(found.before[at]), 6),
            "cost_with_another_future": round(float(found.after[at]), 6),
            "moved": len(found.places),
            "cut": evidence.cut,
            "within_a_window": near,
        },
    )


def from_earlier_documents(evidence: Evidence) -> Iterator[Conclusion]:
    """R5: a counted score is the same whatever the documents before its own hold."""
    places = _carried(evidence)
    one, other = evidence.explained(evidence.base), evidence.explained(evidence.past)
    if places is None or not len(places) or one is None or other is None:
        return
    at, cut = int(places[0]), evidence.cut
    yield Conclusion(
        variant="past",
        family=Family.CARRIED,
        clause="R5",
        said=(
            f"Position {at} (document {at // DOCUMENT}) costs {one.costs[at]:.4f} nats; when only "
            f"tokens before {cut} are others, documents away, {other.costs[at]:.4f}. "
            f"{len(places)} later scores move: what was learned does not end with its document."
        ),
        evidence={
            "position": at,
            "document": at // DOCUMENT,
            "cost": round(float(one.costs[at]), 6),
            "cost_with_another_past": round(float(other.costs[at]), 6),
            "moved": len(places),
            "cut": cut,
        },
    )


def _carried(evidence: Evidence) -> npt.NDArray[np.int64] | None:
    """Places beyond any window of the cut that another past moves; None: not comparable."""
    one, other = evidence.explained(evidence.base), evidence.explained(evidence.past)
    if one is None or other is None:
        return None
    document = DOCUMENT * (evidence.cut // DOCUMENT + 1)
    first = max(document, evidence.cut + _NEAR * evidence.window)
    differs = np.nan_to_num(np.abs(one.costs - other.costs)[first:])
    places = first + np.flatnonzero(differs > MOVED + 10 * _noise(evidence, one)[first:])
    return places if len(places) >= _FEWEST_MOVED else places[:0]


def _noise(evidence: Evidence, one: Explained) -> Costs:
    """By how much scores of two runs on the same stream differ, position by position."""
    again = evidence.explained(evidence.repeated)
    if again is None:
        return np.zeros(len(one.costs))
    return np.nan_to_num(np.abs(one.costs - again.costs))


@dataclass(frozen=True, slots=True)
class Moved:
    """Counted scores under two futures, and the places where the earlier ones differ."""

    before: Costs
    after: Costs
    places: npt.NDArray[np.int64]


def moved(evidence: Evidence) -> Moved | None:
    """Which scores before the cut another future moves; None where they cannot be compared.

    Scripts may score documents in any order, and learn from what they have scored: compared is
    what was scored no later than the first of the tokens that are others.
    """
    one, other = evidence.explained(evidence.base), evidence.explained(evidence.future)
    if one is None or other is None:
        return None
    cut = evidence.cut
    after = one.when[cut:]
    first_other = int(after[after >= 0].min(initial=one.end))
    earlier = (one.when[:cut] >= 0) & (one.when[:cut] <= first_other)
    differs = np.nan_to_num(np.abs(one.costs - other.costs)[:cut])
    places = np.flatnonzero(earlier & (differs > MOVED + 10 * _noise(evidence, one)[:cut]))
    return Moved(one.costs, other.costs, places if len(places) >= _FEWEST_MOVED else places[:0])


def artifacts_differ(evidence: Evidence) -> bool:
    """Whether a file that was left has other bytes in a run on other held-out data."""
    return any(_differing(evidence))


def _differing(evidence: Evidence) -> Iterator[tuple[str, Result]]:
    """Files that the script reads back, as it must before it scores with them.

    What it only writes may name a score of the held-out data, and be no model.
    """
    for other in (evidence.future, evidence.tempting):
        if other is not None:
            for name, digest in evidence.base.artifacts.items():
                differs = other.artifacts.get(name, digest) != digest
                if differs and evidence.base.read_back(name):
                    yield name, other


def from_held_out_data(evidence: Evidence) -> Iterator[Conclusion]:
    """R4: the files that the script leaves are the same whatever the held-out data are."""
    again = {} if evidence.repeated is None else evidence.repeated.artifacts
    for name, other in _differing(evidence):
        digest = evidence.base.artifacts[name]
        if again.get(name) != digest:
            continue  # it differs between two runs on the same data too
        yield Conclusion(
            variant="held-out",
            family=Family.ARTIFACT,
            clause="R4",
            said=(
                f"{name} has other bytes when only the held-out tokens are others, and the same "
                "bytes when they are the same: it was made from them."
            ),
            evidence={
                "file": name,
                "sha256": digest,
                "sha256_with_other_data": other.artifacts[name],
                "other": other.ran.variant,
            },
        )
        return


def miscounted_bytes(evidence: Evidence) -> Iterator[Conclusion]:
    """R8: what it divides by is the bytes of its tokens.

    By loss and bits a byte, where it prints both; else by the costs that explain its bits a byte.
    """
    told = _bytes_of_its_loss(evidence) or _bytes_of_its_costs(evidence)
    if told is None or abs(told.implied / told.true - 1) <= _BYTES_TOLERANCE + told.rounding:
        return
    yield Conclusion(
        variant="bytes",
        family=Family.BYTES,
        clause="R8",
        said=(
            f"{told.by} say {told.implied:.4f} bytes a token; the tokens that it scored have "
            f"{told.true:.4f}: {told.implied / told.true - 1:+.1%}{told.how}."
        ),
        evidence={"bytes_a_token": round(told.implied, 6), "true": round(told.true, 6)},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    """Bytes a token: those that figures, `by` name, imply, `how` they come out, and the true."""

    by: str
    implied: float
    true: float
    rounding: float = 0.0
    how: str = ""


def _bytes_of_its_loss(evidence: Evidence) -> _Told | None:
    score = evidence.base.score
    if score is None or score.loss is None or score.bpb <= 0 or score.loss <= 0:
        return None
    counts = evidence.world.target_bytes(evidence.base.stream.ids)
    explained = evidence.explained(evidence.base)
    counted = counts[1:] if explained is None else counts[explained.counted]
    return _Told(
        by=f"Its loss of {score.loss} and {score.bpb} bits per byte",
        implied=score.loss / math.log(2) / score.bpb,
        true=float(counted.mean()),
        rounding=0.5 * 10.0**-score.digits / score.bpb
        + 0.5 * 10.0 ** -decimals(score) / score.loss,
    )


def _bytes_of_its_costs(evidence: Evidence) -> _Told | None:
    score, explained = evidence.base.score, evidence.explained(evidence.base)
    if score is None or score.loss is not None or explained is None:
        return None
    ways = miscounts.counts(evidence.world, evidence.base.stream.ids)[explained.counted]
    return _Told(
        by=f"{float(np.nanmean(explained.costs)):.4f} nats a token and {score.bpb} bits per byte",
        implied=float(ways[:, explained.way].mean()),
        true=float(ways[:, 0].mean()),
        how=f", as comes of {miscounts.WAYS[explained.way].said}",
    )


def uncounted(evidence: Evidence) -> Iterator[Conclusion]:
    """R6: every target is counted."""
    explained = evidence.explained(evidence.base)
    if explained is None:
        return
    targets = len(evidence.base.stream) - 1
    left = targets - int(explained.counted[1:].sum())
    allowed = max(2 * evidence.window, int(_UNCOUNTED * targets))
    bos = targets // DOCUMENT
    if left <= allowed + bos:
        return
    first = int(np.flatnonzero(~explained.counted[1:])[0]) + 1
    yield Conclusion(
        variant="coverage",
        family=Family.PARTIAL,
        clause="R6",
        said=(
            f"{left} of {targets} targets are not in the printed number, from position {first} on; "
            f"unfinished windows explain at most {allowed}."
        ),
        evidence={"uncounted": left, "targets": targets, "first": first},
    )


def chosen_by_outcome(evidence: Evidence) -> Iterator[Conclusion]:
    """C4: of several visits of a token none is chosen for being cheaper."""
    explained = evidence.explained(evidence.base)
    if explained is None or explained.rule is not Rule.LEAST:
        return
    yield Conclusion(
        variant="repeat",
        family=Family.CHOSEN,
        clause="C4",
        said="The printed number is the mean of the cheapest of several visits of each token.",
        evidence={"counted": int(explained.counted.sum())},
    )


def late_training(evidence: Evidence) -> Iterator[Conclusion]:
    """R2, R3: no training data are used once the artifact is made, or the time is over."""
    times = evidence.base.trained_since_artifact
    if times:
        yield Conclusion(
            variant="base",
            family=Family.LATE_TRAINING,
            clause="R3",
            said=(
                f"It learns from training tokens {times} times after it has made its last file: "
                "what it scores with is in none of them."
            ),
            evidence={"times": times},
        )
        return
    timed = evidence.timed
    if timed is None or timed.notes is None or not timed.notes.late_training:
        return
    stop = timed.stop
    if stop is None or stop.seconds is None or stop.seconds < LIMIT_SECONDS:
        return
    if stop.asked is not None and stop.step >= stop.asked:
        return
    yield Conclusion(
        variant="train after close",
        family=Family.LATE_TRAINING,
        clause="R2",
        said=(
            f"It trains until its {LIMIT_SECONDS:.0f} s are over (its clock says "
            f"{stop.seconds:.0f} s after step {stop.step}), and uses training tokens "
            f"{timed.notes.late_training} times after that."
        ),
        evidence={"uses": timed.notes.late_training, "stopped_at_seconds": stop.seconds},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """What holds where it finds nothing, and whether the runs could have shown a violation."""

    id: str
    holds: str
    find: Callable[[Evidence], Iterator[Conclusion]]
    testable: Callable[[Evidence], bool]

    def test(self, evidence: Evidence) -> Tested:
        """Kept, broken, or unproven where the runs could not have shown a violation."""
        found = next(self.find(evidence), None)
        if found is not None:
            return Tested(
                condition=self.id,
                outcome=Outcome.BROKEN,
                clause=found.clause,
                said=found.said,
                evidence=found.evidence,
            )
        held = self.testable(evidence)
        outcome = Outcome.KEPT if held else Outcome.UNPROVEN
        said = self.holds if held else f"not tested: {self.holds}"
        return Tested(condition=self.id, outcome=outcome, clause="", said=said)


def _is_explained(evidence: Evidence) -> bool:
    """Whether the numbers of two runs are made up in one way."""
    return evidence.explained(evidence.base) is not None


def switched_on(evidence: Evidence) -> bool:
    """Whether its number on tempting documents is not made up as on random ones.

    On either draw of them: short documents that repeat may hide from the recorder which tokens a
    call was about, by chance.
    """
    if not _is_explained(evidence):
        return False
    tempted = [each for each in (evidence.tempting, evidence.tempted) if each and each.finished]
    return bool(tempted) and all(evidence.explained(each) is None for each in tempted)


def _is_explained_throughout(evidence: Evidence) -> bool:
    return _is_explained(evidence) and not switched_on(evidence)


def _has_bytes(evidence: Evidence) -> bool:
    """Whether its bytes follow from its loss, or from the costs that explain its number."""
    score = evidence.base.score
    return score is not None and (score.loss is not None or _is_explained(evidence))


def _is_timed(evidence: Evidence) -> bool:
    """Whether training data are not used late at all, or the run against the clock met it."""
    notes = evidence.base.notes
    if notes is None or not notes.late_training:
        return notes is not None
    return evidence.timed is not None and evidence.timed.stop is not None


PAST = Condition(
    id="past",
    holds="No counted score depends on the documents before its own (R5).",
    find=from_earlier_documents,
    testable=lambda evidence: _carried(evidence) is not None,
)
"""Asked only where resets are demanded: the rules of most contests let what was learned go on."""

CONDITIONS: tuple[Condition, ...] = (
    Condition(
        id="held-out",
        holds="The files it leaves and reads are the same whatever the held-out data are (R4).",
        find=from_held_out_data,
        testable=lambda evidence: evidence.future is not None and evidence.base.notes is not None,
    ),
    Condition(
        id="future",
        holds="No counted score depends on what is scored after it (C1, C3).",
        find=from_other_tokens,
        testable=lambda each: moved(each) is not None and _is_explained_throughout(each),
    ),
    PAST,
    Condition(
        id="known-source",
        holds="It prints no less than its documents hold, on both sources (C2).",
        find=below_the_source,
        testable=lambda evidence: evidence.tempting is not None and evidence.tempting.finished,
    ),
    Condition(
        id="choice",
        holds="Its number is no choice among several visits (C4).",
        find=chosen_by_outcome,
        testable=_is_explained_throughout,
    ),
    Condition(
        id="bytes",
        holds="Its bytes are those of the competition's table (R8).",
        find=miscounted_bytes,
        testable=_has_bytes,
    ),
    Condition(
        id="coverage",
        holds="Every token is in its number, but for unfinished windows (R6).",
        find=uncounted,
        testable=_is_explained_throughout,
    ),
    Condition(
        id="late-training",
        holds="It uses no training data after its artifact is made, or its time over (R2, R3).",
        find=late_training,
        testable=_is_timed,
    ),
)
"""In the order in which they are told."""


def asked(resets: bool) -> tuple[Condition, ...]:
    """The conditions of a run; `resets`: whether what was learned must end with its document."""
    return tuple(each for each in CONDITIONS if resets or each is not PAST)
