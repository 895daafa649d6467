"""What was found in a script, and what became of it? The records of this room."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from verifier.source import Function, Unit


class Where(StrEnum):
    """In which of the files that are written something is left to do."""

    TRAIN = "train.py"
    SCORER = "scorer.py"
    CONTEST = "contest.py"
    MANIFEST = "verify.yaml"
    CLAIMS = "submission.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """One thing that a person still has to look at.

    `line` is 1-based in the script as it was unpacked, 0 where it has none; `text` is that line.
    `needed`: the port does not work, or is not the script's, before somebody has changed something.
    """

    where: Where
    what: str
    line: int = 0
    text: str = ""
    needed: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Export:
    """How the artifact leaves the script and comes back. `name` is the file's, without a folder.

    `at` is the function in whose top-level statements both happen: `wrote` and `read` are those
    statements, `read` None where nothing reads it back there. `paths` are the expressions that
    name the file.
    """

    name: str
    at: Function
    wrote: ast.stmt
    read: ast.stmt | None
    paths: tuple[ast.expr, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """The last evaluation that the script makes, and how it asks the model there.

    `by` is the evaluation that training's own function calls, `at` the function in which `asks`,
    the call of the model, stands, `method` what that calls. `tokens` is the parameter of `by` that
    holds the held-out tokens, "" where it reads them itself.
    """

    by: Function
    at: Function
    asks: ast.Call
    method: Function
    tokens: str


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """What a script consists of, as far as porting asks. None: it was not found."""

    unit: Unit
    evaluations: tuple[Function, ...]
    training: frozenset[Function]
    """The functions that read training data, or lead to some that do."""
    evaluation: Evaluation | None
    export: Export | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Lines of the unpacked script: kept as they were, changed by us, dropped; `added` are ours."""

    kept: int
    changed: int
    dropped: int
    added: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    """What is written: `files` by name, what a person has to look at, and how many lines went.

    `evaluation` and `adapters` are the names of the script's own evaluation and of the class whose
    instances learn in it, "" for none; `tokens` as in `Evaluation`.
    """

    files: Mapping[str, str]
    remarks: tuple[Remark, ...]
    counts: Counts
    entry: str
    layer: str
    evaluation: str
    tokens: str
    adapters: str
    copied: Mapping[str, bytes] = field(default_factory=dict)
