"""Held-out shards under another name are told from shards that are read by their own."""

from __future__ import annotations

import pytest

from tests.screening.rules.scripts import remarks, script, told
from verifier.screening import Confidence
from verifier.screening.rules import disguised

SCORED = "print(score(net, held, lengths))"
TRAINED = "train(args, net, Loader(args.train_files))"
ASKED = {"held-out-disguised": Confidence.REVIEW}


def said(main: str, **others: str) -> dict[str, Confidence]:
    text = script(f"{main}\n{SCORED}", "import pathlib\n")
    return told(remarks(disguised, text, **others))


@pytest.mark.parametrize(
    "files",
    [
        'glob.glob(os.path.join("data", "fineweb_*.bin"))',
        'glob.glob("data/*.bin")',
        'glob.glob("data/fineweb_[tv]*_*.bin")',
        'shards("data/fineweb_*_000000.bin")',
        'shards("data/fineweb_" + "v" + "al_*.bin")',
        'shards("".join(["data/fineweb_", "v", "al_*.bin"]))',
        "shards(f\"data/fineweb_{'lav'[::-1]}_000000.bin\")",
        'shards(bytes([102, 95, 118, 97, 108, 95, 42]).decode() + "x")',
        'shards(args.train_files.replace("train", "val"))',
        'shards(args.train_files.replace("train", "v" + "al"))',
        'shards(pattern="data/fineweb_" + "v" + "al_*.bin")',
        '{"more": "data/fineweb_" + "v" + "al_*.bin"}',
        "[shards(f\"data/fineweb_{'v'}al_{n}.bin\") for n in range(2)]",
        'os.listdir("data/fineweb10B")',
        'list(os.scandir(os.path.dirname("data/fineweb_train_0.bin")))',
    ],
)
def test_a_name_that_hides_held_out_shards_asks_for_a_person(files: str) -> None:
    """Red: a pattern that takes in both, a name that is put together, a whole folder."""
    assert said(f"more = {files}\n{TRAINED}") == ASKED


def test_a_name_that_a_function_puts_together_asks_for_a_person() -> None:
    """Red: the name is what a function returns."""
    part = 'def which():\n    return "data/fineweb_" + "v" + "al_*.bin"\n'
    text = script(f"more = shards(which())\n{SCORED}", part)
    assert told(remarks(disguised, text)) == ASKED


@pytest.mark.parametrize(
    "lines",
    [
        'os.symlink("data/fineweb_val_000000.bin", "more/fineweb_train_000000.bin")',
        'import shutil\nshutil.copyfile("data/fineweb_val_000000.bin", "data/fineweb_train_9.bin")',
        'pathlib.Path("d/train_1.bin").symlink_to("d/val_0.bin")',
        'os.rename(args.val_files.replace("*", "0"), args.train_files.replace("*", "0"))',
    ],
)
def test_a_held_out_shard_put_in_the_place_of_a_training_shard_is_a_violation(lines: str) -> None:
    """Red: the script makes the copy itself."""
    assert said(f"{lines}\n{TRAINED}")["held-out-disguised"] is Confidence.VIOLATION


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("README__md", "ln -s data/fineweb_val_000000.bin more/fineweb_train_000000.bin\n"),
        ("run__sh", "cp $D/fineweb_val_000000.bin $D/fineweb_train_000001.bin\n"),
        ("train__log", "train_loader:dataset:fineweb10B_sp1024_valonly train_shards:1\n"),
        ("submission__json", '{"blurb": "9 layers, val-only training, QAT"}'),
    ],
)
def test_a_text_that_tells_of_it_asks_for_a_person(name: str, text: str) -> None:
    """Red: what the submission says of itself."""
    assert said(TRAINED, **{name: text}) == ASKED


@pytest.mark.parametrize(
    "lines",
    [
        'more = glob.glob("data/fineweb_train_*.bin")',
        "more = shards(args.val_files)",
        'more = shards(os.path.join("data", "fineweb_" + "val_*.bin"))',
        'more = glob.glob("final_model.*.ptz")',
        'more = os.listdir("logs")',
        'name = args.val_files.replace("_val_", "_val_bytes_")',
        'os.symlink("ckpt_7.pt", "latest.pt")',
        'os.rename("data/fineweb_train_0.bin", "data/fineweb_train_1.bin")',
    ],
)
def test_shards_by_their_own_names_are_left_alone(lines: str) -> None:
    """Near misses: each kind is read by its name, other files by patterns."""
    assert said(f"{lines}\n{TRAINED}") == {}


@pytest.mark.parametrize(
    "text",
    [
        "No val-only training was done.\n",
        "VAL_ONLY=1 evaluates a checkpoint\n",
        "ln -s data/fineweb_val_000000.bin eval/fineweb_val_000000.bin\n",
    ],
)
def test_a_text_about_scoring_is_left_alone(text: str) -> None:
    """Near misses: the words stand for something else."""
    assert said(TRAINED, README__md=text) == {}
