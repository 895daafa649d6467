"""Are the bytes, steps and times in submission.json those of the logs?"""

from __future__ import annotations

from collections.abc import Iterator
from statistics import fmean

from verifier.screening.evidence.backing import final_agrees
from verifier.screening.evidence.claims import PRE_QUANT as FIELD
from verifier.screening.evidence.gathering import Evidence
from verifier.screening.evidence.run_logs import ReadLog
from verifier.screening.evidence.saying import note
from verifier.screening.finding import Confidence, Location, Remark
from verifier.screening.rule import Rule
from verifier.screening.screened import Claimed

TOTAL_DIFFERS = Rule(
    id="bytes-total-differs",
    sentence="The claimed size is no total of the logs.",
    clause="R1",
    at_most=Confidence.NOTE,
    clear="Give the largest total that the logs print, with the code.",
)
TOTAL_IS_MEAN = Rule(
    id="bytes-total-is-mean",
    sentence="The claimed size is the mean of the seeds' sizes; the largest counts.",
    clause="R1",
    at_most=Confidence.NOTE,
    clear="Give the largest seed's size.",
)
TOTAL_NOT_MAX = Rule(
    id="bytes-total-not-largest",
    sentence="The claimed size is one seed's, and another one is larger.",
    clause="R1",
    at_most=Confidence.NOTE,
    clear="Give the largest seed's size.",
)
WITHOUT_CODE = Rule(
    id="bytes-exclude-code",
    sentence="A seed's claimed size is the model without the code.",
    clause="R1",
    at_most=Confidence.NOTE,
    clear="Count the code too: the log's total.",
)
CODE_DIFFERS = Rule(
    id="bytes-code-differs",
    sentence="The claimed size of the code is neither the log's nor the file's.",
    clause="R1",
    at_most=Confidence.NOTE,
    clear="Give the size of the code that the log counts.",
)

RULES = (TOTAL_DIFFERS, TOTAL_IS_MEAN, TOTAL_NOT_MAX, WITHOUT_CODE, CODE_DIFFERS)


def check(evidence: Evidence) -> Iterator[Remark]:
    """Every remark about a field beside the score."""
    if evidence.claimed is None:
        return
    yield from _total(evidence, evidence.claimed)
    yield from _code(evidence, evidence.claimed)
    yield from _seeds(evidence, evidence.claimed)


def _sized(evidence: Evidence) -> list[tuple[ReadLog, int]]:
    return [
        (log, log.facts.total_bytes)
        for log in evidence.backing
        if log.facts.total_bytes is not None
    ]


def _places(log: ReadLog, *names: str) -> list[Location]:
    """The lines on which the log states these."""
    found = [log.log.last(name) for name in names]
    return [log.at(stated.quote) for stated in found if stated is not None]


def _total(evidence: Evidence, claimed: Claimed) -> Iterator[Remark]:
    """The one claimed size."""
    sized = _sized(evidence)
    value = claimed.total_bytes
    if value is None or not sized or claimed.sources.get("total_bytes", "").endswith("mean"):
        return
    place = evidence.claim_at("total_bytes")
    largest, size = max(sized, key=lambda pair: pair[1])
    mean = fmean(size for _, size in sized)
    values = {"claimed": value, "largest": size, "mean": round(mean, 1)}
    every = [total for log in evidence.read if (total := log.facts.total_bytes) is not None]
    if value == size:
        return
    if value in every:
        one = claimed.val_bpb is not None and any(
            log.facts.total_bytes == value and final_agrees(log, claimed.val_bpb)
            for log in evidence.read
        )
        if len(sized) > 1 and value < size and not one:
            said = f"claims {value} bytes; {largest.path} has {size}"
            larger = [log for log, total in sized if total > value]
            places = [found for log in larger for found in _places(log, "total_bytes")]
            yield note(TOTAL_NOT_MAX, said, place, *places, **values)
        return
    if len(sized) > 1 and abs(value - mean) <= 1:
        said = f"claims {value} bytes, the mean of {len(sized)} logs; {largest.path} has {size}"
        yield note(TOTAL_IS_MEAN, said, place, *_places(largest, "total_bytes"), **values)
        return
    log = _of_claim(evidence, claimed) or largest
    how = _explained(evidence, log, value)
    said = f"claims {value} bytes; {log.path} says {log.facts.total_bytes}{how}"
    yield note(TOTAL_DIFFERS, said, place, *_places(log, "total_bytes"), **values)


def _of_claim(evidence: Evidence, claimed: Claimed) -> ReadLog | None:
    """The log whose final score is the claim."""
    if claimed.val_bpb is None:
        return None
    value = claimed.val_bpb
    found = (log for log in evidence.backing if final_agrees(log, value))
    return next((log for log in found if log.facts.total_bytes is not None), None)


def _explained(evidence: Evidence, log: ReadLog, value: int) -> str:
    """How the claimed size comes about, where that can be seen."""
    model = log.facts.model_bytes
    models = [one.facts.model_bytes for one in evidence.backing if one.facts.model_bytes]
    if models and abs(fmean(models) - value) <= 1:
        return f"; it is the mean of the {len(models)} models without code"
    if model is None:
        return ""
    for path in evidence.tree.paths:
        if path.endswith(".py") and model + evidence.tree.size(path) == value:
            return f"; it is the log's model with {path} as shipped"
    return "; it is the model without the code" if model == value else ""


def _code(evidence: Evidence, claimed: Claimed) -> Iterator[Remark]:
    """The claimed sizes of code and model."""
    value = claimed.code_bytes
    counted = {
        int(stated.value)
        for log in evidence.read
        for name in ("code_bytes", "code_bytes_packed")
        for stated in log.log.stated.get(name, ())
    }
    if value is None or value == 0 or not counted or value in counted:
        return
    shipped = {
        evidence.tree.size(path): path for path in evidence.tree.paths if path.endswith(".py")
    }
    if value in shipped or value == sum(shipped):
        return
    log = _of_claim(evidence, claimed) or evidence.backing[-1] if evidence.backing else None
    if log is None:
        return
    places = [evidence.claim_at("code_bytes"), *_places(log, "code_bytes")]
    said = f"claims {value} bytes of code; {log.path} counts {min(counted)}"
    model = log.log.last("model_bytes")
    if claimed.model_bytes is not None and model is not None and model.value != claimed.model_bytes:
        said += f", and a model of {claimed.model_bytes} bytes; it says {int(model.value)}"
        places += [evidence.claim_at("model_bytes"), log.at(model.quote)]
    yield note(CODE_DIFFERS, said, *places, claimed=value, logged=min(counted))


def _seeds(evidence: Evidence, claimed: Claimed) -> Iterator[Remark]:
    """Seed by seed: bytes and steps beside the log's."""
    for log in evidence.distinct:
        seed = log.seed
        if not seed or log not in evidence.backing:
            continue
        size, total, model = claimed.seed_bytes.get(seed), log.facts.total_bytes, log.facts
        place = evidence.claim_at(f"seed_bytes.{seed}")
        if size is not None and total is not None and size != total:
            if size == model.model_bytes:
                said = (
                    f"seed {seed} claims {size} bytes, the model alone; its log's total is {total}"
                )
                places = _places(log, "model_bytes", "total_bytes")
                yield note(
                    WITHOUT_CODE, said, place, *places, seed=seed, claimed=size, logged=total
                )
            elif abs(size - total) > 1:
                said = f"seed {seed} claims {size} bytes; its log's total is {total}"
                places = _places(log, "total_bytes")
                yield note(FIELD, said, place, *places, seed=seed, claimed=size, logged=total)
        steps, stop = claimed.steps.get(seed), log.log.stop
        if steps is not None and stop is not None and steps != stop.step:
            said = f"seed {seed} claims {steps} steps; its log stops at {stop.step}"
            place = evidence.claim_at(f"steps.{seed}")
            yield note(
                FIELD, said, place, log.at(stop.quote), seed=seed, claimed=steps, logged=stop.step
            )
