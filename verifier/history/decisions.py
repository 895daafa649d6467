"""What has a person already ruled? Reads the file of decisions, line by line accountable.

::

    - head: 4908dc46f21ed3fdd08d2fdca285deb2194b9599   # the commit that was looked at, whole
      rule: ngram-hash                                 # the finding
      ruling: accepted                                 # or refused
      name: Jane Doe
      date: 2026-05-01
      reason: the count is over context tokens only

A ruling holds for that head and that finding: after a push there is another head, and the ruling
is void. Must never drop a ruling in silence, nor change what screening found: it stands beside it.
"""

from __future__ import annotations

import datetime
import difflib
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import yaml

from verifier.errors import BadInput
from verifier.screening.finding import Confidence, Remark
from verifier.screening.screened import Answer, Row, Ruling

FILE_BYTES = 4_000_000
MOST = 20_000
LONGEST = 2_000
_TEXT = ("tag:yaml.org,2002:str", "tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:int")
_RULINGS = {"accepted": True, "refused": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """Rows with their rulings, and what became of the rulings.

    `held` were about a finding that stands; `idle` about one that this head does not have; `void`
    about a head that no pull request has any more.
    """

    rows: tuple[Row, ...]
    held: tuple[Ruling, ...]
    idle: tuple[Ruling, ...]
    void: tuple[Ruling, ...]


def read_decisions(path: Path, rules: Collection[str]) -> tuple[Ruling, ...]:
    """The rulings in `path`, in its order; `rules` are the ids that a finding may have.

    Raises BadInput naming file and line of the first thing that is wrong.
    """
    node = _composed(path)
    if node is None:
        return ()
    if not isinstance(node, yaml.SequenceNode):
        raise BadInput("must be a list of rulings", file=path, place=_line(node))
    if len(node.value) > MOST:
        raise BadInput(f"holds more than {MOST} rulings", file=path, place=_line(node))
    rulings: list[Ruling] = []
    first: dict[tuple[str, str], int] = {}
    for item in node.value:
        ruling = _ruling(item, path, rules)
        where = first.setdefault((ruling.head, ruling.rule), _line(item))
        if where != _line(item):
            said = f"this head and finding were ruled on in line {where}"
            raise BadInput(said, file=path, place=_line(item))
        rulings.append(ruling)
    return tuple(rulings)


def decide(rows: Iterable[Row], rulings: Sequence[Ruling]) -> Decided:
    """Put each ruling beside the row whose head it is about."""
    by_head: dict[str, list[Ruling]] = {}
    for ruling in rulings:
        by_head.setdefault(ruling.head, []).append(ruling)
    ruled = tuple(replace(row, rulings=tuple(by_head.get(row.head, ()))) for row in rows)
    standing = {(row.head, remark.rule) for row in ruled for remark in _remarks(row)}
    heads = {row.head for row in ruled}
    held = tuple(each for each in rulings if (each.head, each.rule) in standing)
    return Decided(
        rows=ruled,
        held=held,
        idle=tuple(each for each in rulings if each.head in heads and each not in held),
        void=tuple(each for each in rulings if each.head not in heads),
    )


def answer(row: Row) -> Answer:
    """What still asks for a person, once rulings are read; a refusal is a violation found."""
    ruled = {ruling.rule: ruling.accepted for ruling in row.rulings}
    remarks = [remark for remark in _remarks(row) if ruled.get(remark.rule) is not True]
    if any(
        remark.confidence is Confidence.VIOLATION or ruled.get(remark.rule) is False
        for remark in remarks
    ):
        return Answer.VIOLATION
    asks = any(remark.confidence is Confidence.REVIEW for remark in remarks)
    return Answer.REVIEW if asks or row.fault else Answer.NOTHING_FOUND


def counted(decided: Decided) -> str:
    """One sentence about rulings for people; "" where there is none."""
    if not decided.held and not decided.idle and not decided.void:
        return ""
    by = Counter(ruling.accepted for ruling in decided.held)
    said = f"{by[True]} findings accepted and {by[False]} refused by a person"
    if decided.idle:
        said += f"; {len(decided.idle)} rulings about a finding that its head does not have"
    if decided.void:
        said += f"; {len(decided.void)} void, their heads were pushed over"
    return said


def _remarks(row: Row) -> tuple[Remark, ...]:
    return row.screening.remarks if row.screening else ()


# ---------------------------------------------------------------- reading


def _composed(path: Path) -> yaml.Node | None:
    try:
        with path.open("rb") as file:
            text = file.read(FILE_BYTES + 1)
    except OSError as fault:
        raise BadInput(f"cannot be read: {fault.strerror}", file=path) from fault
    if len(text) > FILE_BYTES:
        raise BadInput(f"is longer than {FILE_BYTES} bytes", file=path)
    try:
        words = text.decode()
    except UnicodeDecodeError as fault:
        line = text.count(b"\n", 0, fault.start) + 1
        raise BadInput("is not UTF-8", file=path, place=line) from fault
    try:
        return yaml.compose(words, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as fault:
        line = fault.problem_mark.line + 1 if fault.problem_mark else 1
        raise BadInput(f"is not YAML: {fault.problem}", file=path, place=line) from fault
    except yaml.reader.ReaderError as fault:
        line = words.count("\n", 0, fault.position) + 1
        raise BadInput("is not YAML: it holds control characters", file=path, place=line) from fault
    except RecursionError as fault:
        raise BadInput("is not YAML: it is nested too deeply", file=path, place=1) from fault


def _ruling(node: yaml.Node, path: Path, rules: Collection[str]) -> Ruling:
    cells = _cells(node, path)
    for key in _READ:
        if key not in cells:
            raise BadInput(f"missing key '{key}'", file=path, place=_line(node))
    read: dict[str, str] = {}
    for key, check in _READ.items():
        text, line = cells[key]
        if wrong := check(text, rules):
            raise BadInput(f"'{key}' {wrong}", file=path, place=line)
        read[key] = text.strip()
    return Ruling(
        rule=read["rule"],
        head=read["head"],
        accepted=_RULINGS[read["ruling"]],
        name=read["name"],
        date=read["date"],
        reason=read["reason"],
    )


def _cells(node: yaml.Node, path: Path) -> Mapping[str, tuple[str, int]]:
    """Each key of one ruling, its text and its line."""
    if not isinstance(node, yaml.MappingNode):
        raise BadInput("must be a ruling: head, rule, …", file=path, place=_line(node))
    cells: dict[str, tuple[str, int]] = {}
    for key_node, value in node.value:
        line = _line(key_node)
        key = key_node.value if isinstance(key_node, yaml.ScalarNode) else ""
        if key not in _READ:
            near = difflib.get_close_matches(str(key), list(_READ), n=1)
            hint = f" – did you mean '{near[0]}'?" if near else ""
            raise BadInput(f"unknown key {key[:40]!a}{hint}", file=path, place=line)
        if key in cells:
            raise BadInput(f"key '{key}' stands twice", file=path, place=line)
        if not isinstance(value, yaml.ScalarNode) or value.tag not in _TEXT:
            raise BadInput(f"'{key}' must be text", file=path, place=line)
        cells[key] = (str(value.value), line)
    return cells


def _is_head(text: str, _: Collection[str]) -> str:
    fits = re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", text.strip())
    return "" if fits else "must be a whole commit id"


def _is_rule(text: str, rules: Collection[str]) -> str:
    if text.strip() in rules:
        return ""
    near = difflib.get_close_matches(text, list(rules), n=1)
    return "names no rule" + (f" – did you mean '{near[0]}'?" if near else "")


def _is_ruling(text: str, _: Collection[str]) -> str:
    return "" if text.strip() in _RULINGS else "must be accepted or refused"


def _is_date(text: str, _: Collection[str]) -> str:
    try:
        datetime.date.fromisoformat(text.strip())
    except ValueError:
        return "must be a date like 2026-05-01"
    return ""


def _is_said(text: str, _: Collection[str]) -> str:
    if not text.strip():
        return "must not be empty"
    return f"is longer than {LONGEST} characters" if len(text) > LONGEST else ""


_READ: Mapping[str, Callable[[str, Collection[str]], str]] = {
    "head": _is_head,
    "rule": _is_rule,
    "ruling": _is_ruling,
    "name": _is_said,
    "date": _is_date,
    "reason": _is_said,
}


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1
