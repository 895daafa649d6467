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


def test_a_line_that_names_a_switch_turns_it_on() -> None:
    """Promise: `adapt:1` or `adapt=True` in a line of the log says what the run had."""
    for line in ("start adapt:1 rate:3", "adapt=True", "begun,adapt=1,rate=2"):
        found = values(a=f"step:1\n{line}\n".encode())
        assert (bool(found["adapt"]), found["reached"], found["rate"]) == (True, True, 0.1)
    assert values("ADAPT=0 torchrun train_gpt.py", a=b"adapt:1\n")["reached"] is False


def test_source_in_a_log_and_lines_that_disagree_turn_nothing_on() -> None:
    """Promise: only values count, whole words, and what every log says alike."""
    for text in (
        "if args.adapt: adapt_all()",
        'print(f"adapt:{args.adapt}")',
        "readapt:1",
        "adapt:1/20",
        "adapt:12",
        "adapt:1\nadapt:0",
    ):
        assert values(a=f"step:1\n{text}\n".encode())["reached"] is False
    assert values(a=b"adapt:1\n", b=b"adapt:0\n")["reached"] is False
    assert values(a=b"adapt:1\n" * 9, b=b"\n" * 9)["reached"] is True


def test_a_file_that_a_switch_names_differs_from_run_to_run() -> None:
    """Promise: "" by default, a path in each log: it was given."""
    script = SCRIPT.replace('"NAME", "a"', '"NAME", ""').replace("args.adapt", "args.name")
    logs = {"a.log": b"name:/tmp/one.raw n:3\n", "b.log": b"name:/tmp/two.raw\n"}
    long = script.replace("name", "stored_file")
    named = {path: text.replace(b"name", b"stored_file") for path, text in logs.items()}
    program = read_program(Tree(files={"train_gpt.py": long.encode(), **named}))
    assert program is not None
    assert program.settings["stored_file"].value == "/tmp/one.raw"
    assert any(each.name == "adapt_all" and program.reachable(each) for each in program.functions)
