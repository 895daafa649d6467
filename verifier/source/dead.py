"""Which syntax of a function is never run, given the tests whose outcome is known?"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping

from verifier.source.children import children

_ENDS = (ast.Return, ast.Raise, ast.Continue, ast.Break)


def dead_nodes(
    statements: list[ast.stmt],
    decided: Mapping[int, bool],
    cut: Iterable[ast.IfExp | ast.BoolOp],
) -> frozenset[int]:
    """The ids of the nodes under branches that are ruled out, or after a certain jump.

    `decided` maps the id of a test to its outcome; `cut` are the expressions with such a test.
    """
    marking = _Marking(decided)
    marking.block(statements)
    for node in cut:
        marking.expression(node)
    return frozenset(marking.dead)


class _Marking:
    def __init__(self, decided: Mapping[int, bool]) -> None:
        self._decided = decided
        self.dead: set[int] = set()

    def block(self, statements: list[ast.stmt]) -> bool:
        """Mark what is dead in a block; whether nothing after the block is reached."""
        for index, statement in enumerate(statements):
            if self._statement(statement):
                for each in statements[index + 1 :]:
                    self._kill(each)
                return True
        return False

    def _statement(self, node: ast.stmt) -> bool:
        match node:
            case ast.If() | ast.While():
                return self._branch(node)
            case ast.With() | ast.AsyncWith():
                return self.block(node.body)
            case ast.Match():
                for case in node.cases:
                    self.block(case.body)
            case ast.ClassDef():
                self.block(node.body)
            case ast.For() | ast.AsyncFor() | ast.Try():
                for block in (node.body, node.orelse):
                    self.block(block)
                for handler in getattr(node, "handlers", ()):
                    self.block(handler.body)
                self.block(getattr(node, "finalbody", []))
            case _:
                return isinstance(node, _ENDS)
        return False

    def _branch(self, node: ast.If | ast.While) -> bool:
        known = self._decided.get(id(node.test))
        ends = []
        for way, block in ((True, node.body), (False, node.orelse)):
            if known is (not way):
                for each in block:
                    self._kill(each)
                ends.append(True)
            else:
                ends.append(self.block(block))
        return all(ends) and isinstance(node, ast.If)

    def expression(self, node: ast.IfExp | ast.BoolOp) -> None:
        """Mark what is dead in an expression that branches."""
        if isinstance(node, ast.BoolOp):
            self._operands(node)
        elif id(node.test) in self._decided:
            self._kill(node.orelse if self._decided[id(node.test)] else node.body)

    def _operands(self, node: ast.BoolOp) -> None:
        """Kill what stands after the operand that decides."""
        decides = isinstance(node.op, ast.Or)
        known = [self._decided.get(id(value)) is decides for value in node.values[:-1]]
        if True in known:
            for value in node.values[known.index(True) + 1 :]:
                self._kill(value)

    def _kill(self, node: ast.AST) -> None:
        waiting = [node]
        while waiting:
            each = waiting.pop()
            self.dead.add(id(each))
            waiting.extend(children(each))
