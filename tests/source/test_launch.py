"""With which command a script is run, and who says so."""

from __future__ import annotations

import pytest

from verifier.source import Launch, Tree, find_launch, find_launches, read_program

FENCE = "```"


def launched(**files: str) -> Launch:
    named = {name.replace("__", "."): text.encode() for name, text in files.items()}
    found = find_launch(Tree(files={"train_gpt.py": b"", **named}))
    assert found is not None
    return found


def test_the_run_block_of_the_readme_is_read() -> None:
    """Promise: variables over several lines, quotes, options and the line it stands on."""
    launch = launched(
        README__md=f"""# Mine
{FENCE}bash
python3 data/download.py --variant sp1024
SEED=42 \\
  NOTE='two words' LR=0.02 \\
torchrun --standalone --nproc_per_node=4 records/track/mine/train_gpt.py --quick 2>&1 | tee a.log
{FENCE}
"""
    )
    assert launch.script == "train_gpt.py"
    assert launch.arguments == ("--quick",)
    assert launch.environment == {"SEED": "42", "NOTE": "two words", "LR": "0.02"}
    assert (launch.processes, launch.told_by) == (4, "README.md:4")


@pytest.mark.parametrize(
    ("block", "environment", "unknown"),
    [
        ("export A=1\nexport B=2 C=3\ntorchrun train_gpt.py", {"A": "1", "B": "2", "C": "3"}, ""),
        ("A=1\nB=$A-$HOME\nB=${A:-2} torchrun train_gpt.py", {"A": "1", "B": "1"}, ""),
        ("for SEED in 1 2; do\n  SEED=$SEED torchrun train_gpt.py\ndone", {}, "SEED"),
        ("env A=1 torchrun train_gpt.py", {"A": "1"}, ""),
        ("cd x && A=1 torchrun train_gpt.py", {"A": "1"}, ""),
        ("$ A=1 python -m torch.distributed.run train_gpt.py", {"A": "1"}, ""),
    ],
)
def test_shell_is_read_as_far_as_people_use_it(
    block: str, environment: dict[str, str], unknown: str
) -> None:
    """Promise: exports, variables, loops and prompts; what is not known is said to be unknown."""
    launch = launched(README__md=f"{FENCE}\n{block}\n{FENCE}\n")
    assert launch.environment == environment
    assert launch.unknown == ({unknown} if unknown else set())


def test_the_run_on_all_gpus_comes_before_others() -> None:
    """Promise: of several commands the record's own is the first, the rest are kept."""
    found = find_launches(
        Tree(
            files={
                "train_gpt.py": b"",
                "calc_p.py": b"",
                "README.md": b"A=0 torchrun --nproc_per_node=1 train_gpt.py\n\n"
                b"A=1 torchrun --nproc_per_node=8 train_gpt.py\n\npython calc_p.py\n",
            }
        )
    )
    assert [each.environment for each in found] == [{"A": "1"}, {"A": "0"}]


def test_a_shell_script_that_the_readme_names_is_followed() -> None:
    """Promise: `bash run_it.sh` means the commands inside."""
    launch = launched(
        README__md="Run `bash run_it.sh` now", run_it__sh="#!/bin/sh\nA=1 torchrun train_gpt.py\n"
    )
    assert (launch.environment, launch.told_by) == ({"A": "1"}, "run_it.sh:2")


def test_what_only_the_claims_or_a_log_say_is_found() -> None:
    """Promise: submission.json, then logs, where the README says nothing."""
    launch = launched(submission__json='{"run_command": "A=1 torchrun train_gpt.py"}')
    assert (launch.environment, launch.told_by) == ({"A": "1"}, "submission.json")
    launch = launched(train__log="step 1\nran: A=2 B=3 torchrun train_gpt.py\n")
    assert (launch.environment, launch.told_by) == ({"A": "2", "B": "3"}, "train.log:2")


def test_a_block_that_only_sets_variables_is_the_environment() -> None:
    """Promise: "Key environment" of a README counts where it names no command."""
    files = {
        "train_gpt.py": b"import os\nx = os.environ.get('PRESET')\n",
        "README.md": b"## Key environment\n\n```bash\nPRESET=lean\nexport FAST=1\n```\n",
    }
    launch = find_launch(Tree(files=files))
    assert launch is not None
    assert launch.environment == {"PRESET": "lean", "FAST": "1"}
    assert (launch.told_by, launch.told) == ("README.md:4", True)
    other = find_launch(Tree(files={**files, "train_gpt.py": b"x = 1\n"}))
    assert other is not None
    assert not other.told


def test_verify_yaml_comes_first_and_nothing_falls_back_to_the_default() -> None:
    """Promise: a manifest pins the command; without any word it is torchrun on 8 GPUs."""
    manifest = "contract: script/1\ncommand: [python, train_gpt.py]\nenvironment: {A: 1}\n"
    launch = launched(verify__yaml=manifest, README__md="A=2 torchrun train_gpt.py")
    assert (launch.environment, launch.processes) == ({"A": "1"}, None)
    assert (launched().told_by, launched().processes) == ("default", 8)
    assert find_launch(Tree(files={"README.md": b"torchrun train_gpt.py"})) is None


def test_settings_are_those_of_the_command() -> None:
    """Promise: what the README turns on is on, and torchrun's own variables are set."""
    script = b"""
import os, argparse
class Hyperparameters:
    adapt = bool(int(os.environ.get("ADAPT", "0")))
    world = int(os.environ.get("WORLD_SIZE", "1"))
    rank = int(os.environ.get("RANK", "0"))
parser = argparse.ArgumentParser()
parser.add_argument("--stride", type=int, default=64)
parser.add_argument("--fast", action="store_true")
"""
    readme = b"ADAPT=1 torchrun --nproc_per_node=8 train_gpt.py --stride 32"
    program = read_program(Tree(files={"train_gpt.py": script, "README.md": readme}))
    assert program is not None
    values = {name: setting.value for name, setting in program.settings.items()}
    assert values["adapt"] is True
    assert (values["world"], values["stride"], values["fast"]) == (8, 32, False)
    assert values["rank"] not in (0, 1)


def test_how_many_processes_nobody_told_is_not_known() -> None:
    """Promise: a script that refuses eight is not called unreached where nobody named eight."""
    script = b"""
import os
def train(): pass
if int(os.environ.get("WORLD_SIZE", "1")) != 1:
    raise ValueError
train()
"""
    told = read_program(Tree(files={"train_gpt.py": script, "README.md": b"torchrun train_gpt.py"}))
    default = read_program(Tree(files={"train_gpt.py": script}))
    for program in (told, default):
        assert program is not None
        assert "train" in {each.name for each in program.functions if program.reachable(each)}


@pytest.mark.parametrize(
    "text",
    [
        "torchrun 'unclosed train_gpt.py",
        "A=" + "$A" * 100_000 + " torchrun train_gpt.py",
        "\\\n" * 100_000 + "torchrun train_gpt.py",
        "`" * 200_000,
        "torchrun " + "(" * 100_000,
        "A=1 " * 100_000 + "torchrun train_gpt.py",
    ],
    ids=["quote", "variables", "joined", "backticks", "brackets", "assignments"],
)
def test_hostile_text_is_read_in_time(text: str) -> None:
    """Promise: nothing crashes, nothing takes long, and there is always a command."""
    assert launched(README__md=text).script == "train_gpt.py"


def test_a_hostile_manifest_is_left_aside() -> None:
    """Promise: nesting, aliases and wrong types in verify.yaml are not our failure."""
    bomb = "a: &a [x, x]\n" + "".join(f"b{i}: &b{i} [*a, *a]\n" for i in range(200))
    odd = ('a: !!int ""', "a: !!bool x", "a: !!timestamp x", 'a: "\\UFFFFFFFF"')
    for text in ("[" * 20_000, bomb, "command: {a: b}", "command: 3", "- 1", "\0", *odd):
        assert launched(verify__yaml=text).told_by == "default"


def test_a_number_that_python_does_not_write_is_no_setting() -> None:
    """Promise: an integer of thousands of digits in verify.yaml is left out, and the rest read."""
    text = f"command: python train_gpt.py\nenvironment: {{A: 0x{'f' * 5000}, B: 1}}\n"
    assert launched(verify__yaml=text).environment == {"B": "1"}
