"""Did it print less than its documents hold, and what does its own scoring say of why?

That it did is proven by the printed number alone (`canary`). Why is told from the recorded visits:
learned tokens, where those explain the number or are the only ones that reach it; bytes, where the
costs are no less than the documents hold; else a mixture that is no distribution.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from verifier.shadow import canary
from verifier.shadow.evidence import Evidence
from verifier.shadow.explained import Explained, Rule, learning
from verifier.shadow.record import Conclusion, Family
from verifier.shadow.running import Result, decimals


def below_the_source(evidence: Evidence) -> Iterator[Conclusion]:
    """C2, C3: the printed total is no less than what its documents hold."""
    for result in (evidence.base, evidence.tempting, evidence.tempted, evidence.ranks):
        if result is None or result.score is None:
            continue
        saving = _saving(evidence, result)
        if saving is None or not saving.proven:
            continue
        why = _learned(evidence, result)
        unit = "nats a token" if result.score.loss is not None else "bits a byte"
        yield Conclusion(
            variant=f"known source ({result.stream.source.value})",
            family=Family.NO_DISTRIBUTION if why is None else Family.LEARNED,
            clause="C2" if why is None else "C3",
            said=(
                f"It printed {saving.printed:.4f} {unit} on documents that hold "
                f"{saving.floor:.4f}: {saving.saved:,.0f} nats saved, where more than "
                f"{saving.threshold:.0f} happens to no predictor but once in "
                f"{1 / canary.ALPHA:.0e} runs.{why or ''}"
            ),
            evidence={
                "printed": saving.printed,
                "floor": round(saving.floor, 6),
                "saved_nats": round(saving.saved, 2),
                "threshold_nats": round(saving.threshold, 2),
                "tokens": saving.tokens,
                "source": result.stream.source.value,
            },
        )
        return


def _saving(evidence: Evidence, result: Result) -> canary.Saving | None:
    """What its number says to have saved; None where it is its bytes that make it small."""
    score, explained = result.score, evidence.explained(result)
    if score is None:
        return None
    if score.loss is not None:
        return canary.of_loss(result.stream, score.loss, decimals(score), _counted(explained))
    if explained is not None and explained.way > 0:
        nats = float(np.nanmean(explained.costs))
        if not canary.of_loss(result.stream, nats, score.digits, _counted(explained)).proven:
            return None
    counts = evidence.world.target_bytes(result.stream.ids)
    return canary.of_bpb(result.stream, score.bpb, score.digits, counts)


def _counted(explained: Explained | None) -> npt.NDArray[np.bool_] | None:
    if explained is None or explained.rule is Rule.EVERY:
        return None
    return explained.counted


def _learned(evidence: Evidence, result: Result) -> str | None:
    """What says that it had learned the tokens, a sentence or ""; None where nothing does."""
    score, notes = result.score, result.notes
    if result is not evidence.base or score is None or notes is None:
        return None
    if evidence.explained(result) is not None:
        return ""
    if score.loss is None:
        return None
    for visits in learning(notes, score.quote.text, len(result.stream)):
        first, least = float(np.nanmean(visits.first)), float(np.nanmean(visits.least))
        at_first = canary.of_loss(result.stream, first, decimals(score), ~np.isnan(visits.first))
        if not at_first.proven and least <= score.loss:
            return (
                f" Its own first scores of the tokens cost {first:.4f}, and only those that it "
                "made after it had learned from the same tokens reach so low: the cheapest cost "
                f"{least:.4f}."
            )
    return None
