"""Are there as many runs, with as many seeds, as the claim says? Are the logs whole?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from verifier.screening.evidence.gathering import Evidence
from verifier.screening.evidence.run_logs import ReadLog
from verifier.screening.evidence.saying import note, remark
from verifier.screening.finding import Confidence, Location, Remark
from verifier.screening.rule import Rule

NO_LOG = Rule(
    id="log-missing",
    sentence="The submission ships no log.",
    clause="R9",
    at_most=Confidence.REVIEW,
    clear="Ship the log of every run that the claim rests on.",
    classes=("FORMAT_MISSING",),
)
FEWER = Rule(
    id="seeds-fewer-than-claimed",
    sentence="There are logs of fewer seeds than are claimed.",
    clause="R7, R9",
    at_most=Confidence.REVIEW,
    clear="Ship one log for each seed that is claimed.",
    classes=("EVIDENCE_SEEDS",),
)
SINGLE = Rule(
    id="seeds-fewer-than-asked",
    sentence="A record asks for more seeds than the evidence has.",
    clause="R7",
    at_most=Confidence.NOTE,
    clear="Run the configuration with more seeds.",
    classes=("EVIDENCE_SEEDS",),
)
REUSED = Rule(
    id="seed-reused",
    sentence="Several logs of different runs state one seed.",
    clause="R7",
    at_most=Confidence.NOTE,
    clear="Run each log with a seed of its own.",
    classes=("EVIDENCE_SEEDS",),
)
NAME = Rule(
    id="seed-differs-from-name",
    sentence="A log states another seed than its name.",
    clause="R7",
    at_most=Confidence.NOTE,
    clear="Name each log by the seed that it states.",
    classes=("EVIDENCE_SEEDS",),
)
UNSTATED = Rule(
    id="seed-not-stated",
    sentence="A log that is named by a seed does not state it.",
    clause="R7",
    at_most=Confidence.NOTE,
    clear="Print the seed.",
)
DUPLICATE = Rule(
    id="log-duplicate",
    sentence="Two logs have the same bytes.",
    clause="R7, R9",
    at_most=Confidence.NOTE,
    clear="Ship each log once.",
    classes=("EVIDENCE_SEEDS",),
)
EMPTY = Rule(
    id="log-empty",
    sentence="A log is empty.",
    clause="R9",
    at_most=Confidence.NOTE,
    clear="Ship the log that was meant.",
    classes=("FORMAT_MISSING",),
)
NO_SCORE = Rule(
    id="log-without-score",
    sentence="A log of a run ends without a final score.",
    clause="R9",
    at_most=Confidence.NOTE,
    clear="Ship the log to its end.",
)
SEVERAL_RUNS = Rule(
    id="log-of-several-runs",
    sentence="A log holds more than one run.",
    clause="R9",
    at_most=Confidence.NOTE,
    clear="Ship one log a run.",
)
RESUMED = Rule(
    id="log-of-resumed-run",
    sentence="A log begins after the run did.",
    clause="R2, R9",
    at_most=Confidence.NOTE,
    clear="Ship the log of the whole run.",
)
OVERLAPPED = Rule(
    id="log-overwritten",
    sentence="The beginning of a log was overwritten by another capture of it.",
    clause="R9",
    at_most=Confidence.NOTE,
    clear="Ship the log as the run wrote it.",
)

RULES = (
    *(NO_LOG, FEWER, SINGLE, REUSED, NAME, UNSTATED),
    *(DUPLICATE, EMPTY, NO_SCORE, SEVERAL_RUNS, RESUMED, OVERLAPPED),
)


def check(evidence: Evidence) -> Iterator[Remark]:
    """Every remark about how many runs there are, and whether their logs are whole."""
    if not evidence.read:
        confidence = Confidence.REVIEW if evidence.is_record else Confidence.NOTE
        files = len(evidence.tree.paths)
        said = f"none of {files} files is the log of a run"
        yield remark(NO_LOG, confidence, said, Location(path=""), files=files)
        return
    yield from _counted(evidence)
    yield from _reused(evidence)
    yield from _duplicates(evidence)
    for log in evidence.distinct:
        yield from _named(evidence, log)
        yield from _whole(log)


def _counted(evidence: Evidence) -> Iterator[Remark]:
    """Seeds claimed beside seeds that have a log."""
    claimed = evidence.claimed
    names = dict.fromkeys(claimed.seed_bpbs) if claimed else {}
    listed = list(names) or [str(seed) for seed in (claimed.seeds if claimed else ())]
    finals = [log for log in evidence.distinct if log.log.final is not None]
    have = {log.seed for log in finals}
    lacking = [seed for seed in listed if seed not in have]
    unnamed = [log for log in finals if not log.seed]
    if len(listed) > 1 and len(lacking) > len(unnamed) and len(finals) < len(listed):
        strong = evidence.is_record and len(finals) <= 1
        said = f"claims {len(listed)} seeds; logs with a final score: {len(finals)}"
        said += f"; without one: {', '.join(lacking[:8])}"
        key = "seed_bpbs." + lacking[0] if names else "seeds"
        places = [evidence.claim_at(key), *(log.whole() for log in finals)]
        confidence = Confidence.REVIEW if strong else Confidence.NOTE
        yield remark(FEWER, confidence, said, *places, claimed=len(listed), logs=len(finals))
    asked = evidence.policy.seeds.count
    scores = max(len(evidence.backing), len(listed))
    if evidence.is_record and 0 < scores < asked:
        said = f"{scores} of {asked} seeds: {', '.join(sorted(have) or listed)}"
        place = evidence.claim_at("seeds") if claimed else Location(path="")
        places = [place, *(log.whole() for log in evidence.backing)]
        yield note(SINGLE, said, *places, seeds=scores, asked=asked)


def _reused(evidence: Evidence) -> Iterator[Remark]:
    """One seed in several different logs that all stand for the claim."""
    by_seed: dict[int, list[ReadLog]] = defaultdict(list)
    for log in evidence.backing:
        if log.facts.seed is not None:
            by_seed[log.facts.seed].append(log)
    for seed, logs in by_seed.items():
        if len(logs) > 1:
            places = [_stated(log) for log in logs]
            said = f"{len(logs)} logs state seed {seed}: {', '.join(log.path for log in logs[:8])}"
            yield note(REUSED, said, *places, seed=seed, logs=len(logs))


def _stated(log: ReadLog) -> Location:
    seed = log.log.last("seed")
    return log.at(seed.quote) if seed is not None else log.whole()


def _duplicates(evidence: Evidence) -> Iterator[Remark]:
    same: dict[str, list[ReadLog]] = defaultdict(list)
    for log in evidence.read:
        if log.log.size:
            same[log.facts.sha256].append(log)
        else:
            yield note(EMPTY, f"{log.path} is empty", log.whole())
    for logs in same.values():
        if len(logs) > 1:
            places = [log.whole() for log in logs]
            said = (
                f"{logs[0].path} has the same bytes as {', '.join(log.path for log in logs[1:8])}"
            )
            yield note(DUPLICATE, said, *places, sha256=logs[0].facts.sha256)


def _named(evidence: Evidence, log: ReadLog) -> Iterator[Remark]:
    """The seed in the log's name beside the one it states."""
    if not log.named_seed or not (log.log.final or log.log.stop):
        return
    if log.facts.seed is None:
        said = f"{log.path} does not state a seed"
        yield note(UNSTATED, said, log.whole(), named=log.named_seed)
    elif str(log.facts.seed) != log.named_seed:
        others = [_stated(other) for other in evidence.distinct if other is not log and other.seed]
        said = f"{log.path} states seed {log.facts.seed}"
        yield note(NAME, said, _stated(log), *others, named=log.named_seed, stated=log.facts.seed)


def _whole(log: ReadLog) -> Iterator[Remark]:
    """Whether the log is that of one whole run."""
    read = log.log
    if read.final is None and (read.stop is not None or read.embedded):
        said = f"{log.path} tells of a run of {read.line_count} lines and of no final score"
        yield note(NO_SCORE, said, log.whole(), lines=read.line_count)
    if len(read.runs) > 1:
        starts = ", ".join(str(line) for line in read.runs[:8])
        said = f"{log.path} holds {len(read.runs)} runs, from lines {starts}"
        places = [Location(path=log.path, line=line) for line in read.runs[:8]]
        yield note(SEVERAL_RUNS, said, *places, runs=len(read.runs))
    if read.resumed is not None:
        said = f"{log.path} resumes a run: its earlier steps are not in the log"
        yield note(RESUMED, said, log.at(read.resumed))
    cut = next((source for source in read.embedded if not source.whole), None)
    if cut is not None:
        said = f"{log.path} embeds a source whose beginning is missing, from line {cut.first_line}"
        place = Location(path=log.path, line=cut.first_line)
        yield note(OVERLAPPED, said, place, line=cut.first_line)
