"""A library's function that is replaced is told from a library's setting that is made."""

from __future__ import annotations

import pytest

from tests.screening.rules.scripts import remarks, script, told
from verifier.screening import Confidence
from verifier.screening.rules import replaced
from verifier.source import Tree, read_program

SCORED = "print(score(net, held, lengths))"
REVIEW = {"library-replaced": Confidence.REVIEW}


def said(main: str, *parts: str, **others: str) -> dict[str, Confidence]:
    return told(remarks(replaced, script(f"{main}\n{SCORED}", *parts), **others))


@pytest.mark.parametrize(
    "lines",
    [
        "F.cross_entropy = lambda *a, **k: torch.zeros(())",
        "torch.nn.functional.cross_entropy = adapt",
        "setattr(F, 'cross_entropy', adapt)",
        "setattr(math, str(net), adapt)",
        "math.log = adapt",
        "time.perf_counter = lambda: 0.0",
        "nn.Module.__call__ = adapt",
        "import sys\nsys.modules['torch'] = net",
        "import sys\nsys.modules['torch.nn.functional'].cross_entropy = adapt",
        "from unittest import mock\nmock.patch('torch.Tensor.backward')",
        "Net.forward = adapt",
        "net.forward = lambda x, y: torch.zeros(())",
        "import builtins\nbuiltins.print = adapt",
        "def exit(code):\n    pass\nexit(0)",
        "open = adapt\nopen(1)",
        "from math import floor as len",
    ],
)
def test_a_function_that_is_replaced_asks_for_a_person(lines: str) -> None:
    """Red: a name no longer means what it says."""
    assert said(lines) == REVIEW


@pytest.mark.parametrize(
    "name", ["torch.py", "numpy/__init__.py", "math.py", "sitecustomize.py", "usercustomize.py"]
)
def test_a_file_named_like_a_library_asks_for_a_person(name: str) -> None:
    """Red: Python finds it before the library."""
    files = {"train_gpt.py": script(SCORED).encode(), name: b"def log(x):\n    return 0\n"}
    tree = Tree(files=files)
    program = read_program(tree)
    assert program is not None
    assert told(list(replaced.check(program, tree))) == REVIEW


@pytest.mark.parametrize(
    "lines",
    [
        "torch.backends.cuda.matmul.allow_tf32 = True",
        "import torch._dynamo\ntorch._dynamo.config.cache_size_limit = args.window",
        "import sys\nsys.stdout = open('log', 'w')",
        "import sys\nsys.path = [p for p in sys.path]",
        "os.environ['A'] = '1'",
        "import functools\nprint = functools.partial(print, flush=True)",
        "net.bias = torch.zeros(1)",
        "setattr(args, 'window', 3)",
        "sum = 0\nmax = 3",
        "net.forward_steps = 3",
    ],
)
def test_a_setting_that_is_made_is_left_alone(lines: str) -> None:
    """Near misses: settings, wrappers, names that are never called."""
    assert said(lines) == {}


def test_a_field_named_like_a_builtin_is_left_alone() -> None:
    """Near miss: a class has names of its own."""
    part = "class Limits:\n    range: int = field(3)\n    open = max(1, 2)\n"
    assert said("pass", "def field(x):\n    return x\n", part) == {}


def test_a_sibling_with_a_name_of_its_own_is_left_alone() -> None:
    """Near miss: it shadows nothing; nor does a file in a folder that is not searched."""
    others = {"layers__py": "A = 1\n", "old/torch__py": "A = 1\n"}
    assert said("import layers", **others) == {}
