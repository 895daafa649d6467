"""Is the token that is being scored hashed, or compared with something stored? (R4, C1)

A loss, a metric and the bytes of a token need the target as an index. What takes a digest of it, or
asks whether it equals what came from elsewhere, can recognise the held-out text. Must stay silent
on special tokens, on what a model predicts, and on hints that are made of the text itself.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from verifier.screening.finding import Confidence, Location, Remark
from verifier.screening.rule import Rule
from verifier.screening.rules.mentions import dotted, on_lines, own, reaching
from verifier.screening.rules.places import at, at_each
from verifier.screening.searching import lines_holding
from verifier.source.functions import Function, last_name
from verifier.source.program import UNKNOWN, Program
from verifier.source.tree import Tree
from verifier.source.values import words

LOOKED_UP = Rule(
    id="target-looked-up",
    sentence="The token to be scored is hashed, or compared with something that is stored.",
    clause="R4, C1",
    classes=("PAID_PREFIX",),
    at_most=Confidence.REVIEW,
    clear="Use the target as the index of a loss, a metric or a byte count only.",
)
RULES: tuple[Rule, ...] = (LOOKED_UP,)

_MARKS = ("==", "!=", " in ", "isin(", ".eq(", "equal(", "searchsorted(", ".ne(", "in1d(")
_CALLS = words("isin eq ne equal array_equal in1d searchsorted allclose isclose")
_DIGESTS = ("hashlib.", "xxhash.", "mmh3.", "zlib.crc32", "zlib.adler32", "binascii.crc32")
_PARTS = "ids?|tokens?|toks?|flat|np|cpu|slice|batch|chunk|list|bytes?|row|seq"
_TARGET = re.compile(
    rf"y|y[_b]\w{{0,20}}|\w{{0,20}}_y|tgts?(?:_(?:{_PARTS}))?|labels?|true_(?:id|tok)\w{{0,20}}"
    rf"|(?:\w{{0,20}}_)?targets?(?:_(?:{_PARTS}))?"
)
_NAMED = re.compile(r"\by(?:[_b]|\b)|_y\b|tgt|target|label|true_")
_NEAR = 1
"""A comparison may go on over a line."""
_SPECIAL = re.compile(
    r"(?:bos|eos|pad|sep|unk|ignore|special|boundary|doc|hint|pred|argmax|guess|top)", re.IGNORECASE
)


def check(program: Program, tree: Tree) -> Iterator[Remark]:
    """One remark with every place."""
    found: dict[Location, str] = {}
    for place, why in (*_digests(program), *_compared(program)):
        found.setdefault(place, why)
    yield from at_each(LOOKED_UP, found)


def _digests(program: Program) -> Iterator[tuple[Location, str]]:
    """hash(…), hashlib.sha256(…) of what holds held-out tokens."""
    for mention in reaching(program):
        call = mention.call
        if call is None:
            continue
        name = dotted(program, mention.node, mention.at)
        plain = name.removeprefix("builtins.") == "hash" and not own(mention.at, "hash")
        if not plain and not name.startswith(_DIGESTS):
            continue
        if any(program.heldout.holds(each, mention.at) for each in call.args):
            yield at(program, mention.at, mention.node), "takes a digest of held-out tokens"


def _compared(program: Program) -> Iterator[tuple[Location, str]]:
    """targets == stored, y in table, torch.isin(y, stored)."""
    for unit in program.units:
        module = program.of(unit.tree) if unit.tree is not None else None
        rows = unit.rows()
        lines = [
            line
            for line in lines_holding(unit.text, _MARKS)
            if any(_NAMED.search(row) for row in rows[max(0, line - 1 - _NEAR) : line + _NEAR])
        ]
        if unit.tree is None or module is None or not lines:
            continue
        for node, function, _ in on_lines(program, unit.tree, module, lines):
            asked = any(
                _is_target(one) and _stored(program, function, other) for one, other in _pairs(node)
            )
            if asked and program.live(function, node):
                yield at(program, function, node), "compares the target with what is stored"


def _pairs(node: ast.AST) -> Iterator[tuple[ast.expr, ast.expr]]:
    """The two things that are compared, each way."""
    match node:
        case ast.Compare(left=left, ops=[ast.Eq() | ast.NotEq()], comparators=[right]):
            yield from ((left, right), (right, left))
        case ast.Compare(left=left, ops=[ast.In() | ast.NotIn()], comparators=[right]):
            yield left, right
        case ast.Call(func=func, args=[one, other, *_]) if last_name(func) in _CALLS:
            yield from ((one, other), (other, one))
        case ast.Call(func=ast.Attribute(value=one, attr=attr), args=[other]) if attr in _CALLS:
            yield from ((one, other), (other, one))


def _is_target(node: ast.expr) -> bool:
    """Whether an expression is the target itself, a part of it, or it in another form."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return _TARGET.fullmatch(name) is not None
        case ast.Subscript(value=base) | ast.Starred(value=base):
            return _is_target(base)
        case ast.Call(func=ast.Attribute(value=base, attr=attr)):
            return attr not in ("numel", "size", "dim", "max", "min") and _is_target(base)
        case ast.Call(func=ast.Name(id="int" | "tuple" | "list" | "bytes" | "str"), args=[inner]):
            return _is_target(inner)
    return False


def _stored(program: Program, function: Function, node: ast.expr) -> bool:
    """Whether something may have come with the artifact: not known, not made of the text."""
    if isinstance(node, ast.Constant | ast.UnaryOp) or program.value(node, function) is not UNKNOWN:
        return False
    names = [
        each.id if isinstance(each, ast.Name) else each.attr
        for each in ast.walk(node)
        if isinstance(each, ast.Name | ast.Attribute)
    ]
    if not names or any(_SPECIAL.search(name) for name in names):
        return False
    if isinstance(node, ast.Name) and _counts(program, function, node.id):
        return False
    return not program.heldout.holds(node, function)


def _counts(program: Program, function: Function, name: str) -> bool:
    """Whether a name is 0, 1, 2 … over the vocabulary, as in a loss that is written out."""
    made = program.assignments(function, name)
    return bool(made) and all(
        any(
            isinstance(part, ast.Call) and last_name(part.func) == "arange"
            for part in ast.walk(each.of)
        )
        for each in made
    )
