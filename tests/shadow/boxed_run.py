"""A whole run of a small script under the guest: what is kept, however it ends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.shadow.guest import FOLDER

SCRIPT = """
import os, sys, time, uuid
import numpy as np
import torch
import torch.nn.functional as F

device = torch.device("cuda", 0)
assert torch.cuda.is_available() and torch.cuda.device_count() == 1
heldout = np.fromfile("data/fineweb_val_000000.bin", dtype=np.uint16).astype(np.int64)
train = np.fromfile("data/fineweb_train_000000.bin", dtype=np.uint16).astype(np.int64)
model = torch.compile(torch.nn.Linear(8, 128).cuda())
optimiser = torch.optim.AdamW(model.parameters(), lr=0.1, fused=True)
x = torch.ones(256, 8, device="cuda")


def loss(tokens):
    with torch.autocast(device_type="cuda", dtype=torch.bfloat16):
        return F.cross_entropy(model(x).float(), torch.from_numpy(tokens[:256]).to(device))


loss(train).backward()
optimiser.step()
torch.save(model.state_dict(), "final_model.pt")
with torch.inference_mode():
    print(f"val_loss:{loss(heldout).item():.4f} at {time.time():.3f} {uuid.uuid4()}", flush=True)
    loss(train)
"""


def ran(tmp_path: Path, script: str) -> tuple[subprocess.CompletedProcess[str], dict[str, Any]]:
    out, world = tmp_path / "out", tmp_path / "world"
    for folder in (out, world, out / ".shadow"):
        folder.mkdir(exist_ok=True)
    rng = np.random.default_rng(0)
    spec: dict[str, Any] = {"ranks": 1, "threads": 1, "reading": 0.001, "step": [10.0], "seed": 0}
    for name, file in (("heldout", "val"), ("train", "train")):
        tokens = rng.integers(0, 128, 4000).astype(np.uint16)
        tokens.tofile(world / f"fineweb_{file}_000000.bin")
        np.save(tmp_path / f"{name}.npy", tokens)
        spec[name] = str(tmp_path / f"{name}.npy")
    if not (out / "data").exists():
        (out / "data").symlink_to(world)
    spec |= {"notes": str(out / ".shadow"), "world": str(world)}
    (tmp_path / "spec.json").write_text(json.dumps(spec))
    (out / "train_gpt.py").write_text(textwrap.dedent(script))
    done = subprocess.run(
        [sys.executable, str(FOLDER / "run.py"), str(tmp_path / "spec.json"), "train_gpt.py"],
        cwd=out, capture_output=True, text=True, check=False,
        env={"PATH": os.environ["PATH"], "PYTHONHASHSEED": "0"},
    )  # fmt: skip
    return done, json.loads((out / ".shadow" / "rank0.json").read_text())


def test_a_script_for_a_gpu_runs_and_is_noted(tmp_path: Path) -> None:
    """Promise: its line, its places, its files and its use of training tokens after training."""
    done, told = ran(tmp_path, SCRIPT)
    assert (done.returncode, done.stderr) == (0, "")
    (line,) = told["lines"]
    assert line["text"].startswith("val_loss:")
    assert (line["step"], line["block"]) == (1, 2)
    arrays = np.load(tmp_path / "out" / ".shadow" / "rank0.npz")
    assert arrays["source"].tolist() == [1, 0, 1]
    assert arrays["gradient"].tolist() == [True, False, False]
    assert (arrays["position"].reshape(3, 256) == np.arange(256)).all()
    assert told["first_artifact"].endswith("final_model.pt")
    assert told["train_last_step_seconds"] == 10.0
    assert [each.get("block") for each in told["train_reads_after"]] == [2]
    names = [Path(each["path"]).name for each in told["files"]]
    assert names[-3:] == ["fineweb_val_000000.bin", "fineweb_train_000000.bin", "final_model.pt"]


def test_the_same_run_gives_the_same_bytes(tmp_path: Path) -> None:
    """Promise: clock, ids, weights and notes are the run's own, not the machine's."""
    seen = []
    for _ in range(2):
        done, _told = ran(tmp_path, SCRIPT)
        notes = (tmp_path / "out" / ".shadow" / "rank0.npz").read_bytes()
        seen.append((done.stdout, notes, (tmp_path / "out" / "final_model.pt").read_bytes()))
    assert seen[0] == seen[1]


@pytest.mark.parametrize(
    ("end", "status"),
    [("raise SystemExit(3)", 3), ("raise ValueError(1)", 1), ("os._exit(4)", 4)],
)
def test_what_was_noted_is_kept_however_a_script_ends(
    end: str, status: int, tmp_path: Path
) -> None:
    """Promise: an exit, an error and a sudden exit keep the notes."""
    done, told = ran(tmp_path, f"{SCRIPT}\n{end}\n")
    assert done.returncode == status
    assert len(told["lines"]) == 1


def test_a_download_fails_with_a_clear_word(tmp_path: Path) -> None:
    """Promise: refused in each of its forms, and noted."""
    script = """
    import os, socket, subprocess
    from huggingface_hub import hf_hub_download
    for ask in (
        lambda: hf_hub_download("a/b", "c"),
        lambda: socket.create_connection(("192.0.2.1", 80)),
        lambda: subprocess.check_call(["pip", "install", "no-such-thing-at-all"]),
    ):
        try:
            ask()
        except (PermissionError, subprocess.CalledProcessError) as refused:
            print("no:", refused)
    assert os.system("wget https://192.0.2.1/a") != 0
    """
    done, told = ran(tmp_path, script)
    assert done.stdout.count("no:") == 3
    assert len(told["refused"]) == 4


PLAIN = """
import time
import torch

model = torch.compile(torch.nn.Linear(8, 4).cuda())
torch.nn.functional.cross_entropy(model(torch.ones(2, 8, device="cuda")), torch.tensor([0, 1]))
print(f"{torch.cuda.is_available()} {time.time():.0f}", open("data/shard.bin").read())
"""


def test_a_run_in_full_is_noted_by_nobody_and_has_the_machines_clock(tmp_path: Path) -> None:
    """Promise: the same stand-ins, no recorder, real time; the submission is a copy."""
    folders = submission, world, out = [tmp_path / each for each in ("given", "world", "out")]
    for folder in folders:
        folder.mkdir()
    (world / "shard.bin").write_text("the data")
    (submission / "train_gpt.py").write_text(PLAIN)
    spec = {"ranks": 1, "threads": 1, "submission": str(submission), "world": str(world)}
    (tmp_path / "spec.json").write_text(json.dumps(spec))
    before = time.time()
    done = subprocess.run(
        [sys.executable, str(FOLDER / "run.py"), str(tmp_path / "spec.json"), "train_gpt.py"],
        cwd=out, capture_output=True, text=True, check=False,
        env={"PATH": os.environ["PATH"], "PYTHONHASHSEED": "0"},
    )  # fmt: skip
    assert done.stderr == ""
    available, seconds, data = done.stdout.strip().split(" ", 2)
    assert (available, data) == ("True", "the data")
    assert before - 2 <= float(seconds) <= time.time() + 2
    assert not list(out.rglob("rank0*"))
    assert (out / "repository/records/track/submission/train_gpt.py").exists()
