"""What does a policy file say? Reads it, line by line accountable.

Must never guess: an unknown or missing key, a key given twice, an alias or a tag is an error that
names file and line.
"""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from verifier import installed
from verifier.errors import BadPolicy, RequestError
from verifier.policy.rules import AuditRule, CalibrationRule, Policy

FILE_BYTES = 65_536

_Place = tuple[int | str, ...]
_YAML = "tag:yaml.org,2002:"
_WORDS = {_YAML + kind for kind in ("str", "timestamp")}
_TAGS: dict[type[yaml.Node], set[str]] = {
    yaml.MappingNode: {_YAML + "map"},
    yaml.SequenceNode: {_YAML + "seq"},
    yaml.ScalarNode: _WORDS | {_YAML + kind for kind in ("int", "float", "bool", "null")},
}
_SHOWN = 40


@dataclass(frozen=True, slots=True)
class PolicyFile:
    """A policy, the sha256 of the bytes it was read from, and those bytes."""

    policy: Policy
    digest: str
    text: bytes


def load(name_or_path: str) -> PolicyFile:
    """The policy of that name, or in that file (anything with a `/` or ending in .yaml).

    Raises BadPolicy naming file and line, RequestError when there is no such policy.
    """
    path = Path(name_or_path)
    if "/" not in name_or_path and path.suffix != ".yaml":
        if name_or_path not in names():
            hint = _closest(name_or_path, names())
            raise RequestError(
                f"there is no policy '{name_or_path}'{hint}",
                remedy=f"policies are {', '.join(names())}, or give a file's path",
            )
        path = installed.path("policies") / f"{name_or_path}.yaml"
    try:
        with path.open("rb") as file:
            text = file.read(FILE_BYTES + 1)
    except OSError as fault:
        raise BadPolicy(f"cannot be read: {fault.strerror}", file=path) from fault
    return parse(text, path)


def parse(text: bytes, file: Path | str) -> PolicyFile:
    """The policy that `text` states; `file` is what errors call it.

    Raises BadPolicy naming the line of the first thing that is wrong.
    """
    if len(text) > FILE_BYTES:
        raise BadPolicy(f"is longer than {FILE_BYTES} bytes", file=file)
    value, lines = _read(text, file)
    try:
        policy = Policy.model_validate(value)
    except ValidationError as fault:
        raise _first_wrong(fault, lines, file) from fault
    return PolicyFile(policy, digest(text), text)


def digest(text: bytes) -> str:
    """What verdicts cite: the sha256 of a policy file's bytes."""
    return hashlib.sha256(text).hexdigest()


def names() -> tuple[str, ...]:
    """The policies that ship with the verifier, in alphabetical order."""
    return tuple(sorted(path.stem for path in installed.path("policies").glob("*.yaml")))


def as_shipped(file: PolicyFile) -> bool | None:
    """Whether it is, byte for byte, the policy that ships under its name; None for a new name."""
    name = file.policy.name
    return load(name).digest == file.digest if name in names() else None


def schema() -> dict[str, Any]:
    """JSON Schema of a policy file; descriptions cite the rules."""
    return Policy.model_json_schema()


def _first_wrong(
    fault: ValidationError, lines: Mapping[_Place, int], file: Path | str
) -> BadPolicy:
    """The earliest mistake in the file, in our words."""
    errors = fault.errors()
    # a misspelt key is unknown and missing at once: the unknown one shows what was meant
    error = min(errors, key=lambda e: (e["type"] == "missing", _line(lines, e["loc"])))
    place = _line(lines, error["loc"])
    key = str(error["loc"][-1]) if error["loc"] else "policy"
    inside = ".".join(str(part) for part in error["loc"][:-1])
    within = f" in '{inside}'" if inside else ""
    match error["type"]:
        case "extra_forbidden":
            hint = _closest(key, _keys(error["loc"][:-1]))
            return BadPolicy(f"unknown key '{key}'{within}{hint}", file=file, place=place)
        case "missing":
            remedy = "a policy has no defaults: every key must be written"
            return BadPolicy(f"missing key '{key}'{within}", file=file, place=place, remedy=remedy)
        case _:
            said = error["msg"].removeprefix("Value error, ")
            return BadPolicy(f"'{key}'{within}: {said}", file=file, place=place)


def _line(lines: Mapping[_Place, int], place: _Place) -> int:
    """The line of `place`, or of the nearest group around it that stands in the file."""
    while place not in lines:
        place = place[:-1]
    return lines[place]


def _closest(word: str, words: Iterable[str]) -> str:
    """ " – did you mean …?" when one of `words` is near, else ""."""
    near = difflib.get_close_matches(word, list(words))
    return f" – did you mean '{near[0]}'?" if near else ""


def _read(text: bytes, file: Path | str) -> tuple[Any, dict[_Place, int]]:
    """The plain value of a YAML file, and the line of each place in it."""
    try:
        words = text.decode()
    except UnicodeDecodeError as fault:
        line = text[: fault.start].count(b"\n") + 1
        raise BadPolicy("is not UTF-8", file=file, place=line) from fault
    try:
        node = yaml.compose(words, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as fault:
        assert fault.problem_mark is not None, "whatever composes marks its mistakes"
        line = fault.problem_mark.line + 1
        raise BadPolicy(f"is not YAML: {fault.problem}", file=file, place=line) from fault
    except yaml.reader.ReaderError as fault:
        line = words[: fault.position].count("\n") + 1
        said = f"is not YAML: it holds {chr(fault.character)!a}"
        raise BadPolicy(said, file=file, place=line) from fault
    except RecursionError as fault:
        raise BadPolicy("is not YAML: it is nested too deeply", file=file, place=1) from fault
    except (ValueError, OverflowError) as fault:
        said = "is not YAML: it spells a character or a version that is none"
        raise BadPolicy(said, file=file, place=1) from fault
    reading = _Reading(file, {(): 1}, set())
    return (None if node is None else reading.value(node, ())), reading.lines


@dataclass(slots=True)
class _Reading:
    """Turns nodes into values, noting the line of each place."""

    file: Path | str
    lines: dict[_Place, int]
    met: set[int]

    def value(self, node: yaml.Node, place: _Place) -> Any:
        line = self.admit(node)
        self.lines.setdefault(place, line)
        match node:
            case yaml.MappingNode():
                return self.group(node, place)
            case yaml.SequenceNode():
                return [self.value(item, (*place, i)) for i, item in enumerate(node.value)]
            case _:
                return self.scalar(node, line)

    def group(self, node: yaml.MappingNode, place: _Place) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = self.admit(key_node)
            if not isinstance(key_node, yaml.ScalarNode):
                raise BadPolicy("a key must be a word", file=self.file, place=line)
            key = str(key_node.value)
            if key in found:
                first = self.lines[(*place, key)]
                raise BadPolicy(
                    f"key '{key}' stands twice, first in line {first}", file=self.file, place=line
                )
            self.lines[(*place, key)] = line
            found[key] = self.value(value_node, (*place, key))
        return found

    def admit(self, node: yaml.Node) -> int:
        """The line of a node that is met once and says nothing but its value."""
        line = node.start_mark.line + 1
        if id(node) in self.met:
            raise BadPolicy("aliases are not allowed", file=self.file, place=line)
        self.met.add(id(node))
        if node.tag not in _TAGS[type(node)]:
            raise BadPolicy(f"the tag {node.tag!a} is not allowed", file=self.file, place=line)
        return line

    def scalar(self, node: yaml.Node, line: int) -> Any:
        try:
            if node.tag in _WORDS:
                return node.value.encode().decode()  # an escape can spell half a character
            return yaml.constructor.SafeConstructor().construct_object(node)
        except (ValueError, LookupError, OverflowError) as fault:
            shown = ascii(node.value[:_SHOWN])
            raise BadPolicy(f"{shown} is not a value", file=self.file, place=line) from fault


def _keys(place: _Place) -> tuple[str, ...]:
    """The keys that may stand at `place`: in the file, in one of its groups, in a contract."""
    group: type[BaseModel] = Policy
    if place and place[0] == "audits":
        group = AuditRule
    elif place == ("replay", "calibrated"):
        group = CalibrationRule
    elif place:
        group = Policy.model_fields[str(place[0])].annotation  # type: ignore[assignment]
    return tuple(group.model_fields)
