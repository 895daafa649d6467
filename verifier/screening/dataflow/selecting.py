"""Which functions of a script hash, count or mix, by the look of their lines?

Following starts there. A function that is missed here is found where another calls it.
"""

from __future__ import annotations

import ast
import re
from bisect import bisect_left
from collections.abc import Iterator

from verifier.screening.searching import lines_with
from verifier.source.program import Function, Program

_MIXES = re.compile(
    r"\^|bitwise_xor|\* ?\w+ ?\+ ?\w+(?:\[[^\]\n]{0,60}\])?\)? ?[%&]|logsumexp|logaddexp"
    r"|\* ?\w+\)\.sum\("
)
_MIX_LITERALS = ("^", "bitwise_xor", "logsumexp", "logaddexp", ").sum(", "%", "&")
"""What a line of a function that hashes or mixes looks like."""
_COUNTS = re.compile(
    r"\.get\([^\"'()=]{1,80}, ?0\)|\.get\([^\"'()=]{1,80}\) ?/|\[\w+\] ?/ ?\w"
    r"|(?:tuple|bytes)\(\w+\[[^\]\n]{0,60}:|\.tobytes\(\)"
)
_COUNT_LITERALS = (".get(", "] /", "]/", "tuple(", "bytes(")
"""The same of one that counts in mappings, whose keys are made of slices."""
_KEYED = ("tuple(", "bytes(")


def seeded(program: Program) -> Iterator[Function]:
    """The functions that hold such a line."""
    for unit in program.units:
        rows = unit.rows()
        mixes = lines_with(rows, unit.text, _MIXES, _MIX_LITERALS)
        keyed = any(literal in unit.text for literal in _KEYED)
        counts = lines_with(rows, unit.text, _COUNTS, _COUNT_LITERALS) if keyed else []
        for function in program.functions if mixes or counts else ():
            if function.unit is unit and (
                any_between(mixes, function) or any_between(counts, function)
            ):
                yield function


def any_between(lines: list[int], function: Function) -> bool:
    """Whether one of the ascending `lines` is in the function; never in a module."""
    node = function.node
    if isinstance(node, ast.Module):
        return False
    at = bisect_left(lines, node.lineno)
    return at < len(lines) and lines[at] <= (node.end_lineno or node.lineno)
