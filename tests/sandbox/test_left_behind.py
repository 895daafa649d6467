"""Nothing of a box outlives it, nor a verifier that was killed, in every backend there is."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sandbox import traces
from tests.sandbox.conftest import Boxes
from verifier.errors import EngineUnavailable
from verifier.records import EndedBy
from verifier.sandbox import container, output, owner
from verifier.sandbox.docker import Docker

# The host sees no command of these boxes: the control group that holds their kernel stands for it.
UNSEEN = "gvisor"
DAEMONS = """
import os, sys, time
for _ in range(3):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.execv(sys.executable, ["python", "-I", "-S", "-c",
                     "open('/out/' + str(__import__('os').getpid()), 'w');"
                     "import time; time.sleep(100)", sys.argv[1]])
        os._exit(0)
while len(os.listdir("/out")) < 3:
    time.sleep(0.01)
"""


def test_a_box_leaves_nothing(boxes: Boxes) -> None:
    """No process, mount, control group, folder or container is left on the host."""
    with boxes.running("pass"):
        pass  # the first box of a backend makes what all of them share until the verifier ends
    before = traces.of_boxes()
    with boxes.running("import time; open('/out/x', 'w').close(); time.sleep(100)"):
        assert traces.of_boxes() != before or isinstance(boxes.sandbox, Docker)
    assert traces.of_boxes() == before
    assert not _containers(owner.mark())


@pytest.mark.parametrize("how", ["wall limit", "kill", "itself"])
def test_daemons_die_with_the_box(boxes: Boxes, how: str) -> None:
    """Processes that left their session and their parent end however the box ends."""
    mark = f"golf-verifier-daemon-{os.getpid()}-{boxes.sandbox.name}"
    stay = "" if how == "itself" else "\ntime.sleep(100)"
    limits = {"wall_seconds": 1.0 if how == "wall limit" else 20.0}
    with boxes.running(DAEMONS + stay, mark, limits=limits) as box:
        if how == "kill":
            while len(os.listdir(boxes.out)) < 3:
                assert box.wait(0.01) is None
            assert len(traces.running(mark)) >= 3 or boxes.sandbox.name == UNSEEN
            box.kill()
        end = box.wait(20)
    assert end is not None
    by = {"wall limit": EndedBy.WALL_CLOCK, "kill": EndedBy.HOST, "itself": EndedBy.ITSELF}
    assert end.ended_by is by[how], end.log
    assert len(list(boxes.out.iterdir())) == 3
    assert traces.running(mark) == []


# ---------------------------------------------------------------- a verifier that was killed

VERIFIER = """
import json, sys
from pathlib import Path
from verifier.records import BoxSpec, Limits, Mount, Root
from verifier.sandbox import BACKENDS, owner
said = json.loads(sys.argv[1])
root = {name: Path(path) if name in ("tar", "folder") and path else path
        for name, path in said["root"].items()}
spec = BoxSpec(label="killed", root=Root(**root), argv=tuple(said["argv"]), environment={},
               inputs=(), output=Mount(source=Path(said["out"]), target="/out"), channel=None,
               working_folder="/", limits=Limits(**said["limits"]))
with BACKENDS[said["backend"]]().start(spec) as box:
    print(owner.mark(), flush=True)
    box.wait()
"""


@contextlib.contextmanager
def _other_verifier(boxes: Boxes, argv: tuple[str, ...]) -> Iterator[tuple[str, int]]:
    """Another process with a box that runs: its mark and its number."""
    said = {
        "root": {
            name: str(value) if isinstance(value, Path) else value
            for name, value in dataclasses.asdict(boxes.root).items()
        },
        "argv": argv,
        "out": str(boxes.out),
        "limits": dataclasses.asdict(boxes.spec("").limits),
        "backend": boxes.sandbox.name,
    }
    command = [sys.executable, "-c", VERIFIER, json.dumps(said)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as verifier:
        assert verifier.stdout is not None
        yield verifier.stdout.readline().strip(), verifier.pid
        verifier.kill()


def test_what_a_killed_verifier_left_is_swept_at_the_next_start(boxes: Boxes) -> None:
    """Processes, groups, mounts, folders and containers of one that had no time to clean up."""
    argument = f"golf-verifier-killed-{os.getpid()}-{boxes.sandbox.name}"
    source = "import time; open('/out/ready', 'w').close(); time.sleep(100)"
    argv = (*boxes.spec(source).argv, argument)
    with _other_verifier(boxes, argv) as (mark, pid):
        traces.until(boxes.out / "ready")
        assert traces.running(argument) or boxes.sandbox.name == UNSEEN
        assert traces.of_boxes(mark) or _containers(mark)
        os.kill(pid, signal.SIGKILL)
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    next_one(boxes)
    assert traces.of_boxes(mark) == set()
    assert not _containers(mark)
    assert traces.soon_gone(argument)
    assert list(boxes.out.iterdir()) == [] or not output.mountable()


def test_a_living_verifier_is_left_alone(boxes: Boxes) -> None:
    """A second one that starts beside it takes nothing of its away."""
    argument = f"golf-verifier-living-{os.getpid()}-{boxes.sandbox.name}"
    source = "import time; open('/out/ready', 'w').close(); time.sleep(100)"
    with _other_verifier(boxes, (*boxes.spec(source).argv, argument)) as (mark, _):
        traces.until(boxes.out / "ready")
        before = traces.of_boxes(mark), _containers(mark)
        next_one(boxes)
        assert (traces.of_boxes(mark), _containers(mark)) == before
        assert traces.running(argument) or boxes.sandbox.name == UNSEEN
    next_one(boxes)


def next_one(boxes: Boxes) -> None:
    """Open the same backend anew, as the next verifier does."""
    backend = type(boxes.sandbox)()
    if isinstance(backend, Docker):
        backend.close()


def _containers(mark: str) -> list[str]:
    """The containers that the verifier of that mark made; none without an engine."""
    try:
        backend = Docker()
    except EngineUnavailable:
        return []
    with contextlib.closing(backend):
        filters = {"label": f"{container.OWNER_LABEL}={mark}"}
        return [found["Id"] for found in backend._api.containers(all=True, filters=filters)]
