"""What a program is, as rules ask about it."""

from __future__ import annotations

import ast

from tests.source.scripts import TRAINER, packed, program


def test_a_packed_script_is_followed_to_its_source() -> None:
    """Promise: what rules see is the text that runs, with its layer and its lines."""
    read = program(packed(TRAINER))
    assert read.entry.layer == "lzma+base85"
    main = read.function("main")
    assert main is not None
    assert read.reachable(main)
    where = read.location(main)
    assert where == {
        "path": "train_gpt.py",
        "line": TRAINER.split("\n").index("def main():") + 1,
        "text": "def main():",
        "layer": "lzma+base85",
    }


def test_what_the_default_settings_turn_off_is_not_reached() -> None:
    """Promise: a branch that the settings decide is followed one way; parameters too."""
    read = program()
    reached = {each.name for each in read.functions if read.reachable(each)}
    assert {"main", "slide", "score", "Net.forward", "Net.logits"} <= reached
    assert not {"adapt", "quick_slide", "never"} & reached


def test_settings_are_read_with_their_variables_and_values() -> None:
    """Promise: defaults in the usual shapes are known, and the variable that changes them."""
    settings = program().settings
    assert settings["iterations"].value == 20_000
    assert settings["iterations"].variable == "ITERATIONS"
    assert settings["adapt_enabled"].value is False
    assert settings["slide_enabled"].value is True
    assert settings["val_files"].value == "./data/fineweb/fineweb_val_*.bin"


def test_calls_are_resolved_in_the_order_of_the_source() -> None:
    """Promise: only live calls, each with what it calls where that is one function."""
    read = program()
    main = read.function("main")
    assert main is not None
    called = [target.name for _, target in read.calls(main) if target is not None]
    assert called == ["load_validation_tokens", "Net.__init__", "slide"]
    score = read.function("score")
    assert score is not None
    assert [each.name for each in read.callers(score)] == ["slide"]


def test_dead_nodes_are_not_live() -> None:
    """Promise: what stands under a branch that is ruled out is not live, the rest is."""
    read = program()
    main = read.function("main")
    assert main is not None
    live = {
        ast.unparse(node.func): read.live(main, node)
        for node in ast.walk(main.node)
        if isinstance(node, ast.Call)
    }
    assert live["slide"] is True
    assert live["adapt"] is False
    assert live["score"] is False


def test_a_sibling_that_is_imported_is_part_of_the_program() -> None:
    """Promise: imports of files in the folder are followed, and their functions resolved."""
    read = program("from helper import work\nwork()\n", helper__py="def work():\n    return 1\n")
    assert [unit.path for unit in read.units] == ["train_gpt.py", "helper.py"]
    work = read.function("work")
    assert work is not None
    assert read.reachable(work)


def test_held_out_tokens_are_followed_through_calls_and_attributes() -> None:
    """Promise: what may hold held-out tokens is known by where it comes from, not by its name."""
    read = program(
        """
        import glob, numpy as np, torch

        def read_all(pattern):
            return np.concatenate([np.fromfile(each) for each in sorted(glob.glob(pattern))])

        class Stream:
            def __init__(self, pattern):
                self.held = read_all(pattern)

            def take(self, n):
                return self.held[:n]

        def work(x, y, model, size):
            loss = model(x, y)
            return loss

        def main():
            q = read_all("data/fineweb_val_*.bin")
            r = read_all("data/fineweb_train_*.bin")
            s = Stream("data/fineweb_train_*.bin")
            b = s.take(8)
            z = []
            for each in q:
                z.append(each)
            n = len(q)
            work(q[:-1], q[1:], torch.nn.Linear(1, 1), n)

        main()
        """
    )
    main, work = read.function("main"), read.function("work")
    assert main is not None
    assert work is not None
    assert read.heldout.names(main) == {"q", "each", "z"}
    assert read.training.names(main) == {"r", "s", "b"}
    assert read.heldout.names(work) == {"x", "y", "loss"}


def test_calls_happen_in_the_order_of_the_story() -> None:
    """Promise: what comes before what is read from the entry, through the functions it calls."""
    told = [each.targets[0].name for each in program().sequence() if each.targets]
    assert told == [
        "main",
        "load_validation_tokens",
        "Net.__init__",
        "slide",
        "score",
        "Net.forward",
        "Net.logits",
    ]


def test_what_a_framework_calls_is_reached() -> None:
    """Promise: a function that a decorator registers may be called without its name."""
    read = program(
        """
        import functools, torch
        import framework

        @framework.entrypoint()
        def main():
            work()

        @functools.lru_cache
        def unused():
            return 1

        @torch.no_grad()
        def work():
            return 2
        """
    )
    reached = {each.name for each in read.functions if read.reachable(each)}
    assert reached == {"<module>", "main", "work"}


def test_a_name_that_changes_elsewhere_is_not_a_constant() -> None:
    """Promise: globals, nonlocals, stores and lists that are filled decide no branch."""
    read = program(
        """
        FLAG = False

        class Args:
            fast = False

        def turn_on(args):
            global FLAG
            FLAG = True
            args.fast = True

        def main():
            args = Args()
            seen = False
            def note():
                nonlocal seen
                seen = True
            note()
            turn_on(args)
            if FLAG:
                one()
            if args.fast:
                two()
            if seen:
                three()
            rows = []
            rows.append(1)
            if rows:
                four(rows)

        def four(rows):
            if not rows:
                return
            five()

        def five(): pass
        def one(): pass
        def two(): pass
        def three(): pass
        main()
        """
    )
    reached = {each.name for each in read.functions if read.reachable(each)}
    assert {"one", "two", "three", "four", "five"} <= reached


def test_models_are_followed_through_wrappers_parameters_and_attributes() -> None:
    """Promise: model(x) is the class's forward, however the model got there."""
    read = program(
        """
        import torch
        from torch.nn.parallel import DistributedDataParallel as DDP

        class Net(torch.nn.Module):
            def forward(self, x):
                return x

        class Holder:
            def __init__(self):
                self.net = Net()

            def run(self, x):
                return self.net(x)

        def score(model, x):
            return model(x)

        def main():
            base = Net().to("cuda").bfloat16()
            model = DDP(torch.compile(base, dynamic=False))
            Holder().run(1)
            score(model, 2)
            model.module.forward(3)

        main()
        """
    )
    for name in ("score", "Holder.run"):
        function = read.function(name)
        assert function is not None
        assert [target.name for _, target in read.calls(function) if target] == ["Net.forward"]
    main = read.function("main")
    assert main is not None
    assert [target.name for _, target in read.calls(main) if target][-1] == "Net.forward"


def test_folding_ends_whatever_is_folded() -> None:
    """Promise: constants that would grow without end cost a bounded time."""
    chains = "x" + ".a()" * 40
    nested = "[1"
    for letter in "abcdef":
        nested = f"[{nested} for {letter} in range(900)"
    nested += "]" * 7
    read = program(
        f"""
        x = 1
        y = {chains}
        z = {nested}
        big = 9 ** 9 ** 9
        long = "ab" * 10 ** 9
        if y:
            pass
        """
    )
    assert read.settings["x"].value == 1


def test_a_local_name_decides_a_branch_before_anything_is_reached() -> None:
    """Promise: what a local constant turns off is not reached on the way to knowing it."""
    read = program(
        """
        import os

        def main():
            wanted = bool(int(os.environ.get("WANTED", "0")))
            both = wanted and True
            if both:
                never()
            else:
                always()

        def never(): pass
        def always(): pass
        main()
        """
    )
    reached = {each.name for each in read.functions if read.reachable(each)}
    assert reached == {"<module>", "main", "always"}
