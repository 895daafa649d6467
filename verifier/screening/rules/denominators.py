"""Is the loss divided by bytes that were counted, or by a number someone wrote down? (R8)

Bits per byte from a constant number of bytes per token are whatever the constant makes them; and a
side-car that counts the bytes of the untransformed text does so only where it is switched on.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from verifier.screening.finding import Confidence, Location, Remark
from verifier.screening.rule import Rule
from verifier.screening.rules.places import at, functions_with, nodes_on, rows_of, span
from verifier.source.program import Function, Program
from verifier.source.tree import Tree

CONSTANT = Rule(
    id="bytes-constant",
    sentence="Bits per byte are computed from a constant number of bytes per token.",
    clause="R8",
    at_most=Confidence.REVIEW,
    classes=("BYTE_HARDCODED", "BYTE_DENOM"),
    clear="Count the bytes of what is scored with the tokenizer, token by token.",
)
TRANSFORMED = Rule(
    id="bytes-of-transformed-text",
    sentence="The tokens are of transformed text, and the count of its original bytes is off.",
    clause="R8",
    at_most=Confidence.REVIEW,
    classes=("BYTE_DENOM",),
    clear="Switch the per-token byte side-car on; the denominator is the document's own bytes.",
)
RULES = (CONSTANT, TRANSFORMED)

_BITS = re.compile(r"\blog\(\s*2(?:\.0*)?\s*\)|\bLN_?2\b|\bLOG_?2\b|0\.6931")
_NAMES = re.compile(r"_*LN_?2|_*LOG_?2")
_BIT_WORDS = ("log(2", "log( 2", "LN2", "LN_2", "LOG2", "LOG_2", "0.6931")
_SWITCH = re.compile(r"caseops|side_?car|lossless_?caps", re.IGNORECASE)
_TRANSFORMED = re.compile(r"\bcase_?ops\b|\blossless[ _]caps\b", re.IGNORECASE)
_ACTIVE = re.compile(r"tokeni[sz]er|token|shards?|data", re.IGNORECASE)
_DENIED = re.compile(
    r"\b(?:no|not|without|instead of|non|unlike|off|disabled|dropped|removed)\b", re.IGNORECASE
)
_ROW_CHARACTERS = 2_000


def check(program: Program, tree: Tree) -> Iterator[Remark]:
    """Remarks of both rules."""
    yield from _constant(program)
    yield from _transformed(program, tree)


def _constant(program: Program) -> Iterator[Remark]:
    places = []
    for function in functions_with(program, _BITS, *_BIT_WORDS):
        first, _ = span(function)
        lines = {n for n, row in enumerate(rows_of(function), first) if _BITS.search(row)}
        for node in _products(function, lines) if program.reachable(function) else ():
            if program.live(function, node) and _per_token(program, function, node):
                places.append(at(program, function, node))
    if places:
        yield Remark(
            rule=CONSTANT.id,
            confidence=Confidence.REVIEW,
            said="a loss in bits is divided by a number written into the script",
            locations=tuple(dict.fromkeys(places))[:6],
        )


def _products(function: Function, lines: set[int]) -> Iterator[ast.BinOp]:
    """The products and quotients that begin on the lines, each as a whole."""
    inside: set[ast.AST] = set()
    for line in sorted(lines):
        for node in nodes_on(function, {line}):
            if isinstance(node, ast.BinOp) and node not in inside:
                inside.update(ast.walk(node))
                yield node


def _per_token(program: Program, function: Function, node: ast.BinOp) -> bool:
    """Whether a product of a loss, 1 / log(2) and a number like bytes per token."""
    factors = _factors(node)
    logarithms = [factor for factor in factors if _logarithm(factor)]
    if len(factors) < 3 or len(logarithms) != 1 or not _of_two(logarithms[0]):
        return False
    for factor in factors:
        value = program.value(factor, function)
        if isinstance(value, float) and not value.is_integer() and _plausible(value):
            return True
    return False


def _plausible(value: float) -> bool:
    """Bytes per token, or tokens per byte; log(2) and its inverse lie between."""
    return 1.5 <= value <= 8.0 or 0.125 <= value <= 0.667


def _factors(node: ast.expr) -> list[ast.expr]:
    found: list[ast.expr] = []
    open_ = [node]
    while open_:
        match open_.pop():
            case ast.BinOp(op=ast.Mult() | ast.Div(), left=left, right=right):
                open_ += [left, right]
            case factor:
                found.append(factor)
    return found


def _logarithm(node: ast.expr) -> bool:
    """`log(…)`, or a name or number for that of 2."""
    match node:
        case ast.Call(func=ast.Attribute(attr="log") | ast.Name(id="log")):
            return True
        case _:
            return _of_two(node)


def _of_two(node: ast.expr) -> bool:
    match node:
        case ast.Call(args=[ast.Constant(value=2)]):
            return True
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return bool(_NAMES.fullmatch(name))
        case ast.Constant(value=float() as value):
            return abs(value - 0.693147) < 0.001
        case _:
            return False


def _transformed(program: Program, tree: Tree) -> Iterator[Remark]:
    """A README that says the tokens are transformed, a log that says the side-car is off."""
    for name, setting in program.settings.items():
        if setting.value is False and _SWITCH.search(name):
            logged = _logged_off(tree, name)
            told = _told(tree)
            if logged is not None and told is not None:
                yield Remark(
                    rule=TRANSFORMED.id,
                    confidence=Confidence.REVIEW,
                    said=f"the tokens are of transformed text, and {name} was False in the run",
                    locations=(told, logged),
                )
                return


def _logged_off(tree: Tree, name: str) -> Location | None:
    row = re.compile(rb"^[ \t]*" + name.encode() + rb"[ \t]*[:=][ \t]*(?:False|0)\b", re.MULTILINE)
    on = re.compile(rb"^[ \t]*" + name.encode() + rb"[ \t]*[:=][ \t]*(?:True|1)\b", re.MULTILINE)
    for path in tree.paths:
        content = tree.files.get(path, b"")
        if path.endswith((".log", ".txt")) and not on.search(content):
            found = row.search(content)
            if found is not None:
                line = content.count(b"\n", 0, found.start()) + 1
                return Location(path=path, line=line, text=found.group().decode().strip())
    return None


def _told(tree: Tree) -> Location | None:
    path = next((each for each in tree.paths if each.lower() == "readme.md"), "")
    for number, row in enumerate((tree.text(path) or "").split("\n"), 1):
        told = len(row) <= _ROW_CHARACTERS and _TRANSFORMED.search(row)
        if told and _ACTIVE.search(row) and not _DENIED.search(row):
            return Location(path=path, line=number, text=row.strip()[:200])
    return None
