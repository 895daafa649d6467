"""What INIT, TRAIN and PACK find in real boxes: the data only between INIT's end and PACK."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.sandbox.conftest import (
    Boxes,
    boxes,
    host_root,
    open_to_all,
    pinned_root,
    sandbox,
)
from tests.submission.folders import policy
from verifier.training import Trained, train
from verifier.watch import Unwatched

__all__ = ["boxes", "host_root", "pinned_root", "sandbox"]

SECRET = "only the training shards hold this"
LOOK = f"""
import json, os, sys

SECRET = {SECRET[::-1]!r}[::-1].encode()

def look():
    # All that this process can find: names in $DATA, and files anywhere that hold the shard.
    data = os.environ.get("DATA", "/data")
    names = sorted(os.listdir(data)) if os.path.isdir(data) else None
    found = []
    for above, folders, files in os.walk("/"):
        folders[:] = [f for f in folders if os.path.join(above, f) not in ("/proc", "/sys", "/usr")]
        for name in files:
            path = os.path.join(above, name)
            try:
                with open(path, "rb") as file:
                    if os.path.isfile(path) and SECRET in file.read(1 << 20):
                        found.append(path)
            except OSError:
                pass
    return {{"named": "DATA" in os.environ, "names": names, "found": found}}
"""
TRAIN = """
import json, os, time
from look import look
out = os.environ["OUT"]
seen = {"init": look()}
open(os.path.join(out, ".ready"), "w").close()
while not os.path.exists(os.path.join(os.environ["DATA"], ".ready")):
    time.sleep(0.01)
seen["train"] = look()
with open(os.path.join(out, "seen.json"), "w") as file:
    json.dump(seen, file)
"""
PACK = """
import json, os
from look import look
with open(os.path.join(os.environ["IN"], "seen.json")) as file:
    seen = json.load(file)
seen["pack"] = look()
seen["in"] = sorted(os.listdir(os.environ["IN"]))
with open(os.path.join(os.environ["OUT"], "seen.json"), "w") as file:
    json.dump(seen, file)
"""


@dataclass(frozen=True)
class Manifest:
    train: tuple[str, ...] = ("python3", "train.py")
    pack: tuple[str, ...] | None = ("python3", "pack.py")
    sealed_start: bool = True


@dataclass(frozen=True)
class Spy:
    folder: Path
    manifest: Manifest


def spied(boxes: Boxes) -> Trained:
    """A submission whose three phases look for the data, trained in real boxes."""
    code, data = boxes.folder / "code", boxes.folder / "shards"
    for folder in (code, data):
        folder.mkdir()
    (code / "look.py").write_text(LOOK)
    (code / "train.py").write_text(TRAIN)
    (code / "pack.py").write_text(PACK)
    (data / "fineweb_train_000.bin").write_text(SECRET)
    rules = policy(
        train={"limit_seconds": 60.0, "init_seconds": 60.0, "artifact_bytes": 1 << 20},
        hardware={"memory_bytes": 1 << 28},
    )
    with Unwatched().phase("", None) as progress:
        return train(
            Spy(code, Manifest()),
            1,
            sandbox=boxes.sandbox,
            root=boxes.root,
            data_folder=data,
            policy=rules,
            out_folder=boxes.folder / "run",
            progress=progress,
        )


@pytest.mark.timeout(180)
def test_only_train_finds_the_data(boxes: Boxes) -> None:
    """Promise (§2, R2): reading $DATA in INIT or PACK finds nothing, in no file of the box."""
    open_to_all(boxes.folder)
    done = spied(boxes)
    assert done.facts.exit_code == 0, done.facts.log
    seen = json.loads((done.artifact / "seen.json").read_text())
    assert seen["init"]["names"] == []
    assert seen["train"]["names"] == [".ready", "fineweb_train_000.bin"]
    assert seen["pack"]["named"] is False
    assert seen["in"] == ["seen.json"]
    if boxes.sandbox.name != "plain":  # which sees the host's paths, and walks no box of its own
        assert seen["init"]["found"] == []
        assert seen["train"]["found"] == ["/data/fineweb_train_000.bin"]
        assert seen["pack"] | {"named": None} == {"named": None, "names": None, "found": []}
    times = (done.facts.init_seconds, done.facts.wall_seconds[1], done.facts.pack_seconds)
    assert all(seconds is not None and seconds > 0 for seconds in times)
