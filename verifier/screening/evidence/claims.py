"""Is the claimed score what the logs say? Means, best seeds, spreads, and fields beside them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from statistics import fmean, pstdev, stdev

from verifier.screening.evidence.backing import final_agrees, score_agrees
from verifier.screening.evidence.gathering import Evidence, claimed_seeds
from verifier.screening.evidence.run_logs import ReadLog
from verifier.screening.evidence.saying import note, remark
from verifier.screening.evidence.tables import lines_of, readme_path
from verifier.screening.finding import Confidence, Location, Remark
from verifier.screening.located_json import decimals_of
from verifier.screening.rule import Rule
from verifier.screening.screened import Claimed
from verifier.source.logs import Meaning, Score, agrees

DIFFERS = Rule(
    id="claim-differs-from-logs",
    sentence="The claimed score is no final score of the logs, nor their mean.",
    clause="R9",
    at_most=Confidence.REVIEW,
    clear="Ship the logs that end in the claimed score, or claim what they end in.",
    classes=("EVIDENCE_SEEDS",),
)
BEST_SEED = Rule(
    id="claim-is-best-seed",
    sentence="The claimed score is the best seed's, not the mean.",
    clause="R7, R10",
    at_most=Confidence.REVIEW,
    clear="Claim the mean of all seeds.",
    classes=("EVIDENCE_SEEDS",),
)
ONE_SEED = Rule(
    id="claim-is-one-seed",
    sentence="The claimed score is one seed's, neither the mean nor the best.",
    clause="R7",
    at_most=Confidence.NOTE,
    clear="Claim the mean of all seeds.",
    classes=("EVIDENCE_SEEDS",),
)
ROUNDED = Rule(
    id="claim-rounding",
    sentence="The claimed mean is off by its last digit.",
    clause="R7",
    at_most=Confidence.NOTE,
    clear="Round the mean of the logs' exact scores once.",
)
OTHER_SCORE = Rule(
    id="claim-is-another-score",
    sentence="The claimed score is printed in the log, but not as its final score.",
    clause="R9",
    at_most=Confidence.NOTE,
    clear="Say which of the log's scores is submitted.",
)
UNSUPPORTED = Rule(
    id="claim-without-log",
    sentence="No log of the submission ends in a score.",
    clause="R9",
    at_most=Confidence.REVIEW,
    clear="Ship the logs of the runs that the claim comes from.",
    classes=("FORMAT_MISSING", "EVIDENCE_SEEDS"),
    script_only=True,
)
EVAL_ONLY = Rule(
    id="claim-from-scoring-only-logs",
    sentence="The claimed scores are of runs that only scored a saved artifact.",
    clause="R9",
    at_most=Confidence.NOTE,
    clear="Ship logs in which the claimed score follows the training that it belongs to.",
)
SEED_DIFFERS = Rule(
    id="seed-claim-differs-from-log",
    sentence="A seed's claimed score is not its log's final score.",
    clause="R9",
    at_most=Confidence.NOTE,
    clear="Copy each seed's score from the log of that seed.",
)
STD_POPULATION = Rule(
    id="std-is-population",
    sentence="The claimed spread divides by n, not by n-1.",
    clause="R7",
    at_most=Confidence.NOTE,
    clear="Give the sample standard deviation.",
)
STD_DIFFERS = Rule(
    id="std-differs-from-logs",
    sentence="The claimed spread is neither the sample's nor the population's.",
    clause="R7",
    at_most=Confidence.NOTE,
    clear="Compute the spread from the logs' exact scores.",
)
PRE_QUANT = Rule(
    id="field-differs-from-logs",
    sentence="A field beside the score is not what the logs say.",
    clause="R9",
    at_most=Confidence.NOTE,
    clear="Copy the field from the logs.",
)

RULES = (
    *(DIFFERS, BEST_SEED, ONE_SEED, ROUNDED, OTHER_SCORE, UNSUPPORTED),
    *(EVAL_ONLY, SEED_DIFFERS, STD_POPULATION, STD_DIFFERS, PRE_QUANT),
)

SEEDS_OF_A_RECORD = 3
"""A claim that lists the best of so many seeds alone has chosen it by its score."""
WORTH_A_LOOK = 5e-4
"""Bits per byte by which a claim must be better than the logs before a person is asked."""


def check(evidence: Evidence) -> Iterator[Remark]:
    """Every remark about the claimed score."""
    claimed = evidence.claimed
    finals = [log for log in evidence.distinct if log.log.final is not None]
    if not finals:
        yield from _unsupported(evidence)
        return
    if claimed is None:
        return
    if claimed.val_bpb is not None:
        yield from _score(evidence, claimed, claimed.val_bpb)
    yield from _seeds(evidence, claimed)
    yield from _spread(evidence, claimed)
    yield from _before_quantisation(evidence, claimed)


def _unsupported(evidence: Evidence) -> Iterator[Remark]:
    claimed = evidence.claimed
    if claimed is None or claimed.val_bpb is None:
        where = [log.whole() for log in evidence.read] or [Location(path="")]
        said = "no log ends in a score, and nothing claims one"
        yield note(UNSUPPORTED, said, *where)
        return
    confidence = Confidence.REVIEW if evidence.is_record else Confidence.NOTE
    said = f"claims {claimed.val_bpb} bits per byte, and no log ends in a score"
    places = [evidence.claim_at("val_bpb"), *_elsewhere(evidence, repr(claimed.val_bpb))]
    places += [log.whole() for log in evidence.read]
    yield remark(UNSUPPORTED, confidence, said, *places, claimed=claimed.val_bpb)


def _elsewhere(evidence: Evidence, number: str) -> list[Location]:
    """Where else a number of the claim is written: tables and notes that are no logs."""
    found: list[Location] = []
    for path in evidence.tree.files:
        if path.endswith((".tsv", ".csv", ".jsonl")):
            rows = lines_of(evidence.tree.text(path) or "")
            found += [
                evidence.line_of(path, at) for at, row in enumerate(rows, 1) if number in row
            ][:2]
    return found[:6]


def _score(evidence: Evidence, claimed: Claimed, value: float) -> Iterator[Remark]:
    """Which of the logs' numbers the claim is."""
    mean = evidence.mean_bpb
    if mean is None:
        return
    backing = evidence.backing
    finals = {log.path: score.bpb for log, score in evidence.scored}
    digits = min(score.digits for _, score in evidence.scored)
    written = decimals_of(value)
    if agrees(mean, value, digits, written):
        yield from _scoring_only(evidence)
        yield from _not_final(evidence, value)
        return
    places = [evidence.claim_at("val_bpb"), *_final_places(backing)]
    numbers = {"claimed": value, "mean": round(mean, 8), "seeds": len(finals)}
    one = next((log for log in evidence.distinct if final_agrees(log, value)), None)
    if one is not None and one.log.final is not None and len(finals) > 1:
        best = min(finals.values()) >= one.log.final.bpb - 1e-12
        rule = BEST_SEED if best else ONE_SEED
        which = "the best seed's" if best else "one seed's"
        said = (
            f"claims {value}, {which} score ({one.path}); the mean of {len(finals)} is {mean:.8f}"
        )
        alone = best and claimed.seeds == (one.facts.seed,) and len(finals) >= SEEDS_OF_A_RECORD
        confidence = Confidence.REVIEW if alone and evidence.is_record else Confidence.NOTE
        yield remark(rule, confidence, said, *places, *_submitted(evidence), **numbers)
        return
    if one is not None:
        return
    if len(finals) > 1 and written >= 3 and abs(mean - value) < 1.0001 * 10.0**-written:
        said = f"claims {value}; the mean of {len(finals)} logs is {mean:.8f}"
        yield note(ROUNDED, said, *places, **numbers)
        return
    other = _other_score(evidence, value)
    if other is not None:
        log, score = other
        said = f"claims {value}, which {log.path} prints as {score.label!r}, not as its final score"
        yield note(OTHER_SCORE, said, places[0], log.at(score.quote), **numbers)
        return
    best_of_all = min(log.log.final.bpb for log in evidence.distinct if log.log.final is not None)
    better = value < best_of_all - WORTH_A_LOOK
    confidence = Confidence.REVIEW if better and evidence.is_record else Confidence.NOTE
    said = f"claims {value}; the logs' mean is {mean:.8f} and their best {best_of_all:.8f}"
    yield remark(DIFFERS, confidence, said, *places, best=best_of_all, **numbers)


def _submitted(evidence: Evidence) -> list[Location]:
    """The README's line that says which seed was submitted."""
    path = readme_path(evidence.tree)
    lines = lines_of(evidence.tree.text(path) or "") if path else ()
    numbers = [at for at, line in enumerate(lines, 1) if _SUBMITTED.search(line)]
    return [evidence.line_of(path, at) for at in numbers[:2]] if path else []


_SUBMITTED = re.compile(r"\bsubmitted\b[^\n]{0,40}\bseed\b", re.IGNORECASE)


def _final_places(logs: tuple[ReadLog, ...]) -> list[Location]:
    return [log.at(log.log.final.quote) for log in logs if log.log.final is not None]


def _not_final(evidence: Evidence, value: float) -> Iterator[Remark]:
    """The claimed mean is of scores that are not the last that the logs print."""
    others = [(log, score) for log, score in evidence.scored if score != log.log.final]
    if others:
        log, score = others[0]
        last = log.log.final
        said = f"claims {value}, which {log.path} prints as {score.label!r}"
        said += f"; it ends with {last.bpb} ({last.label})" if last else ""
        places = [evidence.claim_at("val_bpb"), *(log.at(score.quote) for log, score in others)]
        yield note(OTHER_SCORE, said, *places, claimed=value, logs=len(others))


def _other_score(evidence: Evidence, value: float) -> tuple[ReadLog, Score] | None:
    for log in evidence.distinct:
        for score in log.log.scores:
            told = score.meaning in (Meaning.RESULT, Meaning.DIAGNOSTIC)
            if told and score_agrees(score, value):
                return log, score
    return None


def _scoring_only(evidence: Evidence) -> Iterator[Remark]:
    """Whether the claimed scores come from runs without training while others trained."""
    only = [log for log in evidence.backing if log.log.eval_only and log.log.stop is None]
    trained = [log for log in evidence.distinct if log.log.stop is not None and log.log.final]
    if not only or not trained:
        return
    instead = "/".join(f"{log.log.final.bpb:.8f}" for log in trained if log.log.final)[:120]
    said = (
        f"the claim is of {len(only)} runs that only scored; the training logs end with {instead}"
    )
    places = [*_final_places(tuple(only)), *_final_places(tuple(trained))]
    yield note(EVAL_ONLY, said, *places, scored_only=len(only), trained=len(trained))


def _seeds(evidence: Evidence, claimed: Claimed) -> Iterator[Remark]:
    """Seed by seed: the claim beside the log's final score."""
    for seed, value in claimed.seed_bpbs.items():
        own = [log for log in evidence.distinct if log.seed == seed and log.log.final is not None]
        if not own or any(final_agrees(log, value) for log in own):
            continue
        if any(score_agrees(score, value) for log in own for score in log.log.scores):
            continue
        final = own[-1].log.final
        if final is None or abs(final.bpb - value) < 1.0001 * 10.0 ** -decimals_of(value):
            continue
        said = f"seed {seed} claims {value}; {own[-1].path} ends with {final.bpb}"
        places = (evidence.claim_at(f"seed_bpbs.{seed}"), own[-1].at(final.quote))
        yield note(SEED_DIFFERS, said, *places, seed=seed, claimed=value, logged=final.bpb)


def _spread(evidence: Evidence, claimed: Claimed) -> Iterator[Remark]:
    """The claimed standard deviation."""
    std = claimed.bpb_std
    scores = [score.bpb for score in claimed_seeds(evidence)]
    if std is None or std == 0 or len(scores) < 2:
        return
    sample, population = stdev(scores), pstdev(scores)
    written = decimals_of(std)
    place = evidence.claim_at("bpb_std")
    values = {
        "claimed": std,
        "sample": round(sample, 8),
        "population": round(population, 8),
        "mean": round(fmean(scores), 8),
    }
    if agrees(sample, std, written):
        return
    said = (
        f"claims a spread of {std}; the sample's is {sample:.8f}, the population's {population:.8f}"
    )
    if agrees(population, std, written):
        yield note(STD_POPULATION, said, place, **values)
    elif abs(sample - std) > max(0.02 * sample, 1.0001 * 10.0**-written):
        yield note(STD_DIFFERS, said, place, **values)


_BEFORE = ("pre_quant_val_bpb", "pre_quant_bpb", "prequant_val_bpb", "pre_ttt_val_bpb")


def _before_quantisation(evidence: Evidence, claimed: Claimed) -> Iterator[Remark]:
    """A claimed score before quantisation beside the logs' own."""
    for key in _BEFORE:
        value = claimed.others.get(key)
        if isinstance(value, bool) or not isinstance(value, int | float):
            continue
        logged = [(log, score) for log in evidence.backing if (score := _diagnostic(log))]
        if not logged:
            return
        mean = fmean(score.bpb for _, score in logged)
        known = any(
            score_agrees(score, value) for log in evidence.distinct for score in log.log.scores
        )
        if known or abs(mean - value) < 1.0001 * 10.0 ** -decimals_of(value):
            continue
        said = f"{key} is {value}; the logs' mean before quantisation is {mean:.8f}"
        places = [evidence.claim_at(key), *(log.at(score.quote) for log, score in logged)]
        yield note(PRE_QUANT, said, *places, claimed=value, logged=round(mean, 8))


def _diagnostic(log: ReadLog) -> Score | None:
    """The last score that was taken before quantisation."""
    found = [
        score
        for score in log.log.scores
        if score.meaning is Meaning.DIAGNOSTIC and "pre" in score.label.lower()
    ]
    return found[-1] if found else None
