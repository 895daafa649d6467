"""Is the product of a token's byte probabilities mixed with that token's own probability? (C2)

A model of bytes gives the bytes of every token a product, of short tokens and of the longer ones
that begin with them; over a vocabulary these do not sum to 1. Must stay silent on sums of
logarithms of mixtures, byte by byte, and on whole sequences weighed against each other.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from verifier.source.program import Function


def mixed_products(function: Function) -> Iterator[ast.expr]:
    """`w·p + v·exp(s)`, `s` summed up over the bytes of one token."""
    for outer in ast.walk(function.node):
        if isinstance(outer, ast.For | ast.While):
            for inner in outer.body:
                yield from _mixed(outer, inner)


def _mixed(outer: ast.For | ast.While, statement: ast.stmt) -> Iterator[ast.expr]:
    """The same for the loops of one statement of a loop over tokens."""
    loops = [each for each in ast.walk(statement) if isinstance(each, ast.For)]
    for loop in loops:
        sums = _summed(loop) & _begun(outer, loop)
        if sums:
            inside = {id(each) for each in ast.walk(loop)}
            rest = [each for each in ast.walk(outer) if id(each) not in inside]
            products = _products(rest, sums)
            mixes = [each for each in rest if _mixes(each, products, sums)]
            yield from (each for each in mixes if isinstance(each, ast.expr))


def _summed(loop: ast.For) -> set[str]:
    """What the loop adds something to that is no constant."""
    return {
        node.target.id
        for node in ast.walk(loop)
        if isinstance(node, ast.AugAssign)
        and isinstance(node.op, ast.Add)
        and isinstance(node.target, ast.Name)
        and not isinstance(node.value, ast.Constant)
    }


def _begun(outer: ast.For | ast.While, loop: ast.For) -> set[str]:
    """What every turn of the outer loop sets anew before the inner one."""
    return {
        name
        for node in ast.walk(outer)
        if isinstance(node, ast.Assign) and node.lineno <= loop.lineno
        for target in node.targets
        for name in _names(target)
    }


def _products(nodes: list[ast.AST], sums: set[str]) -> set[str]:
    """The names that `exp` of one of the sums is kept under."""
    return {
        name
        for node in nodes
        if isinstance(node, ast.Assign) and _exponential(node.value, sums)
        for name in _names(node.targets[0])
    }


def _exponential(node: ast.AST, sums: set[str]) -> bool:
    match node:
        case ast.Call(
            func=ast.Name(id=called) | ast.Attribute(attr=called), args=[ast.Name(id=name)]
        ):
            return called.lstrip("_") == "exp" and name in sums
        case _:
            return False


def _mixes(node: ast.AST, products: set[str], sums: set[str]) -> bool:
    """A sum of two weighted terms, the product of the bytes in one of them only."""
    match node:
        case ast.BinOp(
            op=ast.Add(),
            left=ast.BinOp(op=ast.Mult()) as left,
            right=ast.BinOp(op=ast.Mult()) as right,
        ):
            return _holds(left, products, sums) is not _holds(right, products, sums)
        case _:
            return False


def _holds(term: ast.BinOp, products: set[str], sums: set[str]) -> bool:
    factors = (term.left, term.right)
    return any(
        _exponential(each, sums) or (isinstance(each, ast.Name) and each.id in products)
        for each in factors
    )


def _names(node: ast.expr) -> Iterator[str]:
    return (each.id for each in ast.walk(node) if isinstance(each, ast.Name))
