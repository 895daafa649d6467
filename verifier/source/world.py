"""What is around a script while its statements are followed: variables, files, what it does there.

Nothing of it is real: files are those of the submission and what the script would write, and
what it would start or read is only noted.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import PurePosixPath

from verifier.source.scope import Budget
from verifier.source.values import FOLDER, Environment

SEARCHED = 16
"""Folders in which a script may look for modules."""
FOLDED = 200_000
"""Steps of folding; the longest scripts take 30,000."""


class Does(StrEnum):
    """What a traced call does to the world around the script."""

    EXECUTES = "executes"  # value: the text
    RUNS = "runs"  # value: the path of a Python file
    STARTS = "starts"  # value: the arguments of a process
    IMPORTS = "imports"  # value: the name of a module
    READS = "reads"  # value: a path
    WRITES = "writes"  # value: a path
    LOADS = "loads"  # value: the path of a shared library
    BUILDS = "builds"  # value: paths of native sources, or their text


@dataclass(frozen=True, slots=True, eq=False)
class Event:
    """One such call. `value` is UNKNOWN where it could not be folded; then `why` may say why."""

    does: Does
    value: object
    node: ast.Call
    why: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Routine:
    """A function of the script, as a value."""

    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
    names: dict[str, object]


@dataclass(frozen=True, slots=True)
class OpenFile:
    """What open() gave."""

    path: str


@dataclass(slots=True, eq=False)
class World:
    """What every trace of one program shares. `files` maps absolute paths to what they hold."""

    environment: Environment
    files: dict[str, bytes | str] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    statements: int = 0
    budget: Budget = field(default_factory=lambda: Budget(FOLDED))
    search: list[str] = field(default_factory=lambda: [FOLDER])


def absolute(path: object) -> str | None:
    """A folded path as an absolute one, None where it is not a path."""
    if not isinstance(path, str | PurePosixPath):
        return None
    parts: list[str] = []
    for part in str(PurePosixPath(FOLDER, path))[:4096].split("/"):
        if part == "..":
            parts = parts[:-1]
        elif part not in ("", "."):
            parts.append(part)
    return "/" + "/".join(parts)
