"""Are the bytes that the loss is divided by the bytes of the documents? (R8)

The competition's table gives a piece its UTF-8 bytes without the marker of a leading space, and one
more where it is used, unless the token before is a boundary; a byte-fallback token is one byte.
Must stay silent on that table, however it is written, and on per-token side-cars.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from verifier.screening.finding import Confidence, Location, Remark
from verifier.screening.rule import Rule
from verifier.screening.rules.places import at, functions_with, live_lines
from verifier.source.program import Function, Program
from verifier.source.tree import Tree

TWICE = Rule(
    id="bytes-space-twice",
    sentence="The space before a word is in the table of bytes and added again where it is used.",
    clause="R8",
    at_most=Confidence.VIOLATION,
    classes=("BYTE_DOUBLE_SPACE",),
    clear="Take the marker off before measuring the piece, and add the space where it is used.",
)
SPELLED = Rule(
    id="bytes-fallback-spelled",
    sentence="A byte-fallback token counts as the length of its name, not as one byte.",
    clause="R8",
    at_most=Confidence.REVIEW,
    classes=("BYTE_FALLBACK3",),
    clear='Count 1 for tokens that `is_byte`; their name "<0x41>" is six characters long.',
)
MARKED = Rule(
    id="bytes-marker-kept",
    sentence="The marker of a leading space (U+2581, three bytes) is measured with the piece.",
    clause="R8",
    at_most=Confidence.REVIEW,
    classes=("BYTE_NO_U2581",),
    clear="Take the marker off before measuring the piece, and count the space it stands for as 1.",
)
RULES = (TWICE, SPELLED, MARKED)

_PIECES = re.compile(r"id_to_piece|IdToPiece")
_ADDED = re.compile(
    r"[\w.]+\[[^\]\n]{1,80}\]\s*&\s*~\s*[\w.]+\[|logical_and\(\s*[\w.]+\[[^\]\n]{1,80}\],\s*~"
    r"|logical_and\([^\n]{1,80}logical_not|[\w.]+\[\w+\]\s*and\s+not\s+[\w.]+\["
)
_STRIPS = frozenset(["startswith", "replace", "lstrip", "strip", "removeprefix", "sub"])


@dataclass(frozen=True, slots=True)
class Table:
    """How a function of the script measures the pieces of a vocabulary.

    `spaced`: the node that counts the leading space in; `flags`: it also keeps a table of which
    pieces begin with a space; `strips`: it takes a marker off; `bytes_known`: it treats
    byte-fallback pieces apart; `measured`: the first measuring node.
    """

    function: Function
    measured: ast.stmt
    spaced: ast.stmt | None
    flags: bool
    strips: bool
    bytes_known: bool


def check(program: Program, tree: Tree) -> Iterator[Remark]:
    """Remarks of all rules of this family."""
    tables = list(tables_of(program))
    doubled = [table for table in tables if table.spaced is not None and table.flags]
    added = live_lines(program, _ADDED, "&", "logical_and", "and not") if doubled else []
    if added:
        places = [at(program, table.function, table.spaced or table.measured) for table in doubled]
        said = "the table counts the leading space, and the sum adds it once more"
        yield _remark(TWICE, Confidence.VIOLATION, said, [*places, *added])
    spelled = [table for table in tables if not table.bytes_known]
    if spelled:
        places = [at(program, table.function, table.measured) for table in spelled]
        said = "pieces are measured as they are spelled, byte-fallback ones too"
        yield _remark(SPELLED, Confidence.REVIEW, said, places)
    kept = [table for table in tables if not table.strips]
    if kept:
        places = [at(program, table.function, table.measured) for table in kept]
        said = "pieces are measured with the marker of their leading space"
        yield _remark(MARKED, Confidence.REVIEW, said, places)


def tables_of(program: Program) -> Iterator[Table]:
    """Every live table of bytes that the script makes from the pieces of a tokenizer."""
    for function in functions_with(program, _PIECES, "id_to_piece", "IdToPiece"):
        table = _table(function)
        if table is not None and program.live(function, table.measured):
            yield table


def _table(function: Function) -> Table | None:
    """How `function` measures pieces, None where it does not."""
    measured: list[ast.stmt] = []
    spaced: ast.stmt | None = None
    called: set[str] = set()
    flags = known = False
    replaced: set[str] = set()
    encoded = {
        name
        for node in ast.walk(function.node)
        if isinstance(node, ast.Assign) and _encodes(node.value)
        for name in _assigned(node)
    }
    for node in ast.walk(function.node):
        match node:
            case ast.Call(func=ast.Attribute(attr=name)):
                called.add(name)
            case ast.Constant(value=str() as text):
                known |= "<0x" in text
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if _spaces(value):
                replaced.add(name)
            case ast.Assign(targets=[ast.Subscript()], value=value):
                if _measures(value, encoded):
                    measured.append(node)
                    if _one_more(value) or _spaces(value) or _mentions(value, replaced):
                        spaced = node
                elif _flag(value):
                    flags = True
            case _:
                continue
    if not measured:
        return None
    known |= bool(called & {"is_byte", "IsByte"})
    first = min(measured, key=lambda statement: statement.lineno)
    strips = bool(called & _STRIPS)
    return Table(function, first, spaced, flags, strips, known)


def _encodes(value: ast.expr) -> bool:
    return any(
        isinstance(node, ast.Attribute) and node.attr == "encode" for node in ast.walk(value)
    )


def _assigned(node: ast.Assign) -> Iterator[str]:
    for target in node.targets:
        if isinstance(target, ast.Name):
            yield target.id


def _measures(value: ast.expr, encoded: set[str]) -> bool:
    """`len(piece.encode("utf-8"))`, or `len(raw)` of what was encoded, with whatever around it."""
    for node in ast.walk(value):
        match node:
            case ast.Call(func=ast.Name(id="len"), args=[ast.Name(id=name)]) if name in encoded:
                return True
            case ast.Call(func=ast.Name(id="len"), args=[argument]) if _encodes(argument):
                return True
            case _:
                continue
    return False


def _one_more(value: ast.expr) -> bool:
    match value:
        case ast.BinOp(op=ast.Add(), left=left, right=right):
            sides = (left, right)
            return any(isinstance(side, ast.Constant) and side.value == 1 for side in sides)
        case _:
            return False


def _spaces(value: ast.expr) -> bool:
    """`piece.replace("▁", " ")`: the marker becomes the space it stands for."""
    for node in ast.walk(value):
        match node:
            case ast.Call(func=ast.Attribute(attr="replace"), args=[_, ast.Constant(value=" ")]):
                return True
            case _:
                continue
    return False


def _mentions(value: ast.expr, names: set[str]) -> bool:
    return any(isinstance(node, ast.Name) and node.id in names for node in ast.walk(value))


def _flag(value: ast.expr) -> bool:
    match value:
        case ast.Constant(value=True):
            return True
        case ast.Call(func=ast.Attribute(attr="startswith")):
            return True
        case ast.Name():
            return True
        case _:
            return False


def _remark(rule: Rule, confidence: Confidence, said: str, locations: list[Location]) -> Remark:
    unique = tuple(dict.fromkeys(locations))[:6]
    return Remark(rule=rule.id, confidence=confidence, said=said, locations=unique)
