"""Do the logs themselves show a limit passed? Size, training time, scoring time, work between.

Self-reported clocks and sizes: a log that shows its own rule broken is taken at its word, one that
does not proves nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from verifier.screening.evidence.code_sizes import least_code, packed_code
from verifier.screening.evidence.gathering import Evidence
from verifier.screening.evidence.run_logs import ReadLog, scoring_seconds
from verifier.screening.evidence.saying import note, remark
from verifier.screening.finding import Confidence, Remark
from verifier.screening.located_json import decimals_of
from verifier.screening.rule import Rule
from verifier.source.logs import Meaning, Phase, Score, Work, agrees

OVER_CAP = Rule(
    id="size-over-cap",
    sentence="The total of a log, or of the claim, is over the cap.",
    clause="R1",
    at_most=Confidence.VIOLATION,
    clear="Make code and model fit; where the log counts the code raw, show it packed.",
    classes=("SIZE_OVER",),
)
PACKED_COUNT = Rule(
    id="code-counted-packed",
    sentence="The log counts the code packed; with the script as shipped it is over the cap.",
    clause="R1",
    at_most=Confidence.NOTE,
    clear="Nothing: the organizers counted packed code. Ship the packed script to be safe.",
    classes=("SIZE_OVER",),
)
TRAIN_OVER = Rule(
    id="train-over-limit",
    sentence="A log's training clock is over the limit.",
    clause="R2",
    at_most=Confidence.VIOLATION,
    clear="Stop training within the limit.",
    classes=("TIME_TRAIN_OVER",),
)
SCORE_OVER = Rule(
    id="score-over-limit",
    sentence="A log's scoring clock is over the limit.",
    clause="R2",
    at_most=Confidence.VIOLATION,
    clear="Score within the limit.",
    classes=("TIME_EVAL_OVER",),
)
SCORE_WITH_WARMUP = Rule(
    id="score-over-limit-with-warm-up",
    sentence="Scoring is over the limit when its compilation and diagnostics are counted.",
    clause="R2",
    at_most=Confidence.NOTE,
    clear="Nothing under the rules as ruled; start the timer before compilation to be safe.",
    classes=("TIME_EVAL_OVER",),
)
WORK_AFTER = Rule(
    id="work-after-limit",
    sentence="Work on the artifact goes on after the training limit.",
    clause="R2",
    at_most=Confidence.NOTE,
    clear="Reserve time for generation, quantisation and compression within the limit.",
    classes=("TIME_TRAIN_OVER",),
)
DATA_AFTER = Rule(
    id="training-data-after-limit",
    sentence="Statistics over training data are collected after the training limit.",
    clause="R2, R3",
    at_most=Confidence.NOTE,
    clear="Reserve time for calibration within the limit, or calibrate on generated text.",
    classes=("GPTQ_EVAL_TRAINDATA",),
)

RULES = (
    *(OVER_CAP, PACKED_COUNT, TRAIN_OVER, SCORE_OVER),
    *(SCORE_WITH_WARMUP, WORK_AFTER, DATA_AFTER),
)

TOLERATED_SECONDS = 0.5
"""Merged logs overshoot by up to 0.13 s: the loop looks at its clock once a step."""
REFUSED_TRAINING_SECONDS = 1.0
"""601.15 s of training was refused."""
REFUSED_SCORING_SECONDS = 10.0
"""616 s of scoring was refused; no ruling is known for less."""
TIGHTER = 0.05
"""By this share of our packing can another minifier or compressor be shorter."""


def check(evidence: Evidence) -> Iterator[Remark]:
    """Every remark about a limit that a log shows passed."""
    for log in evidence.distinct:
        yield from _cap(evidence, log)
        yield from _training(evidence, log)
        yield from _scoring(evidence, log)
        yield from _between(evidence, log)
    yield from _packed(evidence)
    yield from _claimed_size(evidence)


def _claimed_size(evidence: Evidence) -> Iterator[Remark]:
    """A claim's own total over the cap, where no log has another."""
    claimed, cap = evidence.claimed, evidence.policy.size.cap_bytes
    if claimed is None or claimed.total_bytes is None or claimed.total_bytes <= cap:
        return
    if any(log.log.last("total_bytes") is not None for log in evidence.distinct):
        return
    size = claimed.total_bytes
    said = f"{claimed.path} says {size} bytes, {size - cap} over the cap"
    confidence = Confidence.REVIEW if evidence.is_record else Confidence.NOTE
    places = [evidence.claim_at("total_bytes")]
    model = claimed.model_bytes
    if model is not None and cap < model < size:
        said += f"; its model alone has {model}"
        places.append(evidence.claim_at("model_bytes"))
        if evidence.is_record:
            confidence = Confidence.VIOLATION
    yield remark(OVER_CAP, confidence, said, *places, total=size, cap=cap, model=model)


def _strongest(evidence: Evidence, log: ReadLog, asked: Confidence) -> Confidence:
    """What a limit passed by this log is worth: only what a record claims can break its rules."""
    if log not in evidence.backing:
        return Confidence.NOTE
    if not evidence.is_record:
        return Confidence.NOTE
    if not evidence.submitted and asked is Confidence.VIOLATION:
        return Confidence.REVIEW  # nothing says that this run was submitted
    return asked


def _cap(evidence: Evidence, log: ReadLog) -> Iterator[Remark]:
    cap = evidence.policy.size.cap_bytes
    total, model = log.log.last("total_bytes"), log.facts.model_bytes
    if total is None or total.value <= cap:
        return
    size = int(total.value)
    said = f"{log.path} says {size} bytes, {size - cap} over the cap"
    asked = Confidence.REVIEW
    if model is not None and model + least_code(evidence, log) > cap:
        asked = Confidence.VIOLATION
    elif model is not None and (packed := packed_code(evidence, log)) is not None:
        more = _neither(log, size, model)
        fits = model + more + packed * (1 - TIGHTER) <= cap
        asked = Confidence.NOTE if fits else Confidence.REVIEW
        said += f"; its model has {model}, and its script {packed} packed"
        said += f"; {more} bytes of its total are neither" if more else ""
    confidence = _strongest(evidence, log, asked)
    if confidence is Confidence.VIOLATION and not _is_claimed(evidence, log):
        confidence = Confidence.REVIEW
        said += "; the claim has another score, and a total within the cap"
    code = log.facts.code_bytes
    place = log.at(total.quote)
    yield remark(OVER_CAP, confidence, said, place, total=size, cap=cap, model=model, code=code)


def _neither(log: ReadLog, total: int, model: int) -> int:
    """Bytes of a log's total that are neither its code nor its model: a prefix, a table.

    However its code is packed, these stay. 0 where the log does not say what its code has, and
    where its total is that of another of the models that it weighs.
    """
    counted = [log.log.last(name) for name in ("code_bytes", "code_bytes_packed")]
    code = max((int(each.value) for each in counted if each is not None), default=None)
    if code is None or any(
        total - code == each.value for each in log.log.stated.get("model_bytes", ())
    ):
        return 0
    return max(0, total - code - model)


def _is_claimed(evidence: Evidence, log: ReadLog) -> bool:
    """Whether nothing speaks against that the claimed artifact is this log's."""
    claimed, cap = evidence.claimed, evidence.policy.size.cap_bytes
    if claimed is None or claimed.total_bytes is None or claimed.total_bytes > cap:
        return True
    values = [value for value in (claimed.val_bpb, *claimed.seed_bpbs.values()) if value]
    mean, digits = evidence.mean_bpb, 4
    scores = [score.bpb for score in log.log.scores] + ([mean] if mean is not None else [])
    return not values or any(
        agrees(score, value, digits, decimals_of(value)) for score in scores for value in values
    )


def _packed(evidence: Evidence) -> Iterator[Remark]:
    """A total that fits only because the code was counted packed."""
    cap = evidence.policy.size.cap_bytes
    sized = [
        (log, model)
        for log in evidence.distinct
        if log.log.last("code_bytes_packed") is not None
        and (model := log.log.last("model_bytes")) is not None
    ]
    scripts = [path for path in evidence.tree.paths if path.endswith("train_gpt.py")]
    if not sized or not scripts:
        return
    log, model = max(sized, key=lambda pair: pair[1].value)
    script = min(scripts, key=lambda path: path.count("/"))
    shipped = evidence.tree.size(script)
    both = int(model.value) + shipped
    if both > cap:
        said = f"{script} has {shipped} bytes as shipped; with {log.path}'s model that is {both}"
        place = evidence.line_of(script, 0)
        yield note(PACKED_COUNT, said, log.at(model.quote), place, raw=shipped, total=both, cap=cap)


def _training(evidence: Evidence, log: ReadLog) -> Iterator[Remark]:
    stop = log.log.stop
    limit = evidence.policy.train.limit_seconds
    if stop is None or stop.seconds is None or stop.seconds <= limit + TOLERATED_SECONDS:
        return
    gpus = gpu_count(log)
    asked_gpus = evidence.policy.hardware.gpus
    refused = stop.seconds > limit + REFUSED_TRAINING_SECONDS
    asked = _on_hardware(gpus, asked_gpus, refused=refused)
    said = f"{log.path} trains for {stop.seconds:.3f} s; the limit is {limit:g} s"
    if gpus and gpus < asked_gpus:
        shared = stop.seconds * gpus / asked_gpus
        said += f" ({gpus} GPUs: {shared:.1f} s of {asked_gpus})"
    places = [log.at(stop.quote)]
    world = log.log.last("world_size")
    if world is not None:
        places.append(log.at(world.quote))
    confidence = _strongest(evidence, log, asked)
    seconds = stop.seconds
    yield remark(TRAIN_OVER, confidence, said, *places, seconds=seconds, limit=limit, gpus=gpus)


def _on_hardware(gpus: int | None, asked: int, *, refused: bool) -> Confidence:
    """What a clock over its limit is worth: the limits are meant for the track's GPUs."""
    if gpus is not None and gpus < asked:
        return Confidence.NOTE
    return Confidence.VIOLATION if refused and gpus is not None else Confidence.REVIEW


def gpu_count(log: ReadLog) -> int | None:
    """How many GPUs the log tells of."""
    return log.facts.world_size or len(log.log.gpus) or None


def _scoring(evidence: Evidence, log: ReadLog) -> Iterator[Remark]:
    limit = evidence.policy.score.limit_seconds
    scored = next((score for one, score in evidence.scored if one is log), None)
    stated_seconds = scoring_seconds(log.log, scored)
    if stated_seconds is None:
        return
    seconds, place = stated_seconds[0], log.at(stated_seconds[1])
    gpus = gpu_count(log)
    if seconds > limit + TOLERATED_SECONDS:
        refused = seconds > limit + REFUSED_SCORING_SECONDS
        asked = _on_hardware(gpus, evidence.policy.hardware.gpus, refused=refused)
        confidence = _strongest(evidence, log, asked)
        said = f"{log.path} scores for {seconds:.1f} s; the limit is {limit:g} s"
        yield remark(SCORE_OVER, confidence, said, place, seconds=seconds, limit=limit, gpus=gpus)
        return
    warm = _last(log, Phase.WARMUP)
    if warm is None:
        return
    stated = _last(log, Phase.SCORING)
    diagnostic = _diagnostic(log.log.scores)
    total = (stated.seconds if stated else seconds) + warm.seconds
    total += (diagnostic.seconds or 0.0) if diagnostic else 0.0
    if total > limit:
        said = f"{log.path} scores for {seconds:.1f} s, and {total:.1f} s with warm-up"
        said += " and diagnostics" if diagnostic else ""
        places = [log.at(stated.quote) if stated else place, log.at(warm.quote)]
        places += [log.at(diagnostic.quote)] if diagnostic else []
        whole = round(total, 1)
        yield note(
            SCORE_WITH_WARMUP, said, *places, seconds=seconds, warm_up=warm.seconds, total=whole
        )


def _last(log: ReadLog, phase: Phase) -> Work | None:
    found = [work for work in log.log.works if work.phase is phase]
    return found[-1] if found else None


def _diagnostic(scores: Sequence[Score]) -> Score | None:
    """The last scoring of the quantised model that was not the final one."""
    found = [
        score
        for score in scores
        if score.meaning is Meaning.DIAGNOSTIC
        and "quantized" in score.label
        and "pre" not in score.label
    ]
    return found[-1] if found else None


_MAKING = (Phase.GENERATION, Phase.HESSIANS, Phase.QUANTISATION, Phase.COMPRESSION)


def _between(evidence: Evidence, log: ReadLog) -> Iterator[Remark]:
    """Work on the artifact between the end of training and scoring."""
    stop = log.log.stop
    limit = evidence.policy.train.limit_seconds
    if stop is None or stop.seconds is None or stop.seconds > limit + TOLERATED_SECONDS:
        return
    works = [work for work in log.log.works if work.phase in _MAKING]
    works = [work for work in works if work.quote.line > stop.quote.line]
    slow = [work for work in works if work.phase is not Phase.HESSIANS]
    total = stop.seconds + sum(work.seconds for work in works)
    if slow and total > limit:
        said = f"{log.path} works on its artifact until about {total:.1f} s"
        places = [log.at(stop.quote), *(log.at(work.quote) for work in works)]
        yield note(WORK_AFTER, said, *places, seconds=round(total, 2), limit=limit)
    hessians = next((work for work in works if work.phase is Phase.HESSIANS), None)
    generated = any(work.phase is Phase.GENERATION for work in works)
    source = log.log.texts.get("calibration")
    own = generated or (source is not None and ("autoreg" in source[0] or "gen" in source[0]))
    if hessians is not None and not own and stop.seconds + hessians.seconds > limit:
        end = stop.seconds + hessians.seconds
        said = f"{log.path} collects statistics until {end:.2f} s; the limit is {limit:g} s"
        places = [log.at(stop.quote), log.at(hessians.quote)]
        yield note(DATA_AFTER, said, *places, seconds=round(end, 3), limit=limit)
