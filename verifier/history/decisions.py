"""What does a file of decisions say? Read line by line, so that no ruling is skipped in silence.

::

    - head: 4908dc46f21ed3fdd08d2fdca285deb2194b9599   # the commit that was looked at, whole
      number: 1234                                     # its pull request; may be left out
      rule: ngram-hash                                 # the finding
      ruling: dismissed                                # it breaks no rule; or upheld: it does
      name: Jane Doe
      date: 2026-05-01
      reason: the count is over context tokens only

Must never guess what was meant.
"""

from __future__ import annotations

import datetime
import difflib
import re
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import yaml

from verifier.errors import BadInput
from verifier.screening.screened import Ruling

FILE_BYTES = 4_000_000
MOST = 20_000
LONGEST = 2_000
_TEXT = ("tag:yaml.org,2002:str", "tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:int")
_RULINGS = {"dismissed": True, "upheld": False}
_NUMBERS = ("number", "pull_request")
_ALIKE = 0.75
_HEAD = r"^(?:[0-9a-f]{40}|[0-9a-f]{64})$"
_SCHEMA = "`verifier schema decisions` says what stands there, docs/triage.md has an example"
_NO_RULING = "must be a ruling: head, rule, ruling, name, date, reason"


def schema() -> dict[str, Any]:
    """The JSON Schema of a file of decisions, which is YAML."""
    text = {"type": "string", "minLength": 1, "maxLength": LONGEST}
    number = {"type": "integer", "minimum": 1, "description": "Its pull request's number."}
    commit = "The whole id of the commit that was looked at; after a push the ruling is void."
    finding = "The finding's rule, as `verifier explain RULE` knows it."
    meaning = "About the finding: dismissed, it breaks no rule; upheld, it does."
    keys = {
        "head": {"type": "string", "pattern": _HEAD, "description": commit},
        "rule": {"type": "string", "description": finding},
        "ruling": {"enum": list(_RULINGS), "description": meaning},
        "name": {**text, "description": "Who ruled."},
        "date": {"type": "string", "format": "date", "description": "When, like 2026-05-01."},
        "reason": {**text, "description": "Why, for whoever reads the report."},
    }
    return {
        "title": "decisions",
        "description": "What people have ruled about findings, one ruling per head and rule.",
        "type": "array",
        "maxItems": MOST,
        "items": {
            "type": "object",
            "properties": {**keys, **dict.fromkeys(_NUMBERS, number)},
            "required": list(keys),
            "not": {"required": list(_NUMBERS)},
            "additionalProperties": False,
        },
    }


def read_decisions(path: Path, rules: Collection[str]) -> tuple[Ruling, ...]:
    """The rulings in `path`, in its order; `rules` are the ids that a finding may have.

    Raises BadInput naming file and line of the first thing that is wrong.
    """
    node = _composed(path)
    if node is None:
        return ()
    if not isinstance(node, yaml.SequenceNode):
        raise BadInput("must be a list of rulings", file=path, place=_line(node), remedy=_SCHEMA)
    if len(node.value) > MOST:
        raise BadInput(f"holds more than {MOST} rulings", file=path, place=_line(node))
    rulings: list[Ruling] = []
    first: dict[tuple[str, str, int], int] = {}
    called: dict[str, int] = {}
    for item in node.value:
        cells = _cells(item, path)
        _one_name(cells, called, path)
        ruling = _ruling(cells, _line(item), path, rules)
        where = first.setdefault((ruling.head, ruling.rule, ruling.number), ruling.line)
        if where != ruling.line:
            said = f"this head and finding were ruled on in line {where}"
            raise BadInput(said, file=path, place=ruling.line)
        rulings.append(ruling)
    return tuple(rulings)


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
    except (ValueError, OverflowError) as fault:
        said = "is not YAML: it spells a character or a version that is none"
        raise BadInput(said, file=path, place=1) from fault


_Cells = Mapping[str, tuple[str, int]]
"""The text and the line of each key of one ruling."""


def _one_name(cells: _Cells, called: dict[str, int], path: Path) -> None:
    """A file calls a pull request's number by one of the two names."""
    for name in _NUMBERS:
        if name in cells:
            called.setdefault(name, cells[name][1])
    if len(called) > 1:
        (first, _), (second, line) = sorted(called.items(), key=lambda item: item[1])
        said = f"'{second}' in a file that calls it '{first}': use one of them"
        raise BadInput(said, file=path, place=line)


def _ruling(cells: _Cells, line: int, path: Path, rules: Collection[str]) -> Ruling:
    if missing := [f"'{key}'" for key in _READ if key not in cells]:
        said = f"missing key{'s' if len(missing) > 1 else ''} {', '.join(missing)}"
        raise BadInput(said, file=path, place=line, remedy=_SCHEMA)
    read: dict[str, str] = {}
    for key, (text, where) in cells.items():
        if wrong := (_is_number if key in _NUMBERS else _READ[key])(text, rules):
            raise BadInput(f"'{key}' {wrong}", file=path, place=where)
        read["number" if key in _NUMBERS else key] = text.strip()
    return Ruling(
        rule=read["rule"],
        head=read["head"],
        dismissed=_RULINGS[read["ruling"]],
        name=read["name"],
        date=read["date"],
        reason=read["reason"],
        number=int(read.get("number", "0").removeprefix("#")),
        line=line,
    )


def _cells(node: yaml.Node, path: Path) -> _Cells:
    if not isinstance(node, yaml.MappingNode):
        raise BadInput(_NO_RULING, file=path, place=_line(node), remedy=_SCHEMA)
    cells: dict[str, tuple[str, int]] = {}
    for key_node, value in node.value:
        line = _line(key_node)
        key = key_node.value if isinstance(key_node, yaml.ScalarNode) else ""
        if key not in _KEYS:
            near = difflib.get_close_matches(str(key), _KEYS, n=1, cutoff=_ALIKE)
            hint = f" – did you mean '{near[0]}'?" if near else f": a ruling has {', '.join(_READ)}"
            said = f"unknown key {key[:40]!a}{hint}"
            raise BadInput(said, file=path, place=line, remedy=_SCHEMA)
        if key in cells:
            raise BadInput(f"key '{key}' stands twice", file=path, place=line)
        if not isinstance(value, yaml.ScalarNode) or value.tag not in _TEXT:
            raise BadInput(f"'{key}' must be text", file=path, place=line)
        cells[key] = (str(value.value), line)
    return cells


def _is_head(text: str, _: Collection[str]) -> str:
    return "" if re.fullmatch(_HEAD, text.strip()) else "must be a whole commit id"


def _is_number(text: str, _: Collection[str]) -> str:
    fits = re.fullmatch(r"#?[1-9][0-9]{0,8}", text.strip())
    return "" if fits else "must be a pull request's number"


def _is_rule(text: str, rules: Collection[str]) -> str:
    if text.strip() in rules:
        return ""
    near = difflib.get_close_matches(text, list(rules), n=1)
    return "names no rule" + (f" – did you mean '{near[0]}'?" if near else "")


def _is_ruling(text: str, _: Collection[str]) -> str:
    return (
        ""
        if text.strip() in _RULINGS
        else "must be dismissed or upheld: the finding, not the submission"
    )


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
_KEYS = (*_READ, *_NUMBERS)


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1
