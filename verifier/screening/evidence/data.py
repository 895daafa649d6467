"""Is the held-out text the whole one, counted right, and the machine the one that was asked for?"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping

from verifier.screening.evidence.gathering import Evidence
from verifier.screening.evidence.run_logs import ReadLog
from verifier.screening.evidence.saying import note, remark
from verifier.screening.finding import Confidence, Location, Remark
from verifier.screening.located_json import decimals_of
from verifier.screening.rule import Rule
from verifier.source.logs import Meaning, Score

TOKENS = Rule(
    id="tokens-not-canonical",
    sentence="A log scores another number of tokens than the fixed documents have.",
    clause="R6",
    at_most=Confidence.REVIEW,
    clear="Score every token of the fixed documents once.",
    classes=("PARTIAL_VAL", "NONCANONICAL_VAL"),
)
BYTES = Rule(
    id="bytes-not-canonical",
    sentence="Score, loss and tokens of a log imply another number of bytes than the text has.",
    clause="R6, R8",
    at_most=Confidence.REVIEW,
    clear="Divide by the UTF-8 bytes of the documents.",
    classes=("BYTE_DOUBLE_SPACE", "BYTE_FALLBACK3", "BYTE_NO_U2581", "BYTE_DENOM"),
)
RATIO = Rule(
    id="bytes-per-token-differ",
    sentence="Score and loss imply other bytes per token than the tokenizer gives.",
    clause="R6, R8",
    at_most=Confidence.REVIEW,
    clear="Divide by the UTF-8 bytes of the documents.",
    classes=("BYTE_DOUBLE_SPACE", "BYTE_FALLBACK3", "BYTE_NO_U2581", "BYTE_DENOM"),
)
PART = Rule(
    id="validation-limited",
    sentence="A log says that it scores only a part of the held-out text.",
    clause="R6",
    at_most=Confidence.NOTE,
    clear="Score all of it.",
    classes=("PARTIAL_VAL",),
)
SHARDS = Rule(
    id="train-shards-few",
    sentence="A log trains on fewer shards than the published data has.",
    clause="R4",
    at_most=Confidence.NOTE,
    clear="Nothing under the rules; say which shards were used.",
)
HARDWARE = Rule(
    id="hardware-differs",
    sentence="A log ran on other or fewer GPUs than the track is run on.",
    clause="R2",
    at_most=Confidence.NOTE,
    clear="Ship the logs of a run on the track's hardware.",
)
GATES = Rule(
    id="target-gate-counted",
    sentence="A log counts positions gated by what kind of token the target is.",
    clause="C1, C2",
    at_most=Confidence.REVIEW,
    clear="Gate only on earlier tokens, so that these counters are zero.",
    classes=("NGRAM_TARGET_GATE",),
)

RULES = (TOKENS, BYTES, RATIO, PART, SHARDS, HARDWARE, GATES)

TEXT_BYTES = 151_080_000
"""UTF-8 bytes of the fixed documents, to 4 digits (R6)."""
CANONICAL: Mapping[str, int] = {"1024": 62_021_632, "4096": 45_508_608, "8192": 40_540_160}
"""Tokens of the fixed documents by the published vocabularies (R6)."""
CASE_OPS_TOKENS = 47_851_520
"""The same with the accepted lossless capitalisation of the 8,192 vocabulary."""
LONGEST_WINDOW = 65_536
"""Totals are cut to a multiple of a window, so they drift by less than one."""
PUBLISHED_SHARDS = 80
MANY = 0.01
"""A share by which no other part of the text, and no rounding, has more bytes per token."""
PARTS_DIFFER = 0.005
"""By so much do the bytes per token of other documents of the same kind differ at most."""

_DATA = re.compile(r"tokenizer|data", re.IGNORECASE)
_VOCABULARY = re.compile(
    r"(?:sp|fineweb_|bpe_?)(1024|4096|8192)(?![0-9])|(?<![0-9])(1024|4096|8192)_?bpe"
)


def check(evidence: Evidence) -> Iterator[Remark]:
    """Every remark about what was scored and on what it ran."""
    for log in evidence.distinct:
        yield from _counted(evidence, log)
        yield from _limited(log)
        yield from _gates(log)
    yield from _claimed(evidence)
    yield from _shards(evidence)
    yield from _hardware(evidence)


def bytes_per_token(score: Score) -> tuple[float, float] | None:
    """Bytes of text per scored token that loss and score imply, and their relative precision."""
    return None if score.loss is None else _implied(score.loss, score.bpb, score.digits)


def _implied(loss: float, bpb: float, digits: int) -> tuple[float, float] | None:
    if bpb <= 0 or loss <= 0:
        return None
    return loss / math.log(2) / bpb, 0.5 * 10.0**-digits * (1 / bpb + 1 / loss)


def _judged(log: ReadLog) -> Score | None:
    """The score whose bytes are judged: the most exact one that is final or of the same run."""
    final = log.log.final
    scores = [
        score
        for score in log.log.scores
        if score.loss is not None and score.meaning in (Meaning.RESULT, Meaning.STEP)
    ]
    if final is not None and final.loss is not None:
        return final
    return max(scores, key=lambda score: score.digits, default=None)


def _counted(evidence: Evidence, log: ReadLog) -> Iterator[Remark]:
    """Tokens, and the bytes that they imply."""
    score = _judged(log)
    ratio = bytes_per_token(score) if score is not None else None
    tokens = log.log.last("val_tokens")
    strong = (
        Confidence.REVIEW if log in evidence.backing and evidence.is_record else Confidence.NOTE
    )
    if tokens is not None and ratio is not None and score is not None:
        implied = ratio[0] * tokens.value
        off = implied / TEXT_BYTES - 1
        window = LONGEST_WINDOW / tokens.value
        if abs(off) > 4e-4 + ratio[1] + window:
            said = (
                f"{log.path}: {int(tokens.value)} tokens of {ratio[0]:.6f} bytes are"
                f" {implied / 1e6:.2f} MB; the text has {TEXT_BYTES / 1e6:.2f} MB"
            )
            confidence = strong if off > 0 and not _other_part(log, ratio[0]) else Confidence.NOTE
            places = (log.at(tokens.quote), log.at(score.quote))
            yield remark(BYTES, confidence, said, *places, implied=round(implied), text=TEXT_BYTES)
    elif ratio is not None and score is not None:
        yield from _ratio(evidence, log, score, ratio)
    if tokens is not None:
        yield from _tokens(log, int(tokens.value), tokens.quote.line)


def _tokens(log: ReadLog, tokens: int, line: int) -> Iterator[Remark]:
    """A count that no published vocabulary gives; another vocabulary is not accused."""
    vocabulary = vocabulary_of(log)
    canonical = CANONICAL.get(vocabulary)
    if canonical is None:
        return
    counts = [canonical, CASE_OPS_TOKENS] if vocabulary == "8192" else [canonical]
    if any(abs(tokens - count) <= LONGEST_WINDOW for count in counts):
        return
    said = f"{log.path} scores {tokens} tokens; the documents have {canonical}"
    place = Location(path=log.path, line=line)
    yield note(TOKENS, said, place, tokens=tokens, canonical=canonical)


def _other_part(log: ReadLog, bytes_per_token: float) -> bool:
    """Whether another number of tokens than the documents have has the bytes of their tokens."""
    tokens, canonical = log.log.last("val_tokens"), CANONICAL.get(vocabulary_of(log))
    if tokens is None or canonical is None or abs(tokens.value - canonical) <= LONGEST_WINDOW:
        return False
    return abs(bytes_per_token * canonical / TEXT_BYTES - 1) < PARTS_DIFFER


def vocabulary_of(log: ReadLog) -> str:
    """ "1024", "4096", "8192" or "": the published vocabulary that the log names."""
    for name in ("tokenizer", "validation", "dataset"):
        said = log.log.texts.get(name)
        found = _VOCABULARY.search(said[0]) if said is not None else None
        if found is not None:
            return found.group(1) or found.group(2)
    return ""


def _ratio(
    evidence: Evidence, log: ReadLog, score: Score, ratio: tuple[float, float]
) -> Iterator[Remark]:
    """Bytes per token where the log does not count tokens."""
    vocabulary = vocabulary_of(log)
    if log in evidence.backing:
        yield from _compared(evidence, vocabulary, ratio, log.path, log.at(score.quote))


def _claimed(evidence: Evidence) -> Iterator[Remark]:
    """The same of the claim's own score and loss, where no log ends in them."""
    claimed = evidence.claimed
    if claimed is None or any(log.log.final is not None for log in evidence.read):
        return
    pairs = [("val_bpb", claimed.val_bpb, claimed.val_loss)]
    pairs += [
        (f"seed_bpbs.{seed}", bpb, claimed.seed_losses.get(seed))
        for seed, bpb in claimed.seed_bpbs.items()
    ]
    for key, bpb, loss in pairs:
        if bpb is not None and loss is not None:
            ratio = _implied(loss, bpb, min(decimals_of(bpb), decimals_of(loss)))
            place = evidence.claim_at(key)
            if ratio is not None:
                name = claimed.path
                yield from _compared(evidence, _vocabulary(evidence), ratio, name, place)
                return


def _compared(
    evidence: Evidence, vocabulary: str, ratio: tuple[float, float], name: str, place: Location
) -> Iterator[Remark]:
    """More bytes than there are ask for a person: they make a score better than it is."""
    canonical = CANONICAL.get(vocabulary)
    if canonical is None:
        return
    expected = [TEXT_BYTES / canonical]
    if canonical == CANONICAL["8192"]:
        expected.append(TEXT_BYTES / CASE_OPS_TOKENS)
    off = min(abs(ratio[0] / one - 1) for one in expected)
    if off > 1.5e-3 + ratio[1]:
        said = f"{name}: {ratio[0]:.4f} bytes per token; its tokenizer gives {expected[0]:.4f}"
        values = {"implied": round(ratio[0], 6), "expected": round(expected[0], 6)}
        more = ratio[0] > max(expected) * (1 + MANY + ratio[1]) and evidence.is_record
        confidence = Confidence.REVIEW if more else Confidence.NOTE
        yield remark(RATIO, confidence, said, place, **values)


def _vocabulary(evidence: Evidence) -> str:
    """The published vocabulary that the script's settings name."""
    program = evidence.program
    for name, setting in program.settings.items() if program is not None else ():
        if isinstance(setting.value, str) and _DATA.search(name):
            found = _VOCABULARY.search(setting.value[:400])
            if found is not None:
                return found.group(1) or found.group(2)
    return ""


def _limited(log: ReadLog) -> Iterator[Remark]:
    limited = log.log.last("limited_batches")
    if limited is not None:
        said = f"{log.path} scores {int(limited.value)} batches and says that they are not all"
        same = [one for one in log.log.stated["limited_batches"] if one.value == limited.value]
        places = [log.at(one.quote) for one in same[:4]]
        yield note(PART, said, *places, batches=int(limited.value))


def _gates(log: ReadLog) -> Iterator[Remark]:
    for name in ("within_gate", "word_gate"):
        counted = log.log.last(name)
        if counted is not None and counted.value > 0:
            said = f"{log.path}: {name} opened at {int(counted.value)} positions"
            place = log.at(counted.quote)
            yield remark(GATES, Confidence.REVIEW, said, place, gate=name, count=int(counted.value))
            return


def _shards(evidence: Evidence) -> Iterator[Remark]:
    few = [
        (log, shards)
        for log in evidence.backing
        if (shards := log.log.last("train_shards")) is not None
        and 0 < shards.value < PUBLISHED_SHARDS
    ]
    if few:
        counts = ", ".join(dict.fromkeys(str(int(shards.value)) for _, shards in few))
        said = (
            f"{len(few)} logs train on {counts} shards; the published data has {PUBLISHED_SHARDS}"
        )
        places = [log.at(shards.quote) for log, shards in few]
        yield note(SHARDS, said, *places, shards=int(few[0][1].value))


def _hardware(evidence: Evidence) -> Iterator[Remark]:
    """The first table of devices of each log, and its ranks."""
    asked = evidence.policy.hardware
    for log in evidence.distinct:
        if log.log.final is None:
            continue
        others = [gpu for gpu in log.log.gpus if asked.model and asked.model not in gpu]
        world = log.log.last("world_size")
        ranks = int(world.value) if world is not None else len(log.log.gpus)
        few = 0 < ranks < asked.gpus and "10min" in evidence.folder and evidence.is_record
        if not others and not few:
            continue
        have = log.facts.hardware or f"{ranks} ranks"
        said = f"{log.path} ran on {have}; the track is run on {asked.gpus} × {asked.model}"
        places = [log.at(log.log.gpus_at)] if log.log.gpus_at is not None else []
        places += [log.at(world.quote)] if world is not None and few else []
        yield note(HARDWARE, said, *places, ranks=ranks, hardware=have[:100])
