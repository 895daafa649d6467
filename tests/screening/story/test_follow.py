"""A program is followed in the order in which it would run, and nothing of it runs."""

from __future__ import annotations

import base64
import lzma
import time

import pytest

from tests.screening.rules.scripts import HEAD, PARTS, SCORE, script
from verifier.screening.story import Story, read_story
from verifier.screening.story.events import Learned, Ran, Relation, Scored
from verifier.screening.story.value import HELD_OUT, TRAINING
from verifier.source import Tree, read_program


def story(text: str, **files: str) -> Story:
    """The story of a script. `others` are files: module__py="…"."""
    others = {name.replace("__", "."): body.encode() for name, body in files.items()}
    program = read_program(Tree(files={"train_gpt.py": text.encode(), **others}))
    assert program is not None
    return read_story(program)


def learned(told: Story) -> list[int]:
    """The lines that learned from held-out tokens."""
    return [
        event.node.lineno  # type: ignore[attr-defined]
        for event in told.events
        if isinstance(event, Learned) and event.marks & HELD_OUT
    ]


def scored(told: Story) -> list[Scored]:
    """The scores."""
    return [event for event in told.events if isinstance(event, Scored)]


def relations(told: Story) -> set[Relation]:
    """How the last score lies to what was learned."""
    return {relation for _, relation in told.relations(scored(told)[-1].marks)}


def test_a_score_is_where_a_loss_over_held_out_tokens_becomes_bits() -> None:
    """One evaluation, one score, held-out and no training data in it."""
    (score,) = scored(story(script("print(score(net, held, lengths))")))
    assert score.marks & HELD_OUT
    assert not score.marks & TRAINING


def test_a_loss_over_training_tokens_is_no_score() -> None:
    """The same conversion of a training loss counts for nothing."""
    assert scored(story(script("print(score(net, shards(args.train_files), lengths))"))) == []


def test_what_was_learned_is_carried_through_a_file() -> None:
    """The artifact is written, read, and the model read from it knows what the first one knew."""
    told = story(
        script("adapt(args, net, held)\nexport(net)\nprint(score(restored(), held, lengths))")
    )
    assert relations(told) == {Relation.AFTER}


def test_a_loop_that_repeats_the_same_data_is_followed_twice() -> None:
    """The second turn of an epoch sees what the first one learned."""
    main = """
optimiser = torch.optim.SGD(net.parameters())
total = 0.0
for epoch in range(args.epochs):
    loss = net(held[:-1], held[1:])
    total += loss.item()
    loss.backward()
    optimiser.step()
print(total / math.log(2.0))
"""
    assert relations(story(script(main))) == {Relation.AGAIN}
    assert relations(story(script(main.replace("args.epochs", "1")))) == set()


def test_a_name_that_a_loop_changes_is_no_constant_in_it() -> None:
    """`if step % 100 == 0` is neither true nor false where the loop counts `step`."""
    main = """
step = 0
best = None
while True:
    if best is not None and step % 100 == 50:
        print(score(net, held, lengths))
    step += 1
    best = step
"""
    assert len(scored(story(script(main)))) == 1


def test_a_branch_that_raises_under_the_settings_is_passed_by() -> None:
    """The run that was submitted did not end there."""
    main = "if args.adapt:\n    raise ValueError('not so')\nprint(score(net, held, lengths))"
    assert len(scored(story(script(main)))) == 1


def test_a_key_of_a_dictionary_stands_for_its_own_value() -> None:
    """`files["train"]` is not held-out because `files["val"]` is."""
    main = """
files = {"train": args.train_files, "val": args.val_files}
train(args, net, Loader(files["train"]))
adapt(args, net, shards(files["val"]))
"""
    assert len(set(learned(story(script(main))))) == 1


CONFIGURED = """
import dataclasses
from dataclasses import dataclass, field

def on(name, default):
    raw = os.environ.get(name)
    return default if raw is None else raw == "1"

@dataclass
class Data:
    folder: str = "data"
    val_glob: str = field(init=False)
    def __post_init__(self):
        self.val_glob = os.path.join(self.folder, "fineweb_val_*.bin")

@dataclass
class Pass:
    adapts: bool = on("ADAPTS", DEFAULT)
    epochs: int = 2

@dataclass
class Configuration:
    data: Data = field(default_factory=Data)
    passes: Pass = field(default_factory=Pass)
    @classmethod
    def from_environment(cls):
        return cls()

def run():
    configuration = Configuration.from_environment()
    tokens = shards(configuration.data.val_glob)
    net = Net()
    if configuration.passes.adapts:
        adapt(configuration.passes, net, tokens)
    print(score(net, tokens, torch.ones(9)))

run()
"""


@pytest.mark.parametrize(("default", "seen"), [("True", {Relation.AFTER}), ("False", set())])
def test_configurations_of_classes_are_read_field_by_field(
    default: str, seen: set[Relation]
) -> None:
    """Default factories, post-init, class methods and a function that reads the environment."""
    told = story(PARTS + CONFIGURED.replace("DEFAULT", default))
    assert relations(told) == seen


def test_a_sibling_module_is_followed_where_it_is_imported() -> None:
    """What the script imports from beside itself is part of the program."""
    sibling = f"{HEAD}{SCORE}"
    text = (
        "from measuring import *\nheld = shards(Settings.val_files)\nprint(score(Net(), held, 1))"
    )
    assert len(scored(story(text, measuring__py=sibling))) == 1


def test_hooks_count_where_they_were_put_on() -> None:
    """A hook on some layer in one function does not make every later evaluation a calibration."""
    main = """
net.register_forward_hook(print)
print(score(net, held, lengths))
net(held[:-1], held[1:])
"""
    ran = [event for event in story(script(main)).events if isinstance(event, Ran)]
    assert [event.hooked for event in ran] == [False, True]


HOSTILE = {
    "a sum of 700 terms": "x = " + "+".join(["held"] * 700),
    "brackets in brackets": "x = " + "[" * 90 + "held" + "]" * 90,
    "slices of slices": "x = " + "held[:" * 60 + "1" + "]" * 60,
    "calls that double at every level": "".join(
        f"def f{n}(x):\n    f{n - 1}(x)\n    f{n - 1}(x)\n" for n in range(1, 20)
    ).replace("f0(x)", "x.step()")
    + "f19(held)",
    "a function that calls itself": "def f(x):\n    for y in x:\n        f(y)\n    f(x)\nf(held)",
    "classes that derive from each other": "class A(B): pass\nclass B(A): pass\nB().step()",
    "a loop over ten million": "for i in range(10**9):\n    held[i] += 1",
    "thousands of slices": "\n".join(f"x{n} = held[{n}:n]" for n in range(5_000)),
    "nothing": "",
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_programs_are_left_after_a_bounded_number_of_steps(kind: str) -> None:
    """Whatever a stranger writes, following ends soon and says nothing that it did not see."""
    text = f"{HEAD}\nheld = shards(Settings.val_files)\n{HOSTILE[kind]}\n"
    began = time.monotonic()
    told = story(text)
    assert time.monotonic() - began < 5
    assert scored(told) == []


def test_a_packed_script_is_followed_under_the_name_it_is_unpacked_to() -> None:
    """A wrapper of three lines that runs what it unpacks, under another file's name."""
    text = script("adapt(args, net, held)\nprint(score(net, held, lengths))")
    packed = base64.b85encode(lzma.compress(text.encode())).decode()
    wrapper = (
        "import base64, lzma\n"
        f"source = lzma.decompress(base64.b85decode({packed!r}))\n"
        "exec(compile(source, 'train_source.py', 'exec'))\n"
    )
    assert relations(story(wrapper)) == {Relation.AFTER}
