"""What cannot be read is said; what can be, however it is packed, is left alone."""

from __future__ import annotations

import pytest

from tests.screening.rules.scripts import remarks, script, told
from tests.source.scripts import packed
from verifier.screening import Confidence
from verifier.screening.rules import unread

SCORED = "print(score(net, held, lengths))"
REVIEW = {"could-not-be-followed": Confidence.REVIEW}


def said(main: str, *parts: str, **others: str) -> dict[str, Confidence]:
    return told(remarks(unread, script(main, *parts), **others))


@pytest.mark.parametrize(
    "lines",
    [
        'exec(open(os.environ["EXTRA"]).read())',
        "import builtins\nbuiltins.exec(str(net))",
        "from builtins import exec as start\nstart(str(net))",
        "start = exec\nstart(str(net))",
        "list(map(exec, [str(net)]))",
        '__builtins__["exec"](str(net))',
        "eval(str(net))",
        "eval('net.cheat()')",
        "__import__(str(net))",
        "import importlib\nimportlib.import_module(str(net)).start()",
        "import types\ntypes.FunctionType(net.code, {})()",
        "net.forward.__globals__['F'] = None",
        "().__class__.__base__.__subclasses__()[7]()",
        "import sys\nsys._getframe(1).f_globals['F'] = None",
        "import sys\nsys.settrace(net)",
        "import lzma\nexec(lzma.decompress(b'no such data'))",
    ],
)
def test_what_is_executed_and_not_known_asks_for_a_person(lines: str) -> None:
    """Red: code that nobody can read before it runs, by all the names it goes by."""
    assert said(f"{lines}\n{SCORED}") == REVIEW


@pytest.mark.parametrize(
    "lines",
    [
        "net = torch.compile(net)",
        "net.eval()",
        "import re\nre.compile('a+')",
        "eval('1 + 2')",
        "exec('limit = 3')",
        "import importlib\nimportlib.import_module('math')",
        "import ast\nast.literal_eval(str(net))",
        "print(net.__class__.__name__)",
        "import builtins\nbuiltins.print(1)",
    ],
)
def test_what_only_looks_so_is_left_alone(lines: str) -> None:
    """Near misses: methods of that name, texts that are known, plain names."""
    assert said(f"{lines}\n{SCORED}") == {}


def test_a_packed_script_is_followed() -> None:
    """Near miss: packing as most records use it is read."""
    assert told(remarks(unread, packed(script(SCORED)))) == {}


def test_a_branch_that_is_off_is_left_alone() -> None:
    """Near miss: what the default command does not reach."""
    assert said(f"if os.environ.get('DEBUG', '0') == '1':\n    exec(str(net))\n{SCORED}") == {}


def test_a_text_that_does_not_parse_asks_for_a_person() -> None:
    """Red: half of the script is no Python."""
    found = remarks(unread, "import broken\n", broken__py="def f(:\n")
    assert told(found) == REVIEW
    assert found[0].locations[0].path == "broken.py"


@pytest.mark.parametrize(
    "lines",
    [
        "import atexit\natexit.register(lambda: adapt(args, net, held))",
        "import sys\nsys.excepthook = adapt",
    ],
)
def test_learning_that_nothing_shows_the_time_of_asks_for_a_person(lines: str) -> None:
    """Red: the function is reached, and the order of events has no place for it."""
    assert said(f"{lines}\n{SCORED}") == REVIEW


@pytest.mark.parametrize(
    ("method", "use"),
    [
        ("__add__(self, other)", "Trap() + 1"),
        ("__del__(self)", "Trap()"),
        ("__lt__(self, other)", "sorted([Trap(), Trap()])"),
    ],
)
def test_learning_behind_an_operator_asks_for_a_person(method: str, use: str) -> None:
    """Red: no call by name leads to it."""
    part = f"class Trap:\n    def {method}:\n        return adapt(Settings(), Net(), held_out())\n"
    part += "\ndef held_out():\n    return shards('data/fineweb_val_*.bin')\n"
    assert said(f"{use}\n{SCORED}", part) == REVIEW


@pytest.mark.parametrize(
    "lines",
    [
        "adapt(args, net, held)",
        "list(map(lambda n: adapt(args, n, held), [net]))",
        "train(args, net, Loader(args.train_files))",
        "(score if args.epochs else adapt)(net, held, lengths)",
        "if args.adapt and time.time() < 0:\n    adapt(args, net, held)",
    ],
)
def test_learning_that_is_called_is_left_alone_here(lines: str) -> None:
    """Near misses: the other rules see when it happens."""
    assert said(f"{lines}\n{SCORED}") == {}


def test_a_script_with_too_much_to_follow_asks_for_a_person() -> None:
    """Red: what comes after a bound was not read, so it may hold anything."""
    padding = "".join(f"    x = [x, {number}]\n" for number in range(400))
    many = f"def pad(x):\n{padding}    return x\n"
    calls = "\n".join("pad(net)" for _ in range(400))
    found = remarks(unread, script(f"{calls}\n{SCORED}", many))
    assert told(found) == REVIEW
    assert "a bound of this reader" in found[0].said


def test_every_place_is_given_with_its_line() -> None:
    """A reviewer goes from place to place."""
    (found,) = remarks(unread, "import os\nexec(os.environ['A'])\n\neval(os.environ['B'])\n")
    assert [place.line for place in found.locations] == [2, 4]
    assert "1 more place" in found.said
