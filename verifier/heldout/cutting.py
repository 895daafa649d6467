"""How does prose become documents, and which of them may be held out?

Cutting follows section headings, so that a document is something a person would call one. It never
changes a byte: documents of a text, joined, are a stretch of that text. Choosing is by hash alone,
so that nobody, we included, can prefer easy documents.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from verifier.heldout.fingerprints import distinct_counts, window_hashes

_RULES = frozenset("=-~`^\"'#*+.:_<>")
_SHORTEST_RULE = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """Least and greatest size of a document, in UTF-8 bytes."""

    least_bytes: int
    most_bytes: int


def sections(text: str) -> list[str]:
    """Split at headings under (and perhaps over) one repeated mark. Joined it is `text`."""
    lines = text.splitlines(keepends=True)
    starts = [0]
    for number in range(len(lines) - 1):
        title, rule = lines[number].rstrip(), lines[number + 1].rstrip()
        if not title or title[0].isspace() or _is_rule(title) or not _is_rule(rule):
            continue
        if len(rule) < len(title):
            continue
        overlined = number > 0 and lines[number - 1].rstrip() == rule
        starts.append(number - 1 if overlined else number)
    bounds = [*sorted(set(starts)), len(lines)]
    return ["".join(lines[a:b]) for a, b in itertools.pairwise(bounds) if b > a]


def _is_rule(line: str) -> bool:
    return len(line) >= _SHORTEST_RULE and line[0] in _RULES and line == line[0] * len(line)


def cut(text: str, size: Cut) -> list[str]:
    """Cut `text` into documents of `size`, at headings, then paragraphs, then lines.

    Joined they are `text` up to a remainder that is too short for a document and for which no
    neighbour has room; a text shorter than a document gives none.
    """
    atoms = [atom for section in sections(text) for atom in _atoms(section, size.most_bytes)]
    documents: list[str] = []
    pending = ""
    for atom in atoms:
        if pending and _size(pending) + _size(atom) > size.most_bytes:
            _close(documents, pending, size)
            pending = ""
        pending += atom
        if _size(pending) >= size.least_bytes:
            documents.append(pending)
            pending = ""
    if pending:
        _close(documents, pending, size)
    return documents


def _close(documents: list[str], pending: str, size: Cut) -> None:
    """Keep what is pending if it is long enough, else give it to the document before it."""
    if _size(pending) >= size.least_bytes:
        documents.append(pending)
    elif documents and _size(documents[-1]) + _size(pending) <= size.most_bytes:
        documents[-1] += pending


def _atoms(section: str, most_bytes: int) -> list[str]:
    """Break a section that is too long: between paragraphs, lines, and at last characters."""
    if _size(section) <= most_bytes:
        return [section]
    for mark in ("\n\n", "\n"):
        parts = section.split(mark)
        if len(parts) > 1:
            pieces = [part + mark for part in parts[:-1]] + [parts[-1]]
            return _packed([p for p in pieces if p], most_bytes)
    room = max(1, most_bytes // 4)  # a character has at most four bytes
    return [section[start : start + room] for start in range(0, len(section), room)]


def _packed(pieces: Sequence[str], most_bytes: int) -> list[str]:
    packed: list[str] = []
    for piece in pieces:
        if packed and _size(packed[-1]) + _size(piece) <= most_bytes:
            packed[-1] += piece
        elif _size(piece) > most_bytes:
            packed.extend(_atoms(piece.rstrip("\n"), most_bytes))
            packed.append(piece[len(piece.rstrip("\n")) :])
        else:
            packed.append(piece)
    return [piece for piece in packed if piece]


def _size(text: str) -> int:
    return len(text.encode())


def unshared(documents: Sequence[bytes], window_bytes: int, distinct_bytes: int) -> list[bool]:
    """For each document: does it share no window (with enough distinct bytes) with any other?"""
    hashes, owners = owned_windows(documents, window_bytes, distinct_bytes)
    order = np.argsort(hashes, kind="stable")
    hashes, owners = hashes[order], owners[order]
    fresh = np.r_[True, hashes[1:] != hashes[:-1]] if len(hashes) else np.zeros(0, bool)
    group = np.cumsum(fresh) - 1
    first = owners[np.flatnonzero(fresh)]
    shared_groups = np.unique(group[owners != first[group]])
    touched = np.unique(owners[np.isin(group, shared_groups)])
    alone = np.ones(len(documents), bool)
    alone[touched] = False
    return [bool(flag) for flag in alone]


def owned_windows(
    documents: Sequence[bytes], window_bytes: int, distinct_bytes: int
) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.int64]]:
    """Hash and owner of each window that lies in one document and has enough distinct bytes."""
    text = np.frombuffer(b"".join(documents), np.uint8)
    ends = np.cumsum([len(document) for document in documents], dtype=np.int64)
    starts = np.arange(max(0, len(text) - window_bytes + 1), dtype=np.int64)
    owners = np.searchsorted(ends, starts, side="right")
    inside = starts + window_bytes <= ends[owners] if len(starts) else np.zeros(0, bool)
    keep = inside & (distinct_counts(text, window_bytes) >= distinct_bytes)
    return window_hashes(text, window_bytes)[keep], owners[keep]


def rank(document: bytes) -> bytes:
    """The order in which documents are drawn: their sha256, which nobody chose."""
    return hashlib.sha256(document).digest()
