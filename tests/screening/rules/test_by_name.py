"""Code that is picked by a computed name is told from settings that are looked up."""

from __future__ import annotations

import pytest

from tests.screening.rules.scripts import remarks, script, told
from verifier.screening import Confidence
from verifier.screening.rules import by_name

SCORED = "print(score(net, held, lengths))"


def said(main: str) -> dict[str, Confidence]:
    return told(remarks(by_name, script(main)))


@pytest.mark.parametrize(
    "lines",
    [
        "getattr(net, str(lengths))()",
        "getattr(net, 'back' + 'ward')()",
        "go = getattr(net, ''.join(['st', 'ep']))\ngo()",
        "look = getattr\nlook(net, 'a')()",
        "import builtins\ngetattr(builtins, 'ex' 'ec')('1')",
        "globals()['ad' + 'apt'](args, net, held)",
        "globals()['score'] = print",
        "globals().get('adapt')(args, net, held)",
        "globals().update(score=print)",
        "vars(F)['cross_entropy'](held, held)",
        "F.__dict__['cross_' + str(net)](held, held)",
        "net.__dict__['step']()",
        "import operator\noperator.methodcaller('backward')(net)",
        "import operator\noperator.attrgetter('a.' + str(net))(net)()",
        "import sys\nsys.modules[str(net)].start()",
    ],
)
def test_a_call_by_a_computed_name_asks_for_a_person(lines: str) -> None:
    """Red: no name in the source says what is called, or what a name now means."""
    assert said(f"{lines}\n{SCORED}") == {"called-by-computed-name": Confidence.REVIEW}


@pytest.mark.parametrize(
    "lines",
    [
        "getattr(args, 'window', 1)",
        "getattr(torch, str(net))",
        "for name in ('window', 'epochs'):\n    print(getattr(args, name))",
        "print({k: v for k, v in vars(args).items()})",
        "vars(args)['window'] = 3",
        "print('score' in globals())",
        "print(len(globals()))",
        "args.__dict__.update(window=3)",
        "import operator\nsorted([args], key=operator.attrgetter('window'))",
        "import sys\nprint('torch' in sys.modules)",
        "import sys\nsys.modules[net.spec.name] = net",
        "for block in net.modules():\n    print(block)",
    ],
)
def test_a_setting_looked_up_by_name_is_left_alone(lines: str) -> None:
    """Near misses: values, not code, are looked up."""
    assert said(f"{lines}\n{SCORED}") == {}
