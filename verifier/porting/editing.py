"""How does a text look when some of its statements are gone and some expressions are others?

By whole lines: what stays, stays byte for byte. Knows nothing of what the statements do.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from verifier.porting.dropping import Dropped
from verifier.porting.names import blocks

_DEFINES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


@dataclass(frozen=True, slots=True, eq=False)
class Edited:
    """The lines that are left, with the numbers that they had; 0 for one of ours."""

    rows: tuple[tuple[int, str], ...]
    changed: frozenset[int] = field(default_factory=frozenset)

    @property
    def text(self) -> str:
        """The new text."""
        return "\n".join(row for _, row in self.rows).rstrip() + "\n"


def shares_lines(tree: ast.Module, dropped: Dropped) -> bool:
    """Whether a statement that goes has a line in common with one that stays."""
    lost = {line for each in _every(tree) if each in dropped for line in _lines(each)}
    for each in _every(tree):
        if each in dropped:
            continue
        inside = _inside(each)
        head_end = min((block[0].lineno for block in inside), default=(each.end_lineno or 0) + 1)
        head = set(range(each.lineno, head_end)) or {each.lineno}
        if head & lost:
            return True
    return False


def edited(text: str, tree: ast.Module, dropped: Dropped, wraps: Mapping[int, ast.expr]) -> Edited:
    """The text without what was dropped; `wraps`: expressions that go through `contest.out`.

    Arguments that hold nothing any more become None.

    A block that loses all its statements while its head stays gets `pass`.
    """
    rows = text.split("\n")
    lost = {line for each in _every(tree) if each in dropped for line in _lines(each)}
    lost |= set(_comments_above(rows, tree, dropped))
    passes = dict(_emptied(tree, dropped))
    changed: dict[int, str] = {}
    edits = {**wraps, **dropped.nothing}
    for node in sorted(edits.values(), key=lambda each: -each.col_offset):
        if node.lineno == node.end_lineno and node.lineno not in lost:
            line = changed.get(node.lineno, rows[node.lineno - 1]).encode()
            first, last = node.col_offset, node.end_col_offset or 0
            nothing = id(node) in dropped.nothing
            inner = b"None" if nothing else b"contest.out(" + line[first:last] + b")"
            changed[node.lineno] = (line[:first] + inner + line[last:]).decode()
    made: list[tuple[int, str]] = []
    begin = _begin(tree)
    for number, row in enumerate(rows, 1):
        if number in passes:
            made.append((0, passes[number]))
        if number not in lost:
            made.append((number, changed.get(number, row)))
        if number == begin:
            made.append((0, "import contest  # noqa: E402 - before anything reads the environment"))
    if begin == 0:
        made.insert(0, (0, "import contest"))
    return Edited(tuple(_squeezed(made)), frozenset(changed))


def _begin(tree: ast.Module) -> int:
    """The last line that must stay before any import: the docstring, `from __future__`."""
    last = 0
    for each in tree.body:
        docstring = isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant)
        future = isinstance(each, ast.ImportFrom) and each.module == "__future__"
        if not docstring and not future:
            break
        last = each.end_lineno or each.lineno
    return last


def _every(tree: ast.Module) -> Iterator[ast.stmt]:
    return (each for each in ast.walk(tree) if isinstance(each, ast.stmt))


def _inside(statement: ast.stmt) -> tuple[list[ast.stmt], ...]:
    return (statement.body,) if isinstance(statement, _DEFINES) else blocks(statement)


def _lines(statement: ast.stmt) -> range:
    first = statement.lineno
    if isinstance(statement, _DEFINES) and statement.decorator_list:
        first = min(first, *(each.lineno for each in statement.decorator_list))
    return range(first, (statement.end_lineno or first) + 1)


def _emptied(tree: ast.Module, dropped: Dropped) -> Iterator[tuple[int, str]]:
    """Before which line a `pass` goes, and the row."""
    for each in _every(tree):
        if each in dropped:
            continue
        for block in _inside(each):
            if all(inner in dropped for inner in block):
                yield block[0].lineno, " " * block[0].col_offset + "pass"


def _comments_above(rows: list[str], tree: ast.Module, dropped: Dropped) -> Iterator[int]:
    """Comments that stand right above what goes, or between two statements that go."""
    every: list[ast.Module | ast.stmt] = [tree, *_every(tree)]
    for above in every:
        if isinstance(above, ast.stmt) and above in dropped:
            continue
        for block in (above.body,) if isinstance(above, ast.Module) else _inside(above):
            for index, each in enumerate(block):
                if each not in dropped:
                    continue
                between = index > 0 and block[index - 1] in dropped
                line = _lines(each)[0] - 1
                while line > 0 and (row := rows[line - 1].strip()) is not None:
                    if not (row.startswith("#") or (between and not row)):
                        break
                    yield line
                    line -= 1


def _squeezed(made: list[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """At most two empty lines on end."""
    empty = 0
    for number, row in made:
        empty = 0 if row.strip() else empty + 1
        if empty <= 2:
            yield number, row
