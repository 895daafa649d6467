"""How is what screening found put into words? The same in every format, in one order.

Text comes back verbatim where a submission wrote it: whoever shows it makes it harmless first.
Must never decide: the answer is the screening's, and its best word is "nothing found".
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from verifier.report.words import bpb, counted, listed, seconds
from verifier.screening import Confidence, Location, Remark, Rule
from verifier.screening.screened import (
    Answer,
    Claimed,
    Comparison,
    LogFacts,
    Parent,
    Row,
    Screening,
)

GLYPHS = {Answer.VIOLATION: "✗", Answer.REVIEW: "?", Answer.NOTHING_FOUND: "○"}
CONFIDENCE_GLYPHS = {Confidence.VIOLATION: "✗", Confidence.REVIEW: "?", Confidence.NOTE: "·"}
CAVEAT = "Read, not run: nothing here verifies or refutes a submission."
DIGEST_SHOWN = 12
LOGS_SAID = 5
FILES_SAID = 6
NOTES_SAID = 10
UNSCREENED = "not screened"
ROOT = "(the repository itself)"

_COUNTED = {
    Confidence.VIOLATION: ("violation", "violations"),
    Confidence.REVIEW: ("to review", "to review"),
    Confidence.NOTE: ("note", "notes"),
}
_SHAPES = {
    "no folder": "The pull request adds no folder under records/.",
    "empty": "The pull request changes nothing against main.",
    "no merge base": "The pull request shares no commit with main.",
}


@dataclass(frozen=True, slots=True)
class Found:
    """The remarks of one rule at one confidence."""

    rule: Rule
    confidence: Confidence
    remarks: tuple[Remark, ...]


def found(remarks: Sequence[Remark], rules: Sequence[Rule]) -> list[Found]:
    """Remarks by rule: violations first, then in the order of `rules`.

    A rule that is not among them stands at the end, with its id alone.
    """
    places = {rule.id: place for place, rule in enumerate(rules)}
    groups: dict[tuple[Confidence, str], list[Remark]] = {}
    for remark in remarks:
        groups.setdefault((remark.confidence, remark.rule), []).append(remark)
    order = list(Confidence)
    keys = sorted(groups, key=lambda k: (order.index(k[0]), places.get(k[1], len(places)), k[1]))
    return [Found(rule_of(key[1], rules), key[0], tuple(groups[key])) for key in keys]


def rule_of(name: str, rules: Sequence[Rule]) -> Rule:
    """The rule called `name`; one that says nothing else where none is called so."""
    for rule in rules:
        if rule.id == name:
            return rule
    return Rule(id=name, sentence="", clause="", at_most=Confidence.VIOLATION, clear="")


def asking(remarks: Sequence[Remark], rules: Sequence[Rule]) -> list[Found]:
    """Those that ask for a person."""
    return [each for each in found(remarks, rules) if each.confidence is not Confidence.NOTE]


def classes(remarks: Sequence[Remark], rules: Sequence[Rule]) -> tuple[str, ...]:
    """The families of the remarks that ask for a person, each once, in the order of `rules`."""
    asked = asking(remarks, rules)
    return tuple(dict.fromkeys(name for each in asked for name in each.rule.classes))


def folder(screening: Screening) -> str:
    """Where it lies, in words where that is the repository itself."""
    return ROOT if screening.folder.rstrip("/") in {"", "."} else screening.folder


def named(screening: Screening) -> str:
    """Its folder's own name: what it calls itself may be anybody's, and is said beside."""
    return folder(screening).rstrip("/").rpartition("/")[2]


def called(row: Row) -> str:
    """The pull request's title, else its folder's own name; "" for what has neither."""
    return row.title or ("" if row.screening is None else named(row.screening))


def tally(remarks: Sequence[Remark]) -> str:
    """ "1 violation, 2 to review, 3 notes", or "nothing found"."""
    found_here = [remark.confidence for remark in remarks]
    parts = [
        f"{count} {names[count > 1]}"
        for confidence, names in _COUNTED.items()
        if (count := found_here.count(confidence))
    ]
    return ", ".join(parts) or Answer.NOTHING_FOUND.value


# ---------------------------------------------------------------- places


def joined(folder: str, path: str) -> str:
    """`path` of a submission as seen from the repository's root, where `folder` says so."""
    outside = not folder or folder.startswith("/") or ".." in folder.split("/")
    return path if outside else f"{folder.strip('/')}/{path}"


def places(remark: Remark) -> tuple[Location, ...]:
    """Where it is; nowhere for what is about the submission as a whole."""
    return tuple(place for place in remark.locations if place.path)


def where(place: Location) -> str:
    """ "train_gpt.py:12 in lzma+base85"."""
    line = f":{place.line}" if place.line else ""
    return f"{place.path}{line}{f' in {place.layer}' if place.layer else ''}"


def in_file(place: Location) -> int:
    """The line of the file as it stands, 0 where the text was unpacked or the whole file counts."""
    return 0 if place.layer else place.line


# ---------------------------------------------------------------- figures


def claimed_bpb(screening: Screening) -> float | None:
    """The number that the submission claims."""
    return None if screening.claimed is None else screening.claimed.val_bpb


def logged_bpb(screening: Screening) -> float | None:
    """The mean over seeds of what its logs end in, None where no log says."""
    said = [run.bpb for run in screening.runs if run.source == "log"]
    said = said or [log.bpb for log in screening.logs if log.bpb is not None]
    return sum(said) / len(said) if said else None


def score(screening: Screening) -> float | None:
    """What a table shows: the claim, else the logs' mean."""
    claim = claimed_bpb(screening)
    return logged_bpb(screening) if claim is None else claim


def figure(value: str | int | float | None) -> str:
    """One of a remark's values; whole numbers in groups of three digits."""
    return f"{value:,}" if isinstance(value, int) else "–" if value is None else str(value)


def finite(value: float | None) -> float | None:
    """`value`, None where it is no number that JSON has."""
    return value if value is not None and math.isfinite(value) else None


def facts(screening: Screening) -> list[tuple[str, str]]:
    """(what, how much) a submission says of itself, and what was counted; nothing empty."""
    claimed = screening.claimed
    lines = [
        ("folder", folder(screening)),
        *(() if claimed is None else _claims(claimed)),
        *_logs(screening.logs),
        ("context", "" if score(screening) is None else CONTEXTS[screening.contract]),
        ("code", _code(screening)),
        ("entry", screening.entry),
        ("command", screening.command),
        ("digest", screening.digest),
    ]
    return [(name, said) for name, said in lines if said]


CONTEXTS = {
    "script/1": "stream (the script scores one stream of documents; not to be compared with a"
    " number of documents that are scored alone)",
    "scorer/1": "document (each is scored alone), unless verify.yaml says `adaptation: stream`",
}
"""What the claimed and logged numbers rest on, by contract."""


def _claims(claimed: Claimed) -> Iterator[tuple[str, str]]:
    by = f"by {claimed.author or claimed.github_id}" if claimed.author or claimed.github_id else ""
    yield "submission", _line(claimed.name, by, claimed.date, claimed.track)
    seeds = [f"{name}: {bpb(value)}" for name, value in claimed.seed_bpbs.items()]
    yield (
        "claims",
        _line(
            "" if claimed.val_bpb is None else f"{claimed.val_bpb:.4f} bits per byte",
            "" if claimed.val_loss is None else f"{claimed.val_loss:.4f} nats",
            f"seeds {', '.join(seeds or map(str, claimed.seeds))}"
            if seeds or claimed.seeds
            else "",
            _bytes("in all", claimed.total_bytes),
            _bytes("of weights", claimed.model_bytes),
            _bytes("of code", claimed.code_bytes),
            _timed("trained", claimed.train_seconds),
            _timed("scored", claimed.score_seconds),
            claimed.hardware,
        ),
    )


def _logs(logs: Sequence[LogFacts]) -> Iterator[tuple[str, str]]:
    for place, log in enumerate(logs[:LOGS_SAID]):
        said = _line(
            "no final score" if log.bpb is None else f"{log.bpb:.4f}",
            "" if log.seed is None else f"seed {log.seed}",
            _timed("trained", log.train_seconds),
            _timed("scored", log.score_seconds),
            _bytes("", log.total_bytes),
            log.path,
        )
        yield ("" if place else "logs"), said
    if len(logs) > LOGS_SAID:
        yield "", f"and {len(logs) - LOGS_SAID} more"


def _code(screening: Screening) -> str:
    weights = screening.weights
    if weights is None:
        return ""
    files = [f"{path} {size:,}" for path, size in list(weights.counted.items())[:FILES_SAID]]
    more = len(weights.counted) - len(files)
    return _line(
        f"{weights.raw:,} bytes raw",
        "" if weights.packed is None else f"{weights.packed:,} packed",
        f"{weights.closure:,} in all that is read at scoring",
        "" if not files else f"({', '.join(files)}{f' and {more} more' if more else ''})",
    )


def lineage(parent: Parent) -> str:
    """One line about the nearest earlier submission."""
    return (
        f"#{parent.number}, {parent.similarity:.0%} alike,"
        f" {counted(parent.changed_lines, 'line')} changed"
    )


def against(other: Comparison) -> str:
    """One line about the row that it must beat (R7)."""
    word = "better" if other.margin_bpb >= 0 else "worse"
    return _line(
        f"{abs(other.margin_bpb):.4f} bits per byte {word} than {other.row}"
        f" ({bpb(other.mean)} over {counted(other.runs, 'seed')})",
        "" if other.margin_nats is None else f"{other.margin_nats:+.4f} nats",
        _chance("of no better at all", other.p_better),
        _chance("of less than 0.005 nats better", other.p_margin),
        _chance("of no better, with one more such seed", other.one_more),
    )


def _chance(what: str, value: float | None) -> str:
    return "" if value is None else f"p {value:.2g} {what}"


def touched(row: Row) -> list[str]:
    """Sentences about the pull request rather than the submission."""
    said = [*([_SHAPES[row.shape]] if row.shape in _SHAPES else []), *row.noted[:NOTES_SAID]]
    if row.others:
        said.append(f"It also touches {_some(row.others)}.")
    return said


def unread(row: Row) -> str:
    """Why a row was not screened: its fault, else what the pull request adds instead."""
    return row.fault or _SHAPES.get(row.shape, f"No folder of it is a submission ({row.shape}).")


def _some(names: Sequence[str]) -> str:
    more = len(names) - FILES_SAID
    return listed([*names[:FILES_SAID], *([f"{more} more"] if more > 0 else [])])


def _line(*parts: str) -> str:
    return " · ".join(part for part in parts if part)


def _bytes(what: str, count: int | None) -> str:
    return "" if count is None else f"{count:,} bytes {what}".rstrip()


def _timed(what: str, value: float | None) -> str:
    return "" if value is None else f"{what} {seconds(value)}"
