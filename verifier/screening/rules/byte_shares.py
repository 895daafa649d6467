"""Where does a function share a token's loss, or its probability, out over the token's bytes?

Goes by what the divisor is: the length of one piece, by name or as it is measured. Must stay silent
on means over how many there were.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from verifier.source.program import Function

_TOTALS = re.compile(r"sum|total|count|num_tokens")


def shares(function: Function) -> Iterator[ast.expr]:
    """Where a value is divided by, or rooted with, the number of bytes of one token."""
    lengths = {name for name in _lengths(function) if not _TOTALS.search(name)}
    spelt = {
        node.iter.id
        for node in ast.walk(function.node)
        if isinstance(node, ast.For) and isinstance(node.iter, ast.Name)
    }
    found: list[ast.expr] = [node for node in _divisions(function) if _by_length(node, lengths)]
    found += [node for node in _exponents(function) if _by_measure(node, spelt)]
    yield from sorted(found, key=lambda node: node.lineno)[:1]


def _divisions(function: Function) -> Iterator[ast.BinOp]:
    for node in ast.walk(function.node):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div | ast.Pow):
            yield node


def _exponents(function: Function) -> Iterator[ast.expr]:
    """What is handed to `exp`."""
    for node in ast.walk(function.node):
        match node:
            case ast.Call(func=ast.Attribute(attr="exp") | ast.Name(id="exp"), args=[exponent]):
                yield exponent
            case _:
                continue


def _by_measure(node: ast.expr, spelt: set[str]) -> bool:
    """`-loss / len(piece)` of a piece whose bytes a loop runs over."""
    match node:
        case ast.UnaryOp(operand=inner):
            return _by_measure(inner, spelt)
        case ast.BinOp(
            op=ast.Div(),
            right=ast.Call(func=ast.Name(id="len"), args=[ast.Name(id=piece)]),
        ):
            return piece in spelt and not _totals(node.left)
        case _:
            return False


def _lengths(function: Function) -> set[str]:
    """Names of byte lengths: of len(…), of parameters so called, of repeats of such."""
    found = {
        name
        for name in function.parameters
        if re.search(r"byte_?len|n_?bytes|num_bytes|lens?$", name)
    }
    mappings = _mappings(function)
    for _ in range(3):
        for node in ast.walk(function.node):
            match node:
                case (
                    ast.Assign(targets=[ast.Name(id=name)], value=value)
                    | ast.Assign(targets=[ast.Subscript(value=ast.Name(id=name))], value=value)
                ):
                    if _is_length(value, found) and not _names(value) & mappings:
                        found.add(name)
                case ast.For(target=target, iter=iterated):
                    found.update(_turns(target, iterated, found))
                case _:
                    continue
    return found


def _turns(target: ast.expr, iterated: ast.expr, known: set[str]) -> Iterator[str]:
    """The length in each turn of a loop over lengths, numbered or beside others."""
    match target, iterated:
        case ast.Name(id=name), ast.Name(id=several):
            if several in known:
                yield name
        case ast.Tuple(elts=[_, inner]), ast.Call(func=ast.Name(id="enumerate"), args=[of]):
            yield from _turns(inner, of, known)
        case ast.Tuple(elts=parts), ast.Call(func=ast.Name(id="zip"), args=beside):
            for part, of in zip(parts, beside, strict=False):
                yield from _turns(part, of, known)
        case _:
            return


def _mappings(function: Function) -> set[str]:
    """Names whose length is how many keys they have: `d` of `d.values()` and `d.get(…)`."""
    return {
        node.func.value.id
        for node in ast.walk(function.node)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.attr in ("values", "get", "items", "keys")
    }


def _is_length(value: ast.expr, known: set[str]) -> bool:
    """`len(piece)`, `len(piece) + space`, `lengths[t]`, `np.repeat(lengths, …)`, `int(length)`."""
    match value:
        case ast.Call(func=ast.Name(id="len"), args=[ast.Name() | ast.Subscript() | ast.Call()]):
            return True
        case ast.Name(id=name):
            return name in known
        case ast.BinOp(op=ast.Add(), left=left, right=right):
            return _is_length(left, known) or _is_length(right, known)
        case ast.Subscript(value=inner):
            return _is_length(inner, known)
        case ast.Call(func=ast.Attribute(value=inner), args=arguments):
            return any(_is_length(each, known) for each in [inner, *arguments])
        case ast.Call(args=arguments):
            return any(_is_length(each, known) for each in arguments)
        case _:
            return False


def _by_length(node: ast.BinOp, lengths: set[str]) -> bool:
    """`logp / n` of one token, or `p ** (1 / n)`; not a mean over how many there were."""
    match node:
        case ast.BinOp(op=ast.Pow(), right=ast.BinOp(op=ast.Div(), right=divisor)):
            return bool(_names(divisor) & lengths)
        case ast.BinOp(op=ast.Div(), left=left, right=ast.Name() | ast.Subscript() | ast.Call()):
            return bool(_names(node.right) & lengths) and not _totals(left)
        case _:
            return False


def _totals(node: ast.expr) -> bool:
    """A sum, or a number: divided by a count that makes a mean."""
    match node:
        case ast.Constant():
            return True
        case ast.Name(id=name):
            return bool(_TOTALS.search(name))
        case ast.Call(func=ast.Attribute(attr=name)):
            return name in ("sum", "mean", "item")
        case ast.Call(func=ast.Name(id=name)):
            return name in ("sum", "len")
        case ast.UnaryOp(operand=inner):
            return _totals(inner)
        case ast.BinOp(left=left):
            return _totals(left)
        case _:
            return False


def _names(node: ast.expr) -> set[str]:
    return {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
