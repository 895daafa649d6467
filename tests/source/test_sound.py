"""What folding knows is what Python computes, and what a script runs is reached.

The scripts here are made by the tests, so they are executed to see what they really do.
"""

from __future__ import annotations

import ast
import contextlib
import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.source.made_scripts import Enough, Script, Seen
from verifier.source import Tree, read_program
from verifier.source.folding import fold
from verifier.source.tracing import Trace
from verifier.source.values import UNKNOWN, Environment
from verifier.source.world import World

CONSTANTS = [
    "0",
    "1",
    "2",
    "-3",
    "2.5",
    "''",
    "'a'",
    "'ab'",
    "True",
    "False",
    "None",
    "[1]",
    "(2, 3)",
]
RAISED = (TypeError, ValueError, ArithmeticError, LookupError, AttributeError)
NAMES = {"p": 0, "q": 3, "s": "xy", "t": (1, 2), "u": None}


def expressions() -> st.SearchStrategy[str]:
    """Expressions over constants and a few names, as text."""
    leaves = st.sampled_from([*CONSTANTS, *NAMES])

    def more(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        pair = st.tuples(inner, inner)
        operators = [
            "+",
            "-",
            "*",
            "/",
            "//",
            "%",
            "**",
            "<<",
            "|",
            "and",
            "or",
            "==",
            "!=",
            "<",
            "in",
        ]
        binary = st.tuples(pair, st.sampled_from([*operators, ">=", "is", "is not", "not in"]))
        calls = ["int({})", "bool({})", "str({})", "len({})", "({}).upper()", "abs({})"]
        calls.append("(not ({}))")
        return st.one_of(
            binary.map(lambda made: f"({made[0][0]} {made[1]} {made[0][1]})"),
            st.tuples(st.sampled_from(calls), inner).map(lambda made: made[0].format(made[1])),
            st.tuples(inner, inner, inner).map(
                lambda made: f"({made[0]} if {made[1]} else {made[2]})"
            ),
            pair.map(lambda made: f"[{made[0]}, {made[1]}][{made[0]}]"),
            inner.map(lambda made: f"[x for x in {made} if x]"),
            inner.filter(lambda made: "'" not in made).map(lambda made: f"f'{{{made}}}'"),
            pair.map(lambda made: f"({made[0]})[{made[1]}:]"),
        )

    return st.recursive(leaves, more, max_leaves=8)


@settings(max_examples=300, deadline=None)
@given(expressions())
def test_what_is_folded_is_what_python_computes(text: str) -> None:
    """Promise: a folded value is the value that Python computes, where it computes one."""
    tree = ast.parse(text, mode="eval")
    folded = fold(tree.body, Trace(World(Environment()), dict(NAMES)))
    if folded is UNKNOWN:
        return
    with contextlib.suppress(*RAISED), warnings.catch_warnings(action="ignore"):
        computed = eval(text, {}, dict(NAMES))
        assert (type(folded), folded) == (type(computed), computed)


@pytest.mark.parametrize("start", range(0, 90, 15))
def test_whatever_a_script_runs_is_reached(start: int) -> None:
    """Promise: what is called unreached never runs, however settings and names decide branches."""
    for seed in range(start, start + 15):
        text = "\n".join(Script(seed).rows) + "\n"
        ran = Seen()
        with contextlib.suppress(*RAISED, NameError, Enough):
            exec(compile(text, "made", "exec"), {"__name__": "__main__", "SEEN": ran})
        program = read_program(Tree(files={"train_gpt.py": text.encode()}))
        assert program is not None
        reached = {each.name for each in program.functions if program.reachable(each)}
        assert ran <= reached, (seed, ran - reached)
