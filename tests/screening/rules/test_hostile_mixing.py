"""What strangers write bounds nothing: no rule of mixtures, bytes or sizes raises or takes long."""

from __future__ import annotations

import time

import pytest

from verifier.screening.rules.registry import MIXING
from verifier.source import Tree, read_program

DEEP = 350
SOURCES = {
    "a long product": f"import math\ndef f(x):\n    return {'x*' * DEEP}2.5 / math.log(2)\nf(1)\n",
    "a long mix": f"def f(x):\n    return ({'x^' * DEEP}x) % 7\nf(1)\n",
    "a long path": f"def f(x):\n    x{'.a' * DEEP}[3] = x{'.a' * DEEP}[3] ^ 4\nf(1)\n",
    "a long sum of lengths": (
        "def f(sp, t):\n    for i in range(9):\n        p = sp.id_to_piece(i)\n"
        f"        t[i] = {'len(p.encode()) + ' * DEEP}1\nf(1, 2)\n"
    ),
    "many functions that call each other": "\n".join(
        f"def f{i}(x):\n    h = x ^ (x[1] * 7)\n    return f{i + 1}(h & 255), f{i + 2}(h)\n"
        for i in range(200)
    )
    + "def f200(x): return x\ndef f201(x): return x\nf0(1)\n",
    "a long line": f"def f(x):\n    y = x ^ 1; {'y = y ^ x[1]; ' * 5_000}\nf(1)\n",
}
FILES = {
    "a.c": b"for (" + b"a" * 50_000,
    "b.c": b"/*" * 20_000,
    "c.cpp": b'"' * 20_000 + b"'" * 999,
    "d.cu": b"for(int i=0;i<n;i++){" * 2_000,
    "e.c": b"f(" + b"a," * 20_000 + b")",
    "f.h": b"\x00\xff" * 5_000,
    "README.md": b"n-gram " * 20_000 + b"\n" + b"n-gram" + b"-" * 50_000,
    "submission.json": b"[" * 50_000,
    "train.log": b"\xff\x00" * 50_000,
}


@pytest.mark.parametrize("name", SOURCES)
def test_no_source_makes_a_rule_raise_or_linger(name: str) -> None:
    """Deep, long, cyclic and malformed: every family answers."""
    tree = Tree(files={"train_gpt.py": SOURCES[name].encode(), **FILES})
    program = read_program(tree)
    assert program is not None
    for family in MIXING:
        began = time.monotonic()
        list(family.check(program, tree))
        assert time.monotonic() - began < 5.0
