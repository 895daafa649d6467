"""What does one reader do with one submission? The code that runs in a process of its own.

Opens the clone once, then reads one folder after the other: files into memory, screening, and the
source's lines for lineage. Everything comes back as bytes that are kept as they are. Must never
write, and must never be needed for a second look at what was kept.
"""

from __future__ import annotations

import base64
import json
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from verifier import policy as policies
from verifier.history.lines import Reduced, reduced
from verifier.history.workers import Read
from verifier.policy import Policy
from verifier.screening.screen import read
from verifier.screening.screened import Screening
from verifier.screening.weighing import Pack
from verifier.screening.written import Mismatch, from_json, to_json
from verifier.submission.candidates import Folder
from verifier.submission.contents import contents_of
from verifier.submission.repository import Repository

OBJECTIONS = 5


@dataclass(frozen=True, slots=True)
class Found:
    """What came of one folder: its screening, and sentences about its files."""

    screening: Screening
    notes: tuple[str, ...]


def shared(repository: Path, rules: bytes) -> str:
    """What all jobs of a reader share, as `open_reader` takes it."""
    return json.dumps([str(repository), base64.b64encode(rules).decode()])


def job(folder: Folder) -> bytes:
    """One folder to read: names all that is read, so it is the key under which that is kept."""
    changed = list(folder.changed) if not folder.path else []
    lent = [list(pair) for pair in folder.lent]
    return json.dumps([folder.path, folder.tree, changed, lent]).encode()


def open_reader(said: str) -> Read:
    """A reader over the repository and the rules in `said`."""
    path, rules = json.loads(said)
    repository = Repository.at(Path(path))
    policy = policies.parse(base64.b64decode(rules), "policy").policy
    return lambda job: _read(repository, policy, json.loads(job))


def parts(answer: bytes) -> tuple[bytes, bytes]:
    """What a reader answered: what was found, and the source's lines; kept apart."""
    head, _, lines = answer.partition(b"\n")
    return head, lines


def found(head: bytes) -> Found:
    """What came of one folder. Raises Mismatch when what was kept is damaged."""
    try:
        said = json.loads(head)
        notes, screening = said["notes"], said["screening"]
    except (ValueError, KeyError, TypeError) as wrong:
        raise Mismatch(f"what was kept: {wrong}") from wrong
    return Found(from_json(Screening, screening), tuple(map(str, notes)))


def unpacked(lines: bytes) -> Reduced:
    """The lines of a source. Raises Mismatch when what was kept is damaged."""
    try:
        said = json.loads(zlib.decompress(lines))
        return Reduced(tuple(map(str, said["lines"])), tuple(map(int, said["numbers"])))
    except (ValueError, KeyError, TypeError, zlib.error) as wrong:
        raise Mismatch(f"what was kept of a source: {wrong}") from wrong


def _packed(source: Reduced) -> bytes:
    said = json.dumps({"lines": source.lines, "numbers": source.numbers})
    return zlib.compress(said.encode(), 1)


def _read(repository: Repository, policy: Policy, asked: list[Any]) -> bytes:
    path, tree, changed, lent = asked
    folder = Folder(
        path=path,
        tree=tree,
        added=True,
        changed=tuple(changed),
        lent=tuple((where, identity) for where, identity in lent),
    )
    contents = contents_of(repository, folder)
    reading = read(
        contents.tree,
        folder=path,
        digest=contents.digest,
        policy=policy,
        pack=Pack.NEVER,
        refused=tuple(map(str, contents.objections)),
    )
    source = reduced(reading.texts)
    screening = to_json(reading.screening) | {"source_digest": source.digest}
    refused = [f"{each.path}: {each.reason}" for each in contents.objections[:OBJECTIONS]]
    if left := len(contents.objections) - len(refused):
        refused.append(f"{left} more files are refused")
    head = json.dumps({"notes": [*contents.notes, *refused], "screening": screening})
    return head.encode() + b"\n" + _packed(source)
