"""Where in a program does a pattern stand, and does the entry get there?"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator, Mapping

from verifier.screening.finding import Confidence, Location, Remark
from verifier.screening.rule import Rule
from verifier.screening.searching import lines_with
from verifier.source.children import children
from verifier.source.program import Function, Program

PLACES = 8
"""How many places of one remark are shown."""


def at(program: Program, function: Function, node: ast.AST) -> Location:
    """The location of a node."""
    return Location(**program.location(function, node))  # type: ignore[arg-type]


def at_each(
    rule: Rule, found: Mapping[Location, str], confidence: Confidence = Confidence.REVIEW
) -> Iterator[Remark]:
    """One remark for all places that a rule found, none for none: why it is one, of the first."""
    for first, why in tuple(found.items())[:1]:
        where = f"Line {first.line}" if first.line else first.path
        more = f" (and {len(found) - 1} more places)" if len(found) > 1 else ""
        yield Remark(
            rule=rule.id,
            confidence=confidence,
            said=f"{where}: {why}{more}.",
            locations=tuple(found)[:PLACES],
            values={"places": len(found)},
        )


def functions_with(
    program: Program, pattern: re.Pattern[str], *literals: str
) -> Iterator[Function]:
    """The innermost functions that hold a line with `pattern`, modules left out.

    `literals`: every such line has one of them; they are found faster than a pattern.
    """
    for unit in program.units:
        lines = lines_with(unit.rows(), unit.text, pattern, literals)
        if not lines:
            continue
        inner: dict[Function, None] = {}
        own = [one for one in program.functions if one.unit is unit]
        for line in lines:
            holding = [one for one in own if holds(one, line)]
            if holding:
                inner[max(holding, key=lambda one: span(one)[0])] = None
        yield from inner


def span(function: Function) -> tuple[int, int]:
    """First and last line of a function in its unit; (1, 0) for a module."""
    node = function.node
    if isinstance(node, ast.Module):
        return 1, 0
    return node.lineno, node.end_lineno or node.lineno


def rows_of(function: Function) -> list[str]:
    """The lines of a function, none for a module."""
    first, last = span(function)
    return function.unit.rows()[first - 1 : last]


def holds(function: Function, line: int) -> bool:
    """Whether a line of its unit is in the function; never in a module."""
    first, last = span(function)
    return first <= line <= last


def nodes_on(function: Function, lines: Collection[int]) -> Iterator[ast.AST]:
    """The nodes of a function that begin on one of `lines`, found without visiting the others."""
    first, last = min(lines, default=0), max(lines, default=0)
    open_: list[ast.AST] = [function.node]
    while open_:
        for node in children(open_.pop()):
            begin = getattr(node, "lineno", None)
            if begin is None or (begin <= last and (getattr(node, "end_lineno", 0) or 0) >= first):
                open_.append(node)
                if begin in lines:
                    yield node


def live_lines(program: Program, pattern: re.Pattern[str], *literals: str) -> list[Location]:
    """Where `pattern` stands in functions that the entry reaches."""
    places = []
    for unit in program.units:
        own = [one for one in program.functions if one.unit is unit]
        for line in lines_with(unit.rows(), unit.text, pattern, literals):
            if any(holds(one, line) and program.reachable(one) for one in own):
                row = program.line(unit, line)
                places.append(Location(path=unit.path, line=line, text=row, layer=unit.layer))
    return places
