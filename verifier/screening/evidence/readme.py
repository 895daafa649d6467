"""Does the README say what claims and logs say, and are the files that it runs there?"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from verifier.screening.evidence.gathering import Evidence
from verifier.screening.evidence.run_logs import ReadLog
from verifier.screening.evidence.saying import note
from verifier.screening.evidence.tables import (
    Cell,
    Row,
    files_named,
    lines_of,
    readme_path,
    rows_of,
)
from verifier.screening.finding import Confidence, Location, Remark
from verifier.screening.located_json import decimals_of
from verifier.screening.rule import Rule
from verifier.source.logs import Meaning, Score, agrees

NO_README = Rule(
    id="readme-missing",
    sentence="There is no README.",
    clause="R9",
    at_most=Confidence.NOTE,
    clear="Add a README.md that explains the submission and how to run it.",
    classes=("FORMAT_MISSING",),
)
FILE_MISSING = Rule(
    id="readme-file-missing",
    sentence="The README's commands name a file that is not shipped.",
    clause="R9",
    at_most=Confidence.NOTE,
    clear="Ship the file, or give the command that runs what is shipped.",
)
LOG_DIFFERS = Rule(
    id="readme-differs-from-logs",
    sentence="A number of the README is not what the log says.",
    clause="R9",
    at_most=Confidence.NOTE,
    clear="Copy the number from the log.",
)
CLAIM_DIFFERS = Rule(
    id="readme-differs-from-claim",
    sentence="The README gives another score than submission.json.",
    clause="R9",
    at_most=Confidence.NOTE,
    clear="Give one score in both.",
)
SEEDS_WITHOUT_LOG = Rule(
    id="readme-seeds-without-log",
    sentence="The README gives results of seeds that have no log.",
    clause="R7, R9",
    at_most=Confidence.NOTE,
    clear="Ship the logs of these seeds.",
    classes=("EVIDENCE_SEEDS",),
)

RULES = (NO_README, FILE_MISSING, LOG_DIFFERS, CLAIM_DIFFERS, SEEDS_WITHOUT_LOG)

_OF_THE_COMPETITION = re.compile(
    r"(?:^|/)(?:data/|train_gpt_mlx\.py\Z|cached_challenge_fineweb\.py|download_hf_docs)"
)
_HEADLINE_LINES = 12
_HEADLINE = re.compile(
    r"\bval_bpb\b[*`]{0,3}\s{0,2}(?:[:=|]|is)\s{0,2}[*`|\s]{0,6}([0-9]\.[0-9]{3,10})(?![0-9])"
    r"|(?<![\w.])([0-9]\.[0-9]{3,10})[*`]{0,3}\s(?:val_)?bpb\b",
    re.IGNORECASE,
)
_SIDE = re.compile(
    r"delta|gain|Δ|diff|improve|\bvs\b|std|cost|gap|baseline|sota|merged", re.IGNORECASE
)
_GPUS = re.compile(r"([\w.-]{1,80}\.(?:txt|log))`?[^.\n]{0,60}?\b([1-8])\s?[x×]\s?[A-Z]{0,3}H100")
_BULLET_TIME = re.compile(r"[Tt]rain(?:ing)? time[*:` ]{1,8}([0-9]{4,9})\s?ms")
_BULLET_STEPS = re.compile(r"^\W{0,6}(?:[Tt]raining )?[Ss]teps[*:` ]{1,8}([0-9][0-9,]{2,9})\s?/")


def check(evidence: Evidence) -> Iterator[Remark]:
    """Every remark about the README."""
    path = readme_path(evidence.tree)
    text = evidence.tree.text(path) if path else None
    if path is None or text is None:
        yield note(NO_README, "no README.md", Location(path=""))
        return
    lines = lines_of(text)
    yield from _commands(evidence, path, lines)
    yield from _headline(evidence, path, lines)
    yield from _bullets(evidence, path, lines)
    for row in rows_of(lines):
        yield from _row(evidence, path, row)


def _commands(evidence: Evidence, path: str, lines: Sequence[str]) -> Iterator[Remark]:
    shipped = evidence.tree.paths
    said_already: set[str] = set()
    for number, line in enumerate(lines, 1):
        for named in files_named(line):
            if named in said_already or _OF_THE_COMPETITION.search(named):
                continue
            inside = named.rsplit("records/", 1)[-1]
            if any(inside == one or inside.endswith(f"/{one}") for one in shipped):
                continue
            if any(one.endswith(f"/{inside}") for one in shipped):
                continue
            said_already.add(named)
            said = f"the README runs {named}, which is not shipped"
            yield note(FILE_MISSING, said, evidence.line_of(path, number), file=named[:200])


def _headline(evidence: Evidence, path: str, lines: Sequence[str]) -> Iterator[Remark]:
    """The scores at the README's top, of which one should be the claim."""
    claimed = evidence.claimed
    if claimed is None or claimed.val_bpb is None:
        return
    value = claimed.val_bpb
    written: dict[int, list[str]] = {}
    for number, line in enumerate(lines[:_HEADLINE_LINES], 1):
        found = [first or second for first, second in _HEADLINE.findall(line)]
        found = [one for one in found if value / 3 < float(one) < value * 3]
        if found:
            written[number] = found
    if not written or any(_same(one, value) for found in written.values() for one in found):
        return
    first = next(iter(written.values()))[0]
    said = f"the README says {first}, {claimed.path} {value}"
    places = [evidence.line_of(path, number) for number in written]
    claim = evidence.claim_at("val_bpb")
    yield note(CLAIM_DIFFERS, said, *places, claim, readme=float(first), claimed=value)


def _same(written: str, value: float) -> bool:
    digits = len(written.split(".")[1])
    return agrees(float(written), value, digits, decimals_of(value))


def _bullets(evidence: Evidence, path: str, lines: Sequence[str]) -> Iterator[Remark]:
    """Single numbers beside the only log, and GPUs that a line gives to a log."""
    only = evidence.backing[0] if len(evidence.backing) == 1 else None
    for number, line in enumerate(lines, 1):
        found = _GPUS.search(line)
        if found is not None:
            yield from _gpus(evidence, path, number, found.group(1), int(found.group(2)))
        if only is None or only.log.stop is None:
            continue
        stop = only.log.stop
        time = _BULLET_TIME.search(line)
        if (
            time is not None
            and stop.seconds is not None
            and int(time.group(1)) != round(stop.seconds * 1000)
        ):
            said = f"the README says {time.group(1)} ms; {only.path} says {stop.seconds * 1000:.0f}"
            places = (evidence.line_of(path, number), only.at(stop.quote))
            yield note(LOG_DIFFERS, said, *places, readme=int(time.group(1)))
        steps = _BULLET_STEPS.search(line)
        if steps is not None and int(steps.group(1).replace(",", "")) != stop.step:
            said = f"the README says {steps.group(1)} steps; {only.path} stops at {stop.step}"
            places = (evidence.line_of(path, number), only.at(stop.quote))
            yield note(LOG_DIFFERS, said, *places, logged=stop.step)


def _gpus(evidence: Evidence, path: str, number: int, name: str, gpus: int) -> Iterator[Remark]:
    for log in evidence.read:
        world = log.log.last("world_size")
        if log.path.endswith(name) and world is not None and int(world.value) != gpus:
            said = f"the README gives {gpus} GPUs to {log.path}, which says {int(world.value)}"
            places = [evidence.line_of(path, number), log.at(world.quote)]
            for other in evidence.read:
                stated = other.log.last("world_size")
                if stated is not None and int(stated.value) == gpus:
                    places.append(other.at(stated.quote))
            yield note(LOG_DIFFERS, said, *places, readme=gpus, logged=int(world.value))


def _row(evidence: Evidence, path: str, row: Row) -> Iterator[Remark]:
    """One row of a table beside the log that it is of."""
    log = _log_of(evidence, row)
    place = evidence.line_of(path, row.line)
    yield from _seeds_of(evidence, row, place)
    if log is None:
        return
    for cell in row.cells:
        if _SIDE.search(cell.head) or "seed" in cell.head:
            continue
        if re.search(r"\bsteps?\b", cell.head) and not re.search(r"ms|avg|time|/", cell.head):
            yield from _steps(log, cell, place)
        elif cell.decimals and re.search(r"bpb|loss|ttt|quant|ema|slid|round|score", cell.head):
            yield from _scored(evidence, log, cell, place)


def _log_of(evidence: Evidence, row: Row) -> ReadLog | None:
    """The log of the row's seed, else the only one that ends in one of its numbers."""
    for cell in row.cells[:2]:
        if "seed" in cell.head and cell.integer is not None:
            own = [log for log in evidence.backing if log.seed == str(cell.integer)]
            return own[0] if len(own) == 1 else None
    numbers = [number for cell in row.cells for number in cell.decimals]
    logs = [log for log in evidence.distinct if _ends_in(log, numbers)]
    return logs[0] if len(logs) == 1 else None


def _ends_in(log: ReadLog, numbers: Sequence[str]) -> bool:
    final = log.log.final
    return final is not None and any(
        agrees(final.bpb, float(number), final.digits, len(number.split(".")[1]))
        for number in numbers
        if len(number.split(".")[1]) >= 4
    )


def _steps(log: ReadLog, cell: Cell, place: Location) -> Iterator[Remark]:
    stop, steps = log.log.stop, cell.integer
    if stop is not None and steps is not None and steps != stop.step:
        said = f"the README says {steps} steps; {log.path} stops at {stop.step}"
        yield note(LOG_DIFFERS, said, place, log.at(stop.quote), readme=steps, logged=stop.step)


def _scored(evidence: Evidence, log: ReadLog, cell: Cell, place: Location) -> Iterator[Remark]:
    """A score in a cell that no score of the log, or of another of its seed, rounds to."""
    written = cell.decimals[0]
    digits, value = len(written.split(".")[1]), float(written)
    own = [one for one in evidence.distinct if one is log or (log.seed and one.seed == log.seed)]
    for score in (score for one in own for score in one.log.scores):
        if score.meaning is not Meaning.PROGRESS and _is(score, value, digits):
            return
    scores = [score for score in log.log.scores if score.meaning is not Meaning.PROGRESS]
    near = _nearest(scores, cell, value)
    if near is not None:
        said = f"the README says {written} ({cell.head}); {log.path} has {near.bpb} ({near.label})"
        yield note(
            LOG_DIFFERS, said[:300], place, log.at(near.quote), readme=value, logged=near.bpb
        )


def _is(score: Score, value: float, digits: int) -> bool:
    if agrees(score.bpb, value, score.digits, digits):
        return True
    return score.loss is not None and agrees(score.loss, value, score.digits, digits)


_KINDS: tuple[tuple[str, str, str], ...] = (
    ("pre[-_ ]?ema", "", ""),
    ("ema", "ema", ""),
    ("pre[-_ ]?quant", "pre", ""),
    ("quant|round|pre[-_ ]?ttt", "quant|round|int[4-8]", "pre|slid|ttt"),
    ("slid", "slid", ""),
    ("ttt|final", "ttt", "pre"),
)
"""Words above a cell → words that the label of its score has, and words that it has not."""


def _nearest(scores: Sequence[Score], cell: Cell, value: float) -> Score | None:
    """The score that the cell means: of the kind that the words above it say, nearest to it."""
    if not scores or "loss" in cell.head:
        return None
    meant = _meant(scores, cell.head) or list(scores)
    near = min(meant, key=lambda score: abs(score.bpb - value))
    return near if abs(near.bpb - value) < 0.1 else None


def _meant(scores: Sequence[Score], head: str) -> list[Score]:
    for words, has, lacks in _KINDS:
        if not re.search(words, head):
            continue
        if not has:
            return [score for score in scores if score.meaning is Meaning.STEP]
        return [
            score
            for score in scores
            if score.meaning is not Meaning.STEP
            and re.search(has, score.label, re.IGNORECASE)
            and not (lacks and re.search(lacks, score.label, re.IGNORECASE))
        ]
    return []


def _seeds_of(evidence: Evidence, row: Row, place: Location) -> Iterator[Remark]:
    """Several seeds in one cell, of which some have no log."""
    have = {log.seed for log in evidence.read}
    for cell in row.cells:
        if "seed" not in cell.head:
            continue
        seeds = re.findall(r"(?<![\w.])[0-9]{1,6}(?![\w.])", cell.text)
        lacking = [seed for seed in seeds if seed not in have]
        if 1 < len(seeds) <= 12 and lacking and have:
            said = f"the README gives results of seeds {', '.join(seeds)}; without a log: "
            yield note(SEEDS_WITHOUT_LOG, said + ", ".join(lacking), place, lacking=len(lacking))
