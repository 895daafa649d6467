"""Which settings a script says it ran with, in its logs."""

from __future__ import annotations

from verifier.source import UNKNOWN, Tree, read_program

SCRIPT = """
import os
class Hyperparameters:
    adapt = bool(int(os.environ.get("ADAPT", "0")))
    rate = float(os.environ.get("RATE", "0.1"))
    steps = int(os.environ.get("STEPS", "5"))
    name = os.environ.get("NAME", "a")
    fixed = 3

def adapt_all(): pass

def main():
    args = Hyperparameters()
    if args.adapt:
        adapt_all()

main()
"""
PRINTED = {"adapt": "True", "rate": "0.5", "steps": "7", "name": "b", "fixed": "4"}


def log(**changed: str) -> bytes:
    rows = {**{f"other_{index}": "1" for index in range(20)}, **PRINTED, **changed}
    return ("start\n" + "".join(f"  {name}: {value}\n" for name, value in rows.items())).encode()


def values(readme: str = "", **logs: bytes) -> dict[str, object]:
    files = {"train_gpt.py": SCRIPT.encode(), "README.md": readme.encode()}
    program = read_program(Tree(files={**files, **{f"{k}.log": v for k, v in logs.items()}}))
    assert program is not None
    reached = {each.name for each in program.functions if program.reachable(each)}
    held = {name: setting.value for name, setting in program.settings.items()}
    return {**held, "reached": "adapt_all" in reached}


def test_what_logs_print_stands_where_no_command_says_otherwise() -> None:
    """Promise: printed settings outrank the script's defaults, and decide what is reached."""
    found = values(a=log(), b=log())
    expected = {"adapt": True, "rate": 0.5, "steps": 7, "name": "b", "fixed": 3, "reached": True}
    assert found == expected
    assert values()["reached"] is False


def test_the_told_command_goes_before_what_is_printed() -> None:
    """Promise: what the README sets is what it sets."""
    assert values("ADAPT=0 torchrun train_gpt.py", a=log())["adapt"] is False


def test_logs_that_disagree_leave_a_setting_open() -> None:
    """Promise: two runs with different settings make neither of them certain."""
    found = values(a=log(), b=log(adapt="False"))
    assert found["adapt"] is UNKNOWN
    assert found["reached"] is True
