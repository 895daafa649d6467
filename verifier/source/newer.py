"""How does what only a newer Python can read become what Python 3.11 can, line for line?

Type parameters and the word `type` are blanked out. An expression inside an f-string that 3.11's
grammar could not hold, or would number otherwise, is taken out, parsed by itself and put back into
the tree. The same is done under every interpreter, so that all see one tree.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field

import tree_sitter
import tree_sitter_python

PYTHON = tree_sitter.Language(tree_sitter_python.language())
_FOUND = tree_sitter.Query(
    PYTHON,
    """
    (interpolation) @expression
    (format_expression) @expression
    (string) @string
    (function_definition type_parameters: (_) @parameters)
    (class_definition type_parameters: (_) @parameters)
    (type_alias_statement) @alias
    """,
)
TAKEN_OUT = 2_000
"""Expressions of one text that are parsed by themselves. The longest scripts have some hundred."""
_ENDS_EXPRESSION = frozenset(["=", "type_conversion", "format_specifier", "}"])


class TooMany(Exception):
    """More would be taken out of one text's f-strings than TAKEN_OUT. Never leaves the room."""


@dataclass(frozen=True, slots=True)
class Held:
    """An expression taken out of an f-string. `line` is 1-based."""

    name: str
    line: int
    source: bytes


@dataclass(frozen=True, slots=True)
class Rewritten:
    """Text that 3.11 can read, and what was taken out of it.

    `newer` is the first line, 1-based, that 3.11 cannot read as it stands; 0 for none.
    """

    source: bytes
    held: tuple[Held, ...]
    newer: int = 0


@dataclass(slots=True)
class _Edits:
    """Replacements by start and end byte; what lies inside an earlier one is left out."""

    source: bytes
    made: list[tuple[int, int, bytes]] = field(default_factory=list)
    newer: list[int] = field(default_factory=list)

    def applied(self) -> bytes:
        parts: list[bytes] = []
        at = 0
        for start, end, new in sorted(self.made):
            if start >= at:
                parts += [self.source[at:start], new]
                at = end
        return b"".join([*parts, self.source[at:]])


def rewritten(source: bytes, root: tree_sitter.Node) -> Rewritten:
    """`source` (UTF-8, "\\n" at line ends) with the same meaning and lines, in 3.11's grammar.

    Raises TooMany.
    """
    found = tree_sitter.QueryCursor(_FOUND).captures(root)
    edits = _Edits(source)
    for node in found.get("parameters", ()):
        edits.made.append((node.start_byte, node.end_byte, _blank(source, node)))
        edits.newer.append(node.start_point.row + 1)
    for node in found.get("alias", ()):
        _unalias(source, node, edits)
    held = _take_out(source, found.get("expression", []), found.get("string", []), edits)
    return Rewritten(edits.applied() if edits.made else source, held, min(edits.newer, default=0))


def put_back(tree: ast.AST, expressions: dict[str, ast.expr]) -> None:
    """Replace the names that stand for expressions taken out by the expressions."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FormattedValue) and isinstance(node.value, ast.Name):
            node.value = expressions.get(node.value.id, node.value)
        waiting.extend(ast.iter_child_nodes(node))


def _blank(source: bytes, node: tree_sitter.Node) -> bytes:
    inside = source[node.start_byte : node.end_byte]
    return b"\\\n".join(b" " * len(row) for row in inside.split(b"\n"))


def _unalias(source: bytes, node: tree_sitter.Node, edits: _Edits) -> None:
    """type X[T] = …  becomes  X = …"""
    left = node.child_by_field_name("left")
    if left is None:
        return
    edits.made.append((node.start_byte, left.start_byte, b""))
    edits.newer.append(node.start_point.row + 1)
    waiting = [left]
    while waiting:
        each = waiting.pop()
        if each.type == "type_parameter":
            edits.made.append((each.start_byte, each.end_byte, _blank(source, each)))
        else:
            waiting.extend(each.children)


@dataclass(frozen=True, slots=True)
class _String:
    """The f-string around an expression. `delimiter`: its quotes."""

    end_byte: int
    delimiter: bytes
    multiline: bool


def _take_out(
    source: bytes, nodes: list[tree_sitter.Node], strings: list[tree_sitter.Node], edits: _Edits
) -> tuple[Held, ...]:
    # A text that holds its own digest cannot be written.
    prefix = f"_held_{hashlib.sha256(source).hexdigest()[:24]}_" if nodes else ""
    held: list[Held] = []
    last = 0
    for node, string in _with_strings(source, nodes, strings):
        end = next((each for each in node.children if each.type in _ENDS_EXPRESSION), None)
        if node.start_byte < last or end is None:
            continue
        start, stop = node.start_byte + 1, end.start_byte
        inside = source[start:stop]
        delimiter = string.delimiter
        long = len(delimiter) > 1
        newer = (
            delimiter in inside
            or b"\\" in inside
            or (b"\n" in inside and not long)
            or any(each.type == "comment" for each in node.children)
        )
        if newer:
            edits.newer.append(node.start_point.row + 1)
        if not (newer or string.multiline or b"#" in inside):
            continue
        if len(held) >= TAKEN_OUT:
            raise TooMany
        name = f"{prefix}{len(held)}_"
        held.append(Held(name, node.start_point.row + 1, inside))
        rows = inside.count(b"\n")
        edits.made.append((start, stop, name.encode() + (b"\n" * rows if long else b"")))
        last = stop
        if rows and not long:
            edits.made.append((string.end_byte, string.end_byte, b" \\\n" * rows))
    return tuple(held)


def _with_strings(
    source: bytes, nodes: list[tree_sitter.Node], strings: list[tree_sitter.Node]
) -> Iterator[tuple[tree_sitter.Node, _String]]:
    """Expressions in the order of the text, each with the innermost f-string around it."""
    waiting = sorted(strings, key=lambda each: each.start_byte, reverse=True)
    around: list[_String] = []
    for node in sorted(nodes, key=lambda each: each.start_byte):
        at = node.start_byte
        while waiting and waiting[-1].start_byte < at:
            string = waiting.pop()
            if string.end_byte > at and (start := string.child(0)) is not None:
                quotes = source[string.start_byte : start.end_byte].lstrip(b"rRfFbBuU")
                rows = string.start_point.row, string.end_point.row
                around.append(_String(string.end_byte, quotes, rows[0] != rows[1]))
        while around and around[-1].end_byte <= at:
            around.pop()
        if around:
            yield node, around[-1]
