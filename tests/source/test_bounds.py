"""Scripts made to be slow or deep: reading them ends, in time that grows with their length."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tests.fuzz.targets import asked
from verifier.source import Tree, read_closure, read_program

MANY = 1500
SECONDS = 5.0
LARGE: dict[str, Callable[[int], str]] = {
    "calls": lambda n: (
        "def f(a, b):\n    if a: g(a, b)\ndef g(a, b):\n    if b: f(b, a)\n"
        + "".join(f"f(x{i}, {i})\n" for i in range(n))
    ),
    "chain": lambda n: (
        "".join(
            f"def f{i}(a, b=1):\n    if a: f{i + 1}(a, b + 1)\n    return f{i + 1}(b, a)\n"
            for i in range(n // 5)
        )
        + "f0(1)\n"
    ),
    "locals": lambda n: (
        "def m():\n    x0 = 1\n"
        + "".join(f"    x{i} = x{i - 1} + 1\n    if x{i}: pass\n" for i in range(1, n))
        + "m()\n"
    ),
    "aliases": lambda n: (
        "def f(): pass\ndef m():\n    g = f\n" + "    g = g if g else f\n    g()\n" * n + "m()\n"
    ),
    "stores": lambda n: (
        "class A:\n  def m(self):\n"
        + "".join(f"    self.x = {i}\n    if self.x: pass\n" for i in range(n))
        + "A().m()\n"
    ),
    "namesakes": lambda n: (
        "".join(f"class A{i}:\n  def m(self): z.m()\n" for i in range(n)) + "z.m()\n" * n
    ),
    "settings": lambda n: (
        "import os\nclass H:\n"
        + "".join(f"  a{i} = int(os.environ.get('A{i}', {i}))\n" for i in range(n))
    ),
    "literal": lambda n: f"x = [{','.join(map(str, range(n * 10)))}]\n",
    "strings": lambda n: f"x = '{'a' * n * 20}'\n" + "y = x.replace('a', 'bb')\n" * n,
    "executes": lambda n: "".join(f"exec('x{i} = {i}')\n" for i in range(n)),
    "fstrings": lambda n: "print(f'''{\nx}''')\n" * n,
}
DEEP: dict[str, Callable[[int], str]] = {
    "elif": lambda n: "def f():\n  if a: pass\n" + "  elif b: x()\n" * n + "f()\n",
    "brackets": lambda n: f"x = {'(1+' * n}1{')' * n}\n",
    "calls": lambda n: f"x = {'f(' * n}1{')' * n}\n",
    "lambdas": lambda n: f"x = {'lambda: ' * n}1\n",
    "conditions": lambda n: f"x = {'a if b else ' * n}1\n",
    "attributes": lambda n: f"x = a{'.b()' * n}\n",
    "nots": lambda n: f"x = {'not ' * n}1\n",
    "ands": lambda n: f"x = {'(a and ' * n}1{')' * n}\n",
    "comprehensions": lambda n: f"x = {'[x for x in ' * n}1{']' * n}\n",
    "sums": lambda n: f"x = {'a + ' * n}1\n",
    "blocks": lambda n: (
        "".join(f"{' ' * i}if x:\n" for i in range(min(n, 95))) + " " * min(n, 95) + "y()\n"
    ),
    "functions": lambda n: (
        "".join(f"{' ' * i}def f():\n" for i in range(min(n, 95))) + " " * min(n, 95) + "y()\n"
    ),
}


@pytest.mark.parametrize("kind", LARGE)
def test_a_large_script_is_read_in_time(kind: str) -> None:
    """Promise: no pattern makes reading take more than its length is worth."""
    tree = Tree(files={"train_gpt.py": LARGE[kind](MANY).encode()})
    before = time.process_time()
    program = read_program(tree)
    assert program is not None
    assert program.heldout is not None
    assert sum(1 for _ in program.sequence()) >= 0
    read_closure(program, tree)
    assert time.process_time() - before < SECONDS


@pytest.mark.parametrize("kind", DEEP)
def test_deep_syntax_is_read_or_refused(kind: str) -> None:
    """Promise: nothing runs out of stack, at any depth that is still read."""
    for depth in (20, 35, 70, 140, 300, 3000):
        program = read_program(Tree(files={"train_gpt.py": DEEP[kind](depth).encode()}))
        assert program is not None
        asked(program)
