"""What does a submission say of itself? Its submission.json, in every variation that exists.

Reads, and says where a value cannot be what its key promises; compares nothing with anything (that
is what `evidence` is for). Must never raise for what the file holds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from verifier.screening import claim_seeds, claim_words
from verifier.screening.claim_numbers import Numbers
from verifier.screening.located_json import read_json
from verifier.screening.screened import Claimed, Fault
from verifier.source import Tree

_NAME = re.compile(r"(?:.*/)?submission[^/]*\.json\Z", re.IGNORECASE)
LONGEST_TEXT = 2_000


def manifest_paths(tree: Tree) -> tuple[str, ...]:
    """Every file that may be the submission's json, the one that is read first."""
    found = [path for path in tree.paths if _NAME.match(path)]
    return tuple(
        sorted(found, key=lambda path: (path.count("/"), _stem(path) != "submission", path))
    )


def _stem(path: str) -> str:
    return path.rsplit("/", 1)[-1].lower().removesuffix(".json")


def read_claimed(tree: Tree) -> Claimed | None:
    """What the first of `manifest_paths` says. None where there is no such file."""
    paths = manifest_paths(tree)
    if not paths:
        return None
    path = paths[0]
    content = tree.files.get(path)
    if content is None:
        said = f"has {tree.size(path)} bytes and was not read"
        return Claimed(path=path, faults=(Fault(key="", line=0, said=said),))
    located = read_json(content)
    reading = _Reading(path, located.lines, list(located.faults))
    value = located.value
    if not isinstance(value, dict):
        if value is not None:
            reading.faults.append(Fault(key="", line=1, said="is not an object"))
        return Claimed(path=path, lines=located.lines, faults=tuple(reading.faults))
    return reading.claimed(value)


@dataclass(slots=True)
class _Reading:
    """One file being read: what it used, where it stood, what was wrong."""

    path: str
    lines: Mapping[str, int]
    faults: list[Fault]
    used: set[str] = field(default_factory=set)
    sources: dict[str, str] = field(default_factory=dict)

    def claimed(self, document: Mapping[str, object]) -> Claimed:
        numbers = Numbers(self.lines, self.faults)
        seeds = claim_seeds.read_seeds(document, numbers)
        self.used |= seeds.used
        self.sources |= seeds.sources
        texts = {name: self.text(document, name) for name in claim_words.TEXTS}
        found = {name: self.number(document, name, numbers) for name in claim_words.NUMBERS}
        claimed_lines = dict(self.lines)
        for name, source in self.sources.items():
            claimed_lines.setdefault(name, self.lines.get(source, 0))
        return Claimed(
            path=self.path,
            **texts,
            val_bpb=found["val_bpb"],
            val_loss=found["val_loss"],
            bpb_std=found["bpb_std"],
            train_seconds=found["train_seconds"],
            score_seconds=found["score_seconds"],
            total_bytes=_whole(found["total_bytes"]),
            model_bytes=_whole(found["model_bytes"]),
            code_bytes=_whole(found["code_bytes"]),
            seeds=seeds.seeds,
            seed_bpbs=seeds.bpbs,
            seed_losses=seeds.losses,
            seed_bytes=seeds.sizes,
            steps=seeds.steps,
            versions=self.versions(document),
            others={key: value for key, value in document.items() if key not in self.used},
            lines=claimed_lines,
            sources=self.sources,
            nulls=tuple(key for key, value in document.items() if value is None),
            faults=tuple(self.faults),
        )

    def text(self, document: Mapping[str, object], name: str) -> str:
        """The first of the field's keys that is there, as one line of text."""
        for key in claim_words.TEXTS[name]:
            if key not in document:
                continue
            self.used.add(key)
            self.sources.setdefault(name, key)
            value = document[key]
            if isinstance(value, str):
                return value[:LONGEST_TEXT]
            if isinstance(value, list | dict):
                return ", ".join(_names(value))[:LONGEST_TEXT]
            if isinstance(value, int) and not isinstance(value, bool) and name == "github_id":
                return str(value)[:40]
            if value is not None:
                said = f"is {value!r:.40}, not text"
                self.faults.append(Fault(key=key, line=self.lines.get(key, 0), said=said))
        return ""

    def number(
        self, document: Mapping[str, object], name: str, numbers: Numbers
    ) -> float | int | None:
        """The first of the field's keys that holds a number, at the top or one object below."""
        for above, inside in _places(document):
            for key in _keys(name, inside):
                path = f"{above}.{key}" if above else key
                self.used.add(above or key)
                value = inside[key]
                if isinstance(value, dict | list):
                    continue
                number = numbers.read(name, path, value)
                if number is not None:
                    self.sources[name] = path
                    return number / 1000 if key.endswith(("_ms", "_ms_max")) else number
        return None

    def versions(self, document: Mapping[str, object]) -> dict[str, str]:
        found = {
            key: value[:200]
            for key, value in document.items()
            if key.lower() in claim_words.VERSIONS and isinstance(value, str)
        }
        self.used |= found.keys()
        return found


def _places(document: Mapping[str, object]) -> Iterator[tuple[str, Mapping[str, object]]]:
    """The top of the file, then the objects in which a whole claim may stand."""
    yield "", document
    for key in claim_words.NESTED:
        below = document.get(key)
        if isinstance(below, dict):
            yield key, below


def _keys(name: str, inside: Mapping[str, object]) -> Iterator[str]:
    yield from (key for key in claim_words.NUMBERS[name] if key in inside)
    if name == "model_bytes":
        yield from (key for key in inside if key.startswith(claim_words.MODEL_BYTES_PREFIX))


def _names(value: list[object] | dict[str, object]) -> Iterator[str]:
    """What a list or object of authors or machines says, in its order."""
    for item in list(value.values() if isinstance(value, dict) else value)[:20]:
        name = (item.get("name") or item.get("github_id")) if isinstance(item, dict) else item
        if isinstance(name, str):
            yield name


def _whole(number: float | int | None) -> int | None:
    return None if number is None else round(number)
