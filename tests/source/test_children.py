"""What is walked below a node is what the standard library walks, contexts and operators aside."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from verifier.source.children import children

ASIDE = (ast.expr_context, ast.boolop, ast.operator, ast.unaryop, ast.cmpop)
OURS = sorted((Path(__file__).parents[2] / "verifier").rglob("*.py"))[::12]
EVERYTHING = """
import a.b as c
from . import d as e
@decorated(1)
class K(B, metaclass=M):
    x: int = 1
    async def f(self, p, /, q: int = 2, *r, s=3, t, **u) -> None:
        global g
        async with a as b, c: await d
        async for i in j: yield k
        else: yield from l
        return [m async for m in n if o if p]
try: raise E from f
except* (A, B) as g: del h[0], i.j
else: nonlocal_ = lambda x, *y: {**x, "k": [*y]}
finally: assert not a < b <= c != d, f"{e!r:>{w}} and {g}"
match h:
    case {"i": [j, *k], **l} | M(n, o=1 | None) if p: x += -y ** 2
    case _: pass
while (z := a and b or not c): continue
for q in {1, 2}: break
with a: s[1:2, ...] = {x for x in y}, {k: v for k, v in w}, (g for g in h)
a if b else c
"""


def walked(text: str) -> int:
    """How many nodes of a text were compared."""
    nodes = list(ast.walk(ast.parse(text)))
    for node in nodes:
        known = [each for each in ast.iter_child_nodes(node) if not isinstance(each, ASIDE)]
        assert children(node) == known, ast.dump(node)[:200]
    return len(nodes)


def test_every_kind_of_syntax() -> None:
    assert walked(EVERYTHING) > 200


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.name)
def test_of_whole_texts(path: Path) -> None:
    assert walked(path.read_text(encoding="utf-8")) >= 1
