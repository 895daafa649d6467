"""What is called under another name is called all the same."""

from __future__ import annotations

import pytest

from tests.source.scripts import program
from verifier.screening.story import read_story
from verifier.screening.story.events import Learned
from verifier.screening.story.value import HELD_OUT

HEAD = """
import functools
import torch
from torch import nn
val_tokens = torch.load("./data/fineweb_val_000.bin")
class Net(nn.Module):
    def forward(self, tokens):
        return tokens.float().mean()
model = Net()
opt = torch.optim.SGD(model.parameters(), lr=0.1)
def learn(tokens, times=1):
    loss = model(tokens)
    loss.backward()
    opt.step()
def wrapped(function):
    def inner(*given):
        return function(*given)
    return inner
"""
LEARNS = {
    "called by its name": "learn(val_tokens)\n",
    "a step held in a name": "do = opt.step\nmodel(val_tokens).backward()\ndo()\n",
    "a backward held in a name": (
        "loss = model(val_tokens)\nback = loss.backward\nback()\nopt.step()\n"
    ),
    "a step by getattr": 'model(val_tokens).backward()\ngetattr(opt, "step")()\n',
    "a partial": "go = functools.partial(learn, val_tokens)\ngo()\n",
    "a partial by keyword": "go = functools.partial(learn, tokens=val_tokens)\ngo(times=2)\n",
    "a function that a decorator wraps": "@wrapped\ndef go(x):\n    learn(x)\ngo(val_tokens)\n",
    "a hook": (
        "def go(module, given, result):\n    result.backward()\n    opt.step()\n"
        "model.register_forward_hook(go)\nmodel(val_tokens)\n"
    ),
    "a thing or None": (
        "class A:\n    def go(self):\n        learn(val_tokens)\na = A() if opt else None\na.go()\n"
    ),
}


def learned(text: str) -> bool:
    """Whether a script learns held-out data, by what is followed."""
    story = read_story(program(HEAD + text))
    return any(isinstance(event, Learned) and event.marks & HELD_OUT for event in story.events)


@pytest.mark.parametrize("how", LEARNS)
def test_learning_is_seen_under_any_name(how: str) -> None:
    """Promise: another name for a call hides nothing."""
    assert learned(LEARNS[how])


@pytest.mark.parametrize(
    "text",
    [
        "do = opt.step\nmodel(val_tokens).backward()\n",
        "go = functools.partial(learn, val_tokens)\n",
        "def go(module, given, out):\n    out.backward()\n    opt.step()\nmodel(val_tokens)\n",
    ],
)
def test_what_is_only_held_is_not_called(text: str) -> None:
    """Promise: a name alone does nothing."""
    assert not learned(text)
