"""Submissions made to be slow, large or deep: one generator each, of any size.

`HOSTILE` maps a name to what makes the files of the submission, the size at which it was found to
stall a reader, and a size at which a test can afford it.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

Files = Mapping[str, str | bytes]


@dataclass(frozen=True, slots=True)
class Hostile:
    """`made(size)` gives the files; `full` is the size an attacker would choose."""

    made: Callable[[int], Files]
    full: int
    small: int


def _script(text: Callable[[int], str]) -> Callable[[int], Files]:
    return lambda n: {"train_gpt.py": text(n)}


def _lines(line: Callable[[int], str], n: int, start: int = 0) -> str:
    return "".join(line(i) for i in range(start, n))


def _bombs(n: int) -> str:
    packed = base64.b85encode(zlib.compress(b"#" * 200_000, 9)).decode()
    head = f"import zlib, base64\nb = base64.b85decode('{packed}')\n"
    return head + _lines(lambda i: f"exec(zlib.decompress(b + b'{i:05d}'))\n", n)


def _same_bomb(n: int) -> str:
    packed = base64.b85encode(zlib.compress(b"x = 1\n" * 40_000, 9)).decode()
    head = f"import zlib, base64\nb = base64.b85decode('{packed}')\n"
    return head + "exec(zlib.decompress(b))\n" * n


def _launches(n: int) -> Files:
    """A README that starts scripts, each of which starts others."""
    return {
        "README.md": "```\n" + _lines(lambda i: f"bash a.sh {i}\n", n) + "```\n",
        "a.sh": _lines(lambda i: f"A={i} bash b.sh {i}\n", n),
        "b.sh": _lines(lambda i: f"B={i} torchrun train_gpt.py --x {i}\n", n),
        "train_gpt.py": "x = 1\n",
    }


def _globs(n: int) -> Files:
    files: dict[str, str | bytes] = {f"d/f{i}.dat": b"" for i in range(n // 5)}
    files["train_gpt.py"] = "import glob\n" + _lines(lambda i: f"glob.glob('d/*{i}*.d*t')\n", n)
    return files


def _methods(n: int) -> str:
    return (
        _lines(lambda i: f"class A{i}:\n  def go(self, x):\n    return x.go(x)\n", n)
        + "def main(z):\n"
        + "  z.go(z)\n" * n
        + "main(1)\n"
    )


def _exponential(n: int) -> str:
    text = "a = [1, 1]\nb = [1, 1]\nc = (1, 1)\n"
    for _ in range(n):
        text += "a = [a, a]\nb = [b, b]\nc = (c, c)\n"
    return (
        text
        + "if a == b: pass\nd = {c: 1}\ne = f'{a}'\ns = {c}\nif c in [c]: pass\nm = max(a, b)\n"
    )


def _nested(opening: str, middle: str, closing: str) -> Callable[[int], Files]:
    return _script(lambda n: f"x = {opening * n}{middle}{closing * n}\n")


RECURSION: Mapping[str, Hostile] = {
    "elifs": Hostile(
        _script(lambda n: "def f():\n  if a: pass\n" + "  elif b: x()\n" * n + "f()\n"), 390, 390
    ),
    "elifs at top": Hostile(_script(lambda n: "if a: pass\n" + "elif b: x()\n" * n), 390, 390),
    "conditionals": Hostile(_nested("a if b else ", "1", ""), 390, 390),
    "conditionals in a function": Hostile(
        _script(lambda n: f"def f():\n  return {'a if b else ' * n}1\nf()\n"), 390, 390
    ),
    "right sums": Hostile(_nested("(1 + ", "1", ")"), 390, 390),
    "left sums": Hostile(_nested("(", "1", " + 1)"), 390, 140),
    "plain sums": Hostile(_nested("a + ", "1", ""), 50_000, 3_000),
    "powers": Hostile(_nested("a ** ", "1", ""), 390, 390),
    "attributes": Hostile(_nested("", "a", ".b"), 390, 390),
    "method calls": Hostile(_nested("", "a", ".b()"), 390, 390),
    "subscripts": Hostile(_nested("", "a", "[0]"), 390, 390),
    "nested subscripts": Hostile(_nested("a[", "1", "]"), 390, 390),
    "nested calls": Hostile(_nested("f(", "1", ")"), 390, 390),
    "called results": Hostile(_nested("", "f", "()"), 390, 390),
    "nots": Hostile(_nested("not ", "1", ""), 390, 390),
    "lambdas": Hostile(_nested("lambda: ", "1", ""), 390, 390),
    "depth 140 of all": Hostile(
        _script(lambda n: f"def f(a):\n  return {'[(a.b(' * n}1{'),)]' * n}\nf(1)\n"), 100, 24
    ),
    "aliases": Hostile(
        _script(
            lambda n: (
                "def f(): pass\ndef m():\n  a0 = f\n"
                + _lines(lambda i: f"  a{i} = a{i - 1}\n", n, 1)
                + f"  a{n - 1}()\nm()\n"
            )
        ),
        3_000,
        1_500,
    ),
    "aliases at top": Hostile(
        _script(
            lambda n: (
                "def f(): pass\na0 = f\n"
                + _lines(lambda i: f"a{i} = a{i - 1}\n", n, 1)
                + f"a{n - 1}()\n"
            )
        ),
        3_000,
        1_500,
    ),
    "instance aliases": Hostile(
        _script(
            lambda n: (
                "class A:\n  def forward(self): pass\ndef m():\n  a0 = A()\n"
                + _lines(lambda i: f"  a{i} = a{i - 1}\n", n, 1)
                + f"  a{n - 1}()\nm()\n"
            )
        ),
        3_000,
        1_500,
    ),
    "call chain": Hostile(
        _script(lambda n: _lines(lambda i: f"def f{i}(a):\n  return f{i + 1}(a)\n", n) + "f0(1)\n"),
        2_000,
        1_200,
    ),
    "call chain of two": Hostile(
        _script(
            lambda n: (
                _lines(
                    lambda i: f"def f{i}(a, b=1):\n  if a: f{i + 1}(a, b)\n  f{i + 1}(b, a)\n", n
                )
                + "f0(1)\n"
            )
        ),
        2_000,
        300,
    ),
    "bequests": Hostile(
        _script(
            lambda n: (
                "class A0:\n  def go(self): pass\n"
                + _lines(lambda i: f"class A{i}(A{i - 1}): pass\n", n, 1)
                + f"A{n - 1}().go()\n"
            )
        ),
        2_000,
        1_200,
    ),
    "circular bequests": Hostile(
        _script(
            lambda n: (
                "class A0: pass\n"
                + _lines(lambda i: f"class A{i}(A{i - 1}): pass\n", n, 1)
                + f"class A0(A{n - 1}):\n  def m(self): self.go()\nA0().m()\nA0().go()\n"
            )
        ),
        2_000,
        1_200,
    ),
    "module chain": Hostile(
        lambda n: {
            "train_gpt.py": "import m0\n",
            **{f"m{i}.py": f"import m{i + 1}\nm{i + 1}.go()\ndef go(): pass\n" for i in range(n)},
        },
        2_000,
        200,
    ),
    "self cycles": Hostile(
        _script(
            lambda n: (
                "class A:\n  def __init__(self):\n"
                + _lines(lambda i: f"    self.a{i} = self.a{(i + 1) % n}\n", n)
                + "  def go(self):\n"
                + _lines(lambda i: f"    if self.a{i}: self.a{i}()\n", n)
                + "A().go()\n"
            )
        ),
        3_000,
        200,
    ),
    "default chain": Hostile(
        _script(
            lambda n: (
                "def f0(x=1): return x\n"
                + _lines(lambda i: f"def f{i}(x=f{i - 1}()): return x\n", n, 1)
                + f"f{n - 1}()\n"
            )
        ),
        2_000,
        1_000,
    ),
    "nested functions": Hostile(
        _script(
            lambda n: (
                _lines(lambda i: f"{' ' * i}def f(x):\n", min(n, 95)) + " " * min(n, 95) + "f(x)\n"
            )
        ),
        95,
        95,
    ),
    "nested lists": Hostile(
        _script(lambda n: "a = []\n" + "a = [a]\n" * n + "b = []\n" + "b = [b]\n" * n + "a == b\n"),
        20_000,
        3_000,
    ),
    "itself inside": Hostile(
        _script(lambda n: "d = {}\nd['a'] = d\ne = {}\ne['a'] = e\nif d == e: pass\n" * n),
        2_000,
        50,
    ),
    "settings inside": Hostile(
        _script(
            lambda n: (
                "class A: x = 1\nclass B: x = 1\nA.b = B\nB.b = A\nif A == B: pass\n"
                "def f(c=A):\n  if c == B: pass\nf(A)\nf(B)\n" * n
            )
        ),
        1_000,
        20,
    ),
}

COSTLY: Mapping[str, Hostile] = {
    "held prefix": Hostile(
        _script(lambda n: f'# _held{"_" * n}\nprint(f"{{x}}")\n'), 600_000, 300_000
    ),
    "powers of powers": Hostile(
        _script(
            lambda n: (
                "a = 2 ** 255\n" + "b = a ** 255 ** 200\nc = a << 255\nd = (a ** 250) % 7\n" * n
            )
        ),
        5_000,
        500,
    ),
    "formats": Hostile(
        _script(
            lambda n: (
                (
                    "a = '%1000000000d' % 1\nb = '{:>1000000000}'.format(1)\n"
                    "c = f'{1:>1000000000}'\n"
                    "d = 'x' * 1000000000\ne = [0] * 1000000000\nf = format(1, '>1000000000')\n"
                    "g = 'a'.ljust(1000000000)\nh = round(5, -1000000000)\ni = bytes(1000000000)\n"
                    "def z():\n  a = '%1000000000d' % 1\n  b = '{:>1000000000}'.format(1)\n"
                    "  h = round(5, -1000000000)\n  if a: pass\n  if b: pass\n  if h: pass\nz()\n"
                )
                * n
            )
        ),
        500,
        5,
    ),
    "sums of lists": Hostile(
        _script(
            lambda n: (
                "a = [0] * 400000\nb = [a] * 10000\nc = sum(b, [])\nd = sum([a] * 100, a)\n"
                "def f():\n  x = sum([[0] * 400000] * 1000, [])\n  if x: pass\nf()\n" * n
            )
        ),
        100,
        2,
    ),
    "repeats": Hostile(
        _script(lambda n: "a = 'x' * 500000\n" + _lines(lambda i: f"b{i} = a * 1 + '{i}'\n", n)),
        20_000,
        2_000,
    ),
    "splits": Hostile(
        _script(
            lambda n: (
                "a = 'x,' * 200000\n"
                + _lines(lambda i: f"b{i} = a.split(',')\nc{i} = list(a)\nd{i} = sorted(a)\n", n)
            )
        ),
        2_000,
        30,
    ),
    "brackets": Hostile(_script(lambda n: "x = " + "(" * n + "\n"), 690_000, 10_000),
    "square brackets": Hostile(
        _script(lambda n: "x = " + "[" * n + "]" * n + "\n"), 95_000, 30_000
    ),
    "braces": Hostile(_script(lambda n: "x = " + "{" * n + "\n"), 690_000, 10_000),
    "brackets closed in comments": Hostile(
        _script(lambda n: "x = " + "((((((((#))))))))\n" * n), 11_000, 4_000
    ),
    "closers": Hostile(_script(lambda n: ")" * n + "\n"), 690_000, 10_000),
    "quotes": Hostile(_script(lambda n: "x = '" + '"' * n + "\n" + "'\n" * n), 190_000, 10_000),
    "indents": Hostile(
        _script(lambda n: _lines(lambda i: f"{' ' * i}if x:\n", n) + f"{' ' * n}y\n"), 1_900, 600
    ),
    "comments": Hostile(_script(lambda n: "x = 1\n" + "# a\n" * n + "y = 2\n"), 100_000, 10_000),
    "comments behind code": Hostile(_script(lambda n: "x = 1  # a\n" * n), 30_000, 5_000),
    "comments in brackets": Hostile(
        _script(lambda n: "x = [\n" + "# a\n" * n + "1]\n"), 100_000, 10_000
    ),
    "comments and continuations": Hostile(
        _script(lambda n: "if x:\n" + "  # a\n\\\n" * n + "  y = 2\n"), 100_000, 5_000
    ),
    "comments with form feeds": Hostile(
        _script(lambda n: "x = 1\n" + "\f# a\n" * n + "y = 2\n"), 100_000, 5_000
    ),
    "comments far right": Hostile(
        _script(lambda n: "x = 1\n" + (" " * 201 + "# a\n") * n + "y = 2\n"), 4_800, 800
    ),
    "exponential values": Hostile(_script(_exponential), 60, 60),
    "nested comprehensions": Hostile(
        _script(
            lambda n: (
                (
                    "r = list(range(900))\n"
                    "x = [[[[1 for a in r] for b in r] for c in r] for d in r]\n"
                    "y = [sum([sum([e for e in r]) for f in r]) for g in r]\n"
                    "def f():\n  z = [[[1 for a in r] for b in r] for c in r]\n  if z: pass\nf()\n"
                )
                * n
            )
        ),
        200,
        2,
    ),
    "one bomb often": Hostile(_script(_same_bomb), 20_000, 300),
    "many bombs": Hostile(_script(_bombs), 3_000, 300),
    "interpolations": Hostile(
        _script(lambda n: "x = f'''" + "{a}" * n + "\n'''\n"), 300_000, 10_000
    ),
    "interpolations in lines": Hostile(
        _script(lambda n: "x = f'''\n" + "{a}\n" * n + "'''\n"), 49_000, 5_000
    ),
    "new interpolations": Hostile(
        _script(lambda n: "x = f'" + "{a['b']}" * n + "'\n"), 10_000, 5_000
    ),
    "launches": Hostile(_launches, 200, 60),
    "launches in logs": Hostile(
        lambda n: {
            "train_gpt.py": "x = 1\n",
            **{
                f"l{j}.log": _lines(lambda i: f"A={i} torchrun train_gpt.py --x {i}\n", n)
                for j in range(max(1, n // 100))
            },
        },
        4_000,
        400,
    ),
    "starts in logs": Hostile(
        lambda n: {
            "train_gpt.py": "x = 1\n",
            "a.log": ("A=" + "a=" * 900 + " torchrun\n" + "A=1 " * 900 + "torchrun \n") * n,
        },
        100,
        10,
    ),
    "scores in logs": Hostile(
        lambda n: {
            "train_gpt.py": "x = 1\n",
            "a.log": ("val_bpb:1.1 " * 2_000 + "\n") * n + "final " * 4_000 + "val_bpb:1.1\n",
        },
        80,
        3,
    ),
    "globs": Hostile(_globs, 20_000, 600),
    "namesakes": Hostile(_script(_methods), 2_000, 300),
    "statements in a line": Hostile(_script(lambda n: "x=1;" * n + "\n"), 33_000, 20_000),
    "statements in lines": Hostile(_script(lambda n: "x=1\n" * n), 33_000, 20_000),
    "literal": Hostile(_script(lambda n: f"x = [{'1,' * n}]\n"), 99_000, 50_000),
    "mapping": Hostile(
        _script(lambda n: f"x = {{{','.join(f'{i}:0' for i in range(n))}}}\n"), 49_000, 20_000
    ),
    "functions": Hostile(
        _script(lambda n: _lines(lambda i: f"def f{i}(): g()\n", n)), 5_000, 3_000
    ),
    "functions called": Hostile(
        _script(
            lambda n: (
                _lines(lambda i: f"def f{i}(): f{i + 1}()\n", n) + _lines(lambda i: f"f{i}()\n", n)
            )
        ),
        5_000,
        1_000,
    ),
    "classes": Hostile(
        _script(lambda n: _lines(lambda i: f"class A{i}: x = {i}\n", n)), 5_000, 3_000
    ),
    "mappings in mappings": Hostile(
        _script(lambda n: f"x = {'{1:' * 90}1{'}' * 90}\n" * n), 500, 100
    ),
    "imports": Hostile(_script(lambda n: _lines(lambda i: f"import m{i}\n", n)), 45_000, 5_000),
    "imports in one": Hostile(
        _script(lambda n: f"import {', '.join(f'm{i}' for i in range(n))}\n"), 60_000, 5_000
    ),
    "imports from folders": Hostile(
        _script(
            lambda n: (
                "import sys\n"
                + _lines(lambda i: f"sys.path.append('d{i}')\n", n)
                + _lines(lambda i: f"import m{i}\n", n)
            )
        ),
        8_000,
        500,
    ),
    "concatenations": Hostile(
        _script(lambda n: "x = ''\n" + "x = x + 'aaaaaaaaaa'\n" * n), 28_000, 3_000
    ),
    "augmented concatenations": Hostile(
        _script(lambda n: "x = ''\n" + "x += 'aaaaaaaaaa'\n" * n), 30_000, 3_000
    ),
    "one long sum": Hostile(_script(lambda n: "x = " + "'a' + " * n + "'a'\n"), 100, 5_000),
    "implicit concatenation": Hostile(
        _script(lambda n: "x = (" + "'a' " * n + ")\n"), 60_000, 20_000
    ),
    "branches": Hostile(
        _script(
            lambda n: (
                "import os\ndef f(a):\n" + "  if a.x: a = g(a)\n  else: a = h(a)\n" * n + "f(1)\n"
            )
        ),
        6_000,
        500,
    ),
    "branches at top": Hostile(
        _script(lambda n: _lines(lambda i: f"if a: x{i} = 1\nelse: x{i} = 2\n", n)), 12_000, 1_000
    ),
    "nested branches at top": Hostile(
        _script(
            lambda n: (
                _lines(lambda i: f"x{i} = 1\n", n)
                + _lines(lambda i: f"{' ' * i}if a{i}:\n", 40)
                + _lines(lambda i: f"{' ' * 40}x{i} = 2\n", n)
            )
        ),
        4_000,
        300,
    ),
    "loops in loops": Hostile(
        _script(
            lambda n: (
                (_lines(lambda i: f"{' ' * i}for x{i} in range(200):\n", 20) + " " * 20 + "y = 1\n")
                * n
            )
        ),
        200,
        2,
    ),
    "held-out loops in loops": Hostile(
        _script(
            lambda n: (
                "import torch\nval_tokens = torch.load('fineweb_val_1.bin')\n"
                "opt = torch.optim.SGD(m.parameters())\n"
                + _lines(lambda i: f"{' ' * i}for x{i} in a:\n", n)
                + f"{' ' * n}m(val_tokens).backward(); opt.step()\n"
            )
        ),
        60,
        30,
    ),
    "routines in routines": Hostile(
        _script(
            lambda n: (
                "import os\ndef f(x):\n  return f(f(f(f(x))))\nclass H:\n"
                + _lines(lambda i: f"  a{i} = f(os.environ.get('A', f(f(f(f(1))))))\n", n)
            )
        ),
        4_000,
        50,
    ),
    "unions": Hostile(
        _script(
            lambda n: (
                "def f(a):\n  x = (a, a)\n"
                + "  if a.b: x = (x, x)\n  else: x = ((x, x), (x, x))\n" * n
                + "  return x\nf(1)\n"
            )
        ),
        1_000,
        40,
    ),
    "hashes": Hostile(
        _script(
            lambda n: (
                "import numpy as np\ndef f(t, table, a0):\n"
                + _lines(lambda i: f"  a{i} = ((a{i - 1} * 31) ^ t[{i}], a{i - 1})\n", n, 1)
                + f"  p = table[a{n - 1}[0] % 64] / table[a{n - 2}[0] % 64]\n  return np.log(p)\n"
                "f(1, 2, 3)\n"
            )
        ),
        3_000,
        100,
    ),
    "hashes of hashes": Hostile(
        _script(
            lambda n: (
                _lines(
                    lambda i: (
                        f"def h{i}(a, b):\n  return (h{i + 1}(a, b ^ a) ^ h{i + 1}(b, a ^ b)) % 9\n"
                    ),
                    n,
                )
                + "h0(1, 2)\n"
            )
        ),
        500,
        30,
    ),
    "handlers": Hostile(
        _script(lambda n: "try: pass\n" + _lines(lambda i: f"except E{i}: x{i} = 1\n", n)),
        15_000,
        1_000,
    ),
    "withs": Hostile(
        _script(lambda n: f"with {', '.join(f'a as b{i}' for i in range(n))}: pass\n"),
        15_000,
        1_000,
    ),
    "arguments": Hostile(
        _script(
            lambda n: (
                f"def f({', '.join(f'a{i}=1' for i in range(n))}): pass\n"
                + f"f({', '.join(f'a{i}=2' for i in range(n))})\n" * 10
            )
        ),
        4_000,
        1_000,
    ),
    "targets": Hostile(_script(lambda n: f"{'x = ' * n}1\n"), 60_000, 5_000),
    "decorators": Hostile(_script(lambda n: "@a\n" * n + "def f(): pass\n"), 60_000, 5_000),
    "natives": Hostile(
        _script(lambda n: "x = '''#include <a>\n" + "a = b[i] ^ c; " * n + "'''\n"), 40_000, 3_000
    ),
    "files": Hostile(
        lambda n: {"train_gpt.py": "open('f1.dat')\n", **{f"f{i}.dat": b"" for i in range(n)}},
        20_000,
        1_000,
    ),
    "long names": Hostile(
        _script(lambda n: f"def {'f' * n}(): {'f' * n}()\n" * 3 + f"{'f' * n}()\n"), 200_000, 20_000
    ),
    "log2 table": Hostile(
        _script(lambda n: "import math\nx = [" + "math.log(2) * a / b, " * n + "]\n"), 10_000, 1_000
    ),
}

MORE: Mapping[str, Hostile] = {
    "one name for all classes": Hostile(
        _script(
            lambda n: (
                "class A:\n  def go(self): A().go()\n" * n + "class B(A): pass\n" + "B().go()\n" * n
            )
        ),
        2_400,
        200,
    ),
    "one name for all functions": Hostile(
        _script(lambda n: "def f(a): f(f(a))\n" * n + "f(f(1))\n" * n), 4_900, 300
    ),
    "wrapped and wrapped": Hostile(
        _script(
            lambda n: (
                "class A:\n  def go(self): pass\ndef f(x):\n"
                f"  {'compile(' * n}x.go{').go' * n}()\nf(A())\n"
            )
        ),
        70,
        40,
    ),
    "wrapped namesakes": Hostile(
        _script(
            lambda n: (
                _lines(lambda i: f"class A{i}:\n  def go(self, x): return x\n", 24)
                + f"def f(z):\n  return {'z.go(' * n}z{')' * n}\nf(1)\n"
            )
        ),
        70,
        40,
    ),
    "namesakes in rows": Hostile(
        _script(
            lambda n: (
                _lines(lambda i: f"class A{i}:\n  def go(self, x): return self.go(x)\n", 24)
                + "def f(z):\n  y = z\n"
                + "  y = z.go(z.go(y))\n" * n
                + "f(val_tokens)\n"
            )
        ),
        9_000,
        200,
    ),
    "diamonds": Hostile(
        _script(
            lambda n: (
                "class A0: pass\nclass B0: pass\n"
                + _lines(
                    lambda i: (
                        f"class A{i}(A{i - 1}, B{i - 1}): pass\n"
                        f"class B{i}(B{i - 1}, A{i - 1}): pass\n"
                    ),
                    n,
                    1,
                )
                + f"a = A{n - 1}()\na.go()\na.x.y.z\nA{n - 1}.w()\n"
            )
        ),
        1_500,
        60,
    ),
    "paths that double": Hostile(
        _script(
            lambda n: (
                "import os\nfrom pathlib import Path\na = b = c = 'ab/'\nd = Path('a')\n"
                + "a = os.path.join(a, a)\nb = f'{b}{b}'\nc = c + c\nd = d / d\n"
                "e = d.parents\ng = a.replace('a', a)\nh = ''.join([a, a])\n"
                * n
                + "def f(a, b, c):\n"
                + "  a = os.path.join(a, a)\n  b = f'{b}{b}'\n  c = c + c\n" * n
                + "  return a\nf('a', 'b', 'c')\n"
            )
        ),
        1_500,
        40,
    ),
    "long paths": Hostile(
        _script(
            lambda n: (
                "from pathlib import Path\na = '/a' * 200000\np = Path(a)\nq = p.parents\n"
                "r = Path('b', a).parents\nopen(a)\nopen('../' * 90000)\n" * n
            )
        ),
        1_000,
        3,
    ),
    "heavy expressions often": Hostile(
        _script(
            lambda n: (
                f"def f(a):\n  return [{'-a, ' * n}]\n"
                + "def g(a):\n"
                + "  f(a)\n" * (n // 2)
                + "g(1)\ng(2)\ng(3)\n"
            )
        ),
        20_000,
        400,
    ),
    "hooks in hooks": Hostile(
        _script(
            lambda n: (
                "def f(g):\n  return g(g(g))\n"
                + "f(lambda x: f(lambda y: f(lambda z: x(y(z)))))\n" * n
            )
        ),
        5_000,
        60,
    ),
    "names and branches": Hostile(
        _script(
            lambda n: (
                "import numpy as np\ndef f(t, c):\n"
                + _lines(lambda i: f"  a{i} = t ^ {i}\n  if t: a{i} = t ^ c\n", n)
                + "  return np.log(c[a1 % 9] / c[a2 % 9])\nf(1, 2)\n"
            )
        ),
        8_000,
        200,
    ),
    "rows in hashes": Hostile(
        _script(
            lambda n: (
                f"def f(t, c):\n  x = ({'t ^ c, ' * n})\n"
                + "  y = (x, x, x)\n  x = (y, y, y)\n  z = (x[0] * 3 ^ c) % 9\n" * n
                + "  return c[z]\nf(1, 2)\n"
            )
        ),
        3_000,
        60,
    ),
    "stores of parts": Hostile(
        _script(
            lambda n: (
                "def f(v):\n  d = {}\n"
                + _lines(lambda i: f"  d['{i}'] = (v, d)\n  e = d['{i // 2}']\n", n)
                + "f(val_tokens)\n"
            )
        ),
        9_000,
        200,
    ),
    "global writers": Hostile(
        _script(
            lambda n: (
                "x = 0\n"
                + _lines(
                    lambda i: (
                        f"def f{i}():\n  global x{i}\n  x{i} = x{i + 1}\n  if x{i}: f{i + 1}()\n"
                    ),
                    n,
                )
                + "f0()\n"
            )
        ),
        4_900,
        200,
    ),
    "settings that store settings": Hostile(
        _script(
            lambda n: (
                "import os\nclass H:\n"
                + _lines(lambda i: f"  a{i} = int(os.environ.get('A{i}', 0))\n", n)
                + "def main():\n  args = H()\n"
                + _lines(lambda i: f"  if args.a{i}: args.a{(i + 1) % n} = args.a{i}\n", n)
                + "main()\n"
            )
        ),
        5_000,
        200,
    ),
    "starts": Hostile(
        lambda n: {
            "train_gpt.py": "import os, subprocess, sys\n"
            + _lines(lambda i: f"os.system('python {'a ' * 50} s{i}.py {i}')\n", n),
            **{
                f"s{i}.py": "import train_gpt\nexec(open('train_gpt.py').read())\n"
                for i in range(90)
            },
        },
        6_000,
        100,
    ),
    "texts that execute texts": Hostile(
        _script(
            lambda n: (
                _lines(lambda i: f"exec('exec(\"x{i} = {i}\")')\n", n)
                + "s = 'a = 1\\n'\n"
                + "s = s + s\nexec(s)\n" * 17
            )
        ),
        9_000,
        200,
    ),
    "settings in settings": Hostile(
        _script(
            lambda n: (
                "class A:\n  a = 1\n"
                + "".join(
                    f"class {one}:\n" + _lines(lambda i, of=of: f"  {of}{i} = {of}\n", n)
                    for one, of in (("B", "A"), ("C", "B"), ("D", "C"))
                )
            )
        ),
        10_000,
        400,
    ),
    "switches in logs": Hostile(
        lambda n: {
            "train_gpt.py": "import os\nclass H:\n"
            + _lines(lambda i: f"  switch{i} = bool(int(os.environ.get('S{i}', '0')))\n", n),
            **{
                f"train_{j}.log": "switch:x " * 40_000 + "  a: b\n" * 14 + "\n"
                for j in range(max(1, n // 100))
            },
        },
        8_000,
        200,
    ),
    "many long logs": Hostile(
        lambda n: {
            "train_gpt.py": "x = 1\n",
            **{f"train_{j}.log": ("e=b: " * 700 + "val_bpb:1.1\n") * n for j in range(30)},
        },
        250,
        5,
    ),
    "regexes in logs": Hostile(
        lambda n: {
            "train_gpt.py": "x = 1\n",
            "train.log": ("step:1/2 val_loss:" + "1" * 3_000 + " " * 3_000 + "\n") * n
            + "  a: b\n" * n
            + ("Total submission size " + "1" * 60 + ": ") * n,
            "README.md": ("| " * 2_000 + "\n") * n + "`" * 3_000 + "val_bpb " * n,
            "submission.json": "[" * 5_000,
        },
        100,
        10,
    ),
}

HOSTILE: Mapping[str, Hostile] = {**RECURSION, **COSTLY, **MORE}


def files(name: str, size: int) -> dict[str, bytes]:
    """The files of one of them."""
    made = HOSTILE[name].made(size)
    return {path: text.encode() if isinstance(text, str) else text for path, text in made.items()}
