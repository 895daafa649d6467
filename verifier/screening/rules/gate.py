"""Does a hint for a position depend on the class of the token that stands there? (C1)

A hint must follow from the tokens before it. A loop that looks the current token up in a table of
classes (starts a word, is a boundary) and writes that position's hint under that class has read
the answer. Must never take a look-up after the hint was written for one before it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from verifier.screening.finding import Confidence, Remark
from verifier.screening.rule import Rule
from verifier.screening.rules.gated_loops import Gate, gates, names_in
from verifier.source import UNKNOWN
from verifier.source.program import Function, Program
from verifier.source.tree import Tree

GATE = Rule(
    id="target-gate",
    sentence="An expert's hint for a position depends on the class of the token at that position.",
    clause="C1, C2",
    at_most=Confidence.VIOLATION,
    classes=("NGRAM_TARGET_GATE",),
    clear=(
        "Take the class that opens the gate from the token before (or drop the gate), write the "
        "hint first, and look the scored token up only to update the tables."
    ),
)
RULES = (GATE,)


def check(program: Program, tree: Tree) -> Iterator[Remark]:
    """One remark for all gates of a submission, as strong as the strongest that is used."""
    judged = [(gate, _used(program, gate)) for gate in gates(program, tree)]
    if not judged:
        return
    confidence = min((used for _, used in judged), key=list(Confidence).index)
    shown = [gate.location for gate, used in judged if used is confidence][:6]
    said = {
        Confidence.VIOLATION: "hints are given or withheld by the class of the token being scored",
        Confidence.REVIEW: "hints seem to be given or withheld by the class of the scored token",
        Confidence.NOTE: (
            "code that would gate hints by the scored token's class, switched off by the settings"
        ),
    }[confidence]
    yield Remark(
        rule=GATE.id, confidence=confidence, said=said, locations=tuple(dict.fromkeys(shown))
    )


# ---------------------------------------------------------------- what becomes of the hints


def _used(program: Program, gate: Gate) -> Confidence:
    """VIOLATION where the gated outputs are let through a threshold, NOTE where none can pass."""
    if gate.function is None:
        return Confidence.REVIEW
    if not program.reachable(gate.function):
        return Confidence.NOTE
    passes = list(_passes(program, gate.function, gate.outputs))
    if not passes:
        return Confidence.REVIEW
    return Confidence.VIOLATION if any(passes) else Confidence.NOTE


def _passes(program: Program, function: Function, outputs: frozenset[str]) -> Iterator[bool]:
    """For each comparison of a returned output with a threshold: whether a probability can pass."""
    places, width = _returned_at(function, outputs)
    for caller in program.callers(function):
        for statement in ast.walk(caller.node):
            if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Call):
                target = statement.targets[0]
                fits = not isinstance(target, ast.Tuple) or len(target.elts) == width
                if fits and function in program.targets(caller, statement.value):
                    names = _received(target, places)
                    yield from _thresholds(program, caller, names)


def _returned_at(function: Function, outputs: frozenset[str]) -> tuple[set[int], int]:
    """At which places of the returned tuple outputs stand, and how long it is."""
    for statement in ast.walk(function.node):
        match statement:
            case ast.Return(value=ast.Tuple(elts=parts)):
                return {i for i, part in enumerate(parts) if names_in(part) & outputs}, len(parts)
            case _:
                continue
    return set(), 0


def _received(target: ast.expr, places: set[int]) -> set[str]:
    if not isinstance(target, ast.Tuple):
        return names_in(target)
    return set().union(*(names_in(part) for i, part in enumerate(target.elts) if i in places))


def _thresholds(program: Program, caller: Function, names: set[str]) -> Iterator[bool]:
    for node in ast.walk(caller.node):
        match node:
            case ast.Compare(left=left, ops=[ast.Gt() | ast.GtE()], comparators=[right]):
                if names_in(left) & names and program.live(caller, node):
                    bound = program.value(_inner(right), caller)
                    yield bound is UNKNOWN or not isinstance(bound, int | float) or bound <= 1.0
            case _:
                continue


def _inner(node: ast.expr) -> ast.expr:
    """`x` of `np.float32(x)`."""
    while isinstance(node, ast.Call) and len(node.args) == 1:
        node = node.args[0]
    return node
