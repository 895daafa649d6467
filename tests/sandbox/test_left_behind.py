"""Nothing of a box outlives it, nor a verifier that was killed, in every backend there is."""

from __future__ import annotations

import os
import signal

import pytest

from tests.sandbox import traces
from tests.sandbox.conftest import Boxes, gvisor_rarely
from tests.sandbox.other_verifier import next_one, other_verifier
from verifier import owner
from verifier.records import EndedBy
from verifier.sandbox import output
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
    assert not traces.containers(owner.mark())


@pytest.mark.parametrize("how", ["wall limit", "kill", "itself"])
@gvisor_rarely
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


def test_what_a_killed_verifier_left_is_swept_at_the_next_start(boxes: Boxes) -> None:
    """Processes, groups, mounts, folders and containers of one that had no time to clean up."""
    argument = f"golf-verifier-killed-{os.getpid()}-{boxes.sandbox.name}"
    source = "import time; open('/out/ready', 'w').close(); time.sleep(100)"
    argv = (*boxes.spec(source).argv, argument)
    with other_verifier(boxes, argv) as (mark, pid):
        traces.until(boxes.out / "ready")
        assert traces.running(argument) or boxes.sandbox.name == UNSEEN
        assert traces.of_boxes(mark) or traces.containers(mark)
        os.kill(pid, signal.SIGKILL)
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    next_one(boxes)
    assert traces.of_boxes(mark) == set()
    assert not traces.containers(mark)
    assert traces.soon_gone(argument)
    assert list(boxes.out.iterdir()) == [] or not output.mountable()


def test_a_living_verifier_is_left_alone(boxes: Boxes) -> None:
    """A second one that starts beside it takes nothing of its away."""
    argument = f"golf-verifier-living-{os.getpid()}-{boxes.sandbox.name}"
    source = "import time; open('/out/ready', 'w').close(); time.sleep(100)"
    with other_verifier(boxes, (*boxes.spec(source).argv, argument)) as (mark, _):
        traces.until(boxes.out / "ready")
        before = traces.of_boxes(mark), traces.containers(mark)
        next_one(boxes)
        assert (traces.of_boxes(mark), traces.containers(mark)) == before
        assert traces.running(argument) or boxes.sandbox.name == UNSEEN
    next_one(boxes)
