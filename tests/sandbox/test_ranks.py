"""Ranks of one run meet over the loopback of their box, or are told at once that there is none."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.sandbox.conftest import LIMITS, Boxes, boxes_in, open_to_all, opened
from verifier import image, store
from verifier.errors import BoxNotAsAsked
from verifier.records import BoxEnd, BoxSpec, EndedBy, Limits, Mount, Root
from verifier.sandbox import plain

RANKS = 2
STANDALONE = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(RANKS))
SCRIPT = """
import os
import torch
import torch.distributed as dist

dist.init_process_group("gloo")
number = torch.tensor([float(dist.get_rank() + 1)])
dist.all_reduce(number)
with open(f"/out/{dist.get_rank()}", "w") as file:
    file.write(f"{dist.get_world_size()} ranks, {number.item()}")
dist.destroy_process_group()
"""
ROOMY = replace(
    LIMITS, wall_seconds=180.0, memory_bytes=3 << 30, pids=128, temporary_bytes=64 << 20
)


def spec_of(root: Root, folder: Path, limits: Limits) -> BoxSpec:
    """Two ranks of `SCRIPT` under `torchrun`, whose output is `folder`/out."""
    open_to_all(folder)
    (folder / "ranks.py").write_text(SCRIPT)
    return BoxSpec(
        label="ranks",
        root=root,
        argv=(root.python, *STANDALONE, "/in/ranks.py"),
        environment={"OMP_NUM_THREADS": "1"},
        inputs=(Mount(source=folder / "ranks.py", target="/in/ranks.py"),),
        output=Mount(source=folder / "out", target="/out"),
        channel=None,
        working_folder="/tmp",
        limits=limits,
    )


@pytest.mark.docker
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "name", ["docker", "bubblewrap", pytest.param("gvisor", marks=pytest.mark.slow)]
)
def test_two_ranks_of_the_image_meet_without_a_network(name: str, tmp_path: Path) -> None:
    """A script of several cards runs as it is: each rank has the sum of both."""
    sandbox = opened(name)
    reason = image.why_none()
    if reason is not None:
        pytest.skip(f"no image can be made here: {reason}")
    root, _ = image.build("cpu", store.root(), locked=False)
    sandbox.prepare(root)
    with sandbox.start(spec_of(root, tmp_path, ROOMY)) as box:
        end: BoxEnd | None = box.wait(300)
    assert end is not None
    assert (end.ended_by, end.exit_code) == (EndedBy.ITSELF, 0), end.log
    left = {path.name: path.read_text() for path in (tmp_path / "out").iterdir()}
    assert left == {"0": "2 ranks, 3.0", "1": "2 ranks, 3.0"}


@pytest.fixture
def boxes(tmp_path: Path, host_root: Root) -> Boxes:
    """Boxes of ordinary processes."""
    return boxes_in("plain", tmp_path, host_root)


@pytest.mark.parametrize(
    "argv",
    [
        ("python", *STANDALONE, "train.py"),
        ("python", "-m", "torch.distributed.launch", "train.py"),
        ("torchrun", "train.py"),
        ("sh", "-c", "cd /in && /usr/local/bin/torchrun --standalone train.py"),
    ],
)
def test_an_ordinary_process_is_told_at_once_that_ranks_cannot_meet(
    boxes: Boxes, argv: tuple[str, ...]
) -> None:
    """They would try for minutes, and the budget would end with nothing said."""
    with pytest.raises(BoxNotAsAsked, match=r"needs a loopback.*install bubblewrap or Docker"):
        boxes.sandbox.start(boxes.spec("", argv=argv))
    assert any("one process only" in wall for wall in boxes.sandbox.lacking())


def test_a_script_that_only_names_a_launcher_within_a_word_is_run(boxes: Boxes) -> None:
    """What a file is called starts no ranks."""
    plain.require_no_launcher(boxes.spec("", argv=("python", "torchrun_free.py")))
    end = boxes.run("print('torchrun')")
    assert (end.ended_by, end.exit_code) == (EndedBy.ITSELF, 0), end.log


def test_without_a_loopback_there_is_nowhere_to_meet(boxes: Boxes) -> None:
    """The reason for the refusal still holds: no socket of the internet's families can be made."""
    end = boxes.run(
        """
        import socket
        for family in (socket.AF_INET, socket.AF_INET6):
            try:
                socket.socket(family)
            except PermissionError:
                print("refused")
        """
    )
    assert end.log.split() == ["refused", "refused"]
