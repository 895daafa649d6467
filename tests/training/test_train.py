"""Training under the host's clock: what is recorded is what was seen from outside."""

from __future__ import annotations

import os
import threading
import time
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from tests.submission.folders import policy
from tests.training.fake_sandbox import Command, FakeSandbox
from verifier.errors import RequestError, StorageFault
from verifier.records import BoxSpec, EndedBy, Root
from verifier.sandbox.clock import Stopwatch
from verifier.sandbox.interface import Sandbox
from verifier.training import Trained, seal, train

ROOT = Root(digest="host", python="/usr/bin/python3", pinned=False)


@dataclass(frozen=True)
class Manifest:
    train: tuple[str, ...] = ("python3", "train.py", "--seed={seed}", "{seed}{other}")
    pack: tuple[str, ...] | None = None
    sealed_start: bool = False


@dataclass(frozen=True)
class Entrant:
    folder: Path
    manifest: Manifest


class Counting:
    def __init__(self) -> None:
        self.seconds = 0.0

    def advance(self, amount: float) -> None:
        self.seconds += amount


def trained(
    tmp_path: Path, run: Command, manifest: Manifest | None = None, **limits: Any
) -> tuple[Trained, FakeSandbox, Counting]:
    data = tmp_path / "training"
    if not data.exists():
        (data / "deeper").mkdir(parents=True)
        (data / "documents.jsonl").write_text('{"text": "one"}\n')
        (data / "deeper" / "shard.bin").write_bytes(b"12")
        (tmp_path / "code").mkdir()
    fake = FakeSandbox(run)
    sandbox: Sandbox = fake
    progress = Counting()
    done = train(
        Entrant(tmp_path / "code", manifest or Manifest()),
        42,
        sandbox=sandbox,
        root=ROOT,
        data_folder=data,
        policy=policy(train={"limit_seconds": 5.0, **limits}),
        out_folder=tmp_path / "run",
        progress=progress,
    )
    return done, fake, progress


def folder(spec: BoxSpec, name: str) -> Path:
    mounts = {mount.target: mount.source for mount in spec.inputs}
    assert spec.output is not None
    return {**mounts, spec.output.target: spec.output.source}[name]


def writes(spec: BoxSpec, killed: threading.Event) -> int:
    (folder(spec, "/out") / "weights").write_text("w")
    return 0


def hangs(spec: BoxSpec, killed: threading.Event) -> int:
    killed.wait(30)
    return 0


def test_what_an_earlier_attempt_left_goes_however_deep_it_is(tmp_path: Path) -> None:
    """Attack: folders two thousand deep, over which Python's own removal ends in RecursionError."""

    def digs(spec: BoxSpec, killed: threading.Event) -> int:
        place = os.open(folder(spec, "/out"), os.O_RDONLY)
        for _ in range(2_000):
            os.mkdir("d", dir_fd=place)
            inner = os.open("d", os.O_RDONLY, dir_fd=place)
            os.close(place)
            place = inner
        os.close(place)
        return 0

    trained(tmp_path, digs)
    done, _, _ = trained(tmp_path, writes)
    assert [path.name for path in done.artifact.iterdir()] == ["weights"]


def test_the_box_gets_code_data_and_one_empty_output_folder(tmp_path: Path) -> None:
    """Promise: a clean environment, policy limits, nothing else mounted, no channel (§2)."""
    done, fake, _ = trained(tmp_path, writes)
    (spec,) = fake.specs
    assert spec.argv == ("python3", "train.py", "--seed=42", "42{other}")
    assert spec.working_folder == "/submission"
    assert {mount.target: mount.source for mount in spec.inputs} == {
        "/submission": tmp_path / "code",
        "/data": tmp_path / "training",
    }
    assert spec.output is not None
    assert spec.output.target == spec.environment["OUT"] == "/out"
    assert spec.channel is None
    assert spec.gpus == ()
    assert dict(spec.environment) == {
        "OUT": "/out",
        "DATA": "/data",
        "CACHE": "/cache",
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "OMP_WAIT_POLICY": "passive",
    }
    assert spec.limits.wall_seconds == 5.0
    assert spec.limits.output_bytes == policy().train.artifact_bytes
    assert (done.artifact / "weights").read_text() == "w"
    assert [facts.label for facts in done.boxes] == ["train"]
    assert done.facts.ended_by is EndedBy.ITSELF
    assert (done.facts.exit_code, done.facts.init_seconds, done.facts.pack_seconds) == (
        0,
        None,
        None,
    )


def test_nothing_of_an_earlier_attempt_is_left_to_find(tmp_path: Path) -> None:
    """Promise: the output is empty at the start of every seed and attempt (§2)."""
    seen: list[list[Path]] = []

    def looks(spec: BoxSpec, killed: threading.Event) -> int:
        seen.append(list(folder(spec, "/out").iterdir()))
        return writes(spec, killed)

    trained(tmp_path, looks)
    trained(tmp_path, looks)
    assert seen == [[], []]


def test_a_run_past_the_limit_is_killed_and_recorded(tmp_path: Path) -> None:
    """Promise: the limit is kept by the host, whatever the box does (R2)."""
    done, _, progress = trained(tmp_path, hangs, limit_seconds=0.3)
    assert done.facts.ended_by is EndedBy.WALL_CLOCK
    assert done.facts.exit_code is None
    assert 0.3 <= done.facts.wall_seconds[0] < 2
    assert done.facts.limit_seconds == 0.3
    assert progress.seconds > 0.2


def test_a_run_that_fails_or_leaves_nothing_is_a_fact(tmp_path: Path) -> None:
    """Promise: never an exception (DESIGN law 5); PACK does not run after a failure."""
    done, fake, _ = trained(tmp_path, lambda spec, killed: 3, Manifest(pack=("pack",)))
    assert (done.facts.exit_code, done.facts.pack_seconds) == (3, None)
    assert list(done.artifact.iterdir()) == []
    assert [spec.label for spec in fake.specs] == ["train"]


def test_pack_gets_what_train_left_and_neither_data_nor_gpu(tmp_path: Path) -> None:
    """Promise: the artifact is PACK's output; its box sees $IN read-only and an empty $OUT."""

    def both(spec: BoxSpec, killed: threading.Event) -> int:
        if spec.label == "pack":
            content = (folder(spec, "/in") / "weights").read_text()
            (folder(spec, "/out") / "packed").write_text(content * 2)
            return 0
        return writes(spec, killed)

    done, fake, _ = trained(tmp_path, both, Manifest(pack=("python3", "pack.py", "{seed}")))
    pack = fake.specs[1]
    assert pack.argv == ("python3", "pack.py", "42")
    assert {mount.target for mount in pack.inputs} == {"/submission", "/in"}
    assert "DATA" not in pack.environment
    assert pack.gpus == ()
    assert pack.limits.wall_seconds == policy().train.pack_seconds
    assert [path.name for path in done.artifact.iterdir()] == ["packed"]
    assert [facts.label for facts in done.boxes] == ["train", "pack"]
    assert done.facts.pack_seconds is not None
    assert done.facts.cpu_seconds == 1.0
    assert done.facts.log == "log of train\nlog of pack\n"
    assert done.facts.attempts == ("attempt of train", "attempt of pack")


def test_a_pack_that_fails_is_how_the_run_ended(tmp_path: Path) -> None:
    """Promise: an artifact that PACK did not finish is not taken for a good one."""

    def fails(spec: BoxSpec, killed: threading.Event) -> int:
        return 9 if spec.label == "pack" else writes(spec, killed)

    done, _, _ = trained(tmp_path, fails, Manifest(pack=("pack",)))
    assert done.facts.exit_code == 9


def warms_up(spec: BoxSpec, killed: threading.Event) -> int:
    """INIT of 0.3 s, then training of 0.2 s once the data is whole."""
    data, out = folder(spec, "/data"), folder(spec, "/out")
    if list(data.iterdir()):
        return 1
    time.sleep(0.3)
    (out / ".ready").touch()
    while not (data / ".ready").exists():
        if killed.wait(0.005):
            return 2
    if (data / "deeper" / "shard.bin").read_bytes() != b"12":
        return 3
    time.sleep(0.2)
    return writes(spec, killed)


def test_a_sealed_start_keeps_the_data_back_until_init_is_over(tmp_path: Path) -> None:
    """Promise: warm-up is metered apart and sees no data; the mark is not in the artifact (§6)."""
    done, _, _ = trained(tmp_path, warms_up, Manifest(sealed_start=True), init_seconds=4.0)
    assert done.facts.exit_code == 0
    assert done.facts.init_seconds is not None
    assert 0.3 <= done.facts.init_seconds < 2
    lo, hi = done.facts.wall_seconds
    assert lo <= hi
    assert 0.2 <= hi < 2
    assert [path.name for path in done.artifact.iterdir()] == ["weights"]


def test_data_appears_and_the_clock_starts_when_init_has_used_its_limit(tmp_path: Path) -> None:
    """Promise: a box that never says it is ready gains no time."""

    def never_ready(spec: BoxSpec, killed: threading.Event) -> int:
        while not (folder(spec, "/data") / ".ready").exists():
            if killed.wait(0.005):
                return 2
        killed.wait(30)
        return 0

    done, _, _ = trained(
        tmp_path, never_ready, Manifest(sealed_start=True), init_seconds=0.2, limit_seconds=0.3
    )
    assert done.facts.ended_by is EndedBy.WALL_CLOCK
    assert done.facts.init_seconds is not None
    assert 0.2 <= done.facts.init_seconds < 1.5
    assert 0.3 <= done.facts.wall_seconds[1] < 2


def test_a_box_that_ends_in_init_never_saw_data(tmp_path: Path) -> None:
    """Promise: it is recorded with no training time."""
    done, fake, _ = trained(tmp_path, writes, Manifest(sealed_start=True))
    assert done.facts.wall_seconds == (0.0, 0.0)
    assert done.facts.init_seconds is not None
    assert list(folder(fake.specs[0], "/data").iterdir()) == []


@pytest.mark.parametrize("kind", ["link", "folder"])
def test_the_mark_may_be_anything_and_is_never_followed(tmp_path: Path, kind: str) -> None:
    """Promise: a link is removed, not followed; a folder stays, so that its content is weighed."""

    def odd(spec: BoxSpec, killed: threading.Event) -> int:
        mark = folder(spec, "/out") / ".ready"
        if kind == "link":
            mark.symlink_to(tmp_path / "code")
        else:
            mark.mkdir()
        while not (folder(spec, "/data") / ".ready").exists():
            if killed.wait(0.005):
                return 2
        return 0

    done, _, _ = trained(tmp_path, odd, Manifest(sealed_start=True))
    left = [path.name for path in done.artifact.iterdir()]
    assert left == ([] if kind == "link" else [".ready"])
    assert (tmp_path / "code").is_dir()


def test_data_that_cannot_be_linked_is_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Promise: a sealed start works across file systems."""
    monkeypatch.setattr(os, "link", _elsewhere)
    done, _, _ = trained(tmp_path, warms_up, Manifest(sealed_start=True))
    assert done.facts.exit_code == 0


def test_data_that_cannot_be_linked_shares_its_blocks_where_the_file_system_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Promise: a large data set appears at once; what the kernel is asked is FICLONE."""
    asked = []

    def shares(made: BinaryIO, request: int, given: int) -> int:
        asked.append(request)
        os.sendfile(made.fileno(), given, 0, os.fstat(given).st_size)
        return 0

    def never(*paths: object) -> None:
        raise AssertionError("copied")

    monkeypatch.setattr(seal.fcntl, "ioctl", shares)
    monkeypatch.setattr(seal.shutil, "copyfile", never)
    (tmp_path / "source").write_bytes(b"shard")
    monkeypatch.setattr(os, "link", _elsewhere)
    seal.put(tmp_path / "source", tmp_path / "target")
    assert (tmp_path / "target").read_bytes() == b"shard"
    assert asked == [0x40049409]


def test_what_must_be_copied_is_there_before_the_box_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Attack: train on the first shards while the last are still being copied and no clock runs."""
    happened = []
    real = seal.shutil.copyfile

    def copied(source: Path, target: Path) -> None:
        happened.append("copied")
        real(source, target)

    def started(spec: BoxSpec, killed: threading.Event) -> int:
        happened.append("started")
        return warms_up(spec, killed)

    monkeypatch.setattr(os, "link", _elsewhere)
    monkeypatch.setattr(seal.shutil, "copyfile", copied)
    done, _, _ = trained(tmp_path, started, Manifest(sealed_start=True))
    assert done.facts.exit_code == 0
    assert happened[-1] == "started" and "copied" in happened


def _elsewhere(*paths: object, **options: object) -> None:
    raise OSError(18, "Invalid cross-device link")


def test_data_that_cannot_be_put_there_is_our_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Promise: a full disk is never the submission's failure (DESIGN law 5)."""

    def full(*paths: object, **options: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "link", full)
    with pytest.raises(StorageFault, match="No space left"):
        trained(tmp_path, warms_up, Manifest(sealed_start=True))


def test_a_sealed_start_that_the_policy_forbids_is_refused(tmp_path: Path) -> None:
    """Promise: refused before anything runs."""
    with pytest.raises(RequestError, match="no sealed start"):
        trained(tmp_path, writes, Manifest(sealed_start=True), sealed_start="forbidden")


def test_a_run_folder_that_cannot_be_made_is_our_fault(tmp_path: Path) -> None:
    """Promise: StorageFault names the folder."""
    (tmp_path / "run").write_text("a file")
    with pytest.raises(StorageFault, match="cannot be made anew"):
        trained(tmp_path, writes)


def test_a_machine_that_slept_makes_the_run_unfair(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Promise: time lost to a suspended machine is named in the record, and only then."""
    assert trained(tmp_path, writes)[0].facts.unfair == ""
    monkeypatch.setattr(Stopwatch, "unfair", lambda self: "the machine was suspended")
    assert trained(tmp_path, writes)[0].facts.unfair == "the machine was suspended"


def test_the_fake_obeys_the_interface() -> None:
    """Promise: kill is idempotent, and leaving the block ends the box."""
    from verifier.training.boxes import limits

    spec = BoxSpec(
        label="x",
        root=ROOT,
        argv=("x",),
        environment={},
        inputs=(),
        output=None,
        channel=None,
        working_folder="/",
        limits=limits(policy(), 60.0),
    )
    with FakeSandbox(hangs).start(spec) as box, nullcontext():
        assert box.poll() is None
        assert box.wait(0.01) is None
        end = box.kill(EndedBy.WALL_CLOCK)
        assert box.kill() is end is box.poll()
