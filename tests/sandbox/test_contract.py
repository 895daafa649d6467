"""The contract of `sandbox/interface.py`: how a box runs and ends, in every backend there is.

Its walls are in `test_walls.py`, its limits in `test_limits.py`, and what must not be left of it in
`test_left_behind.py`; all four hold for every backend.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tests.sandbox.conftest import Boxes
from tests.sandbox.traces import until
from verifier.errors import BoxNotAsAsked, ImageFault, MachineFault, RequestError, StorageFault
from verifier.records import Assurance, EndedBy, Mount, Root
from verifier.sandbox.interface import Sandbox
from verifier.sandbox.readback import NO_CAPABILITIES

# ---------------------------------------------------------------- the end


def test_a_box_says_how_its_command_ended_and_what_it_printed(boxes: Boxes) -> None:
    """Exit code and both streams come from outside the box; the clock is an interval."""
    began = time.monotonic()
    end = boxes.run(
        "import sys, time; print('said'); sys.stderr.write('cried'); time.sleep(0.3); sys.exit(7)"
    )
    whole = time.monotonic() - began
    assert (end.exit_code, end.ended_by) == (7, EndedBy.ITSELF)
    assert "said" in end.log and "cried" in end.log
    low, high = end.wall_seconds
    assert 0 <= low <= high <= whole
    assert high >= 0.3
    assert end.cpu_seconds is not None and 0 < end.cpu_seconds <= whole
    assert end.memory_peak_bytes is not None and 0 < end.memory_peak_bytes <= 128 << 20
    assert end.attempts == ()


def test_a_killed_command_has_the_code_of_its_signal(boxes: Boxes) -> None:
    """A crash is told apart from an exit."""
    end = boxes.run("import ctypes; ctypes.string_at(0)")
    assert end.exit_code == 128 + 11


def test_a_command_that_ends_at_once_is_a_box_like_any_other(boxes: Boxes) -> None:
    """Reading back and following must not trip over a process that is gone."""
    for code in (0, 3):
        out = replace(boxes.spec("").output, source=boxes.folder / f"out{code}")  # type: ignore[type-var]
        end = boxes.run(f"import os; os._exit({code})", output=out)
        assert (end.exit_code, end.ended_by) == (code, EndedBy.ITSELF)


def test_what_was_printed_last_is_in_the_log(boxes: Boxes) -> None:
    """The log is read to its end before the end is told."""
    end = boxes.run("import os; os.write(1, b'x' * 40000 + b'last'); os._exit(0)")
    assert end.log == "x" * 40000 + "last"


def test_killing_is_idempotent_and_the_first_reason_stands(boxes: Boxes) -> None:
    """Leaving the block after a kill changes nothing."""
    with boxes.running("import time; time.sleep(100)") as box:
        first = box.kill(EndedBy.HOST)
        assert box.kill(EndedBy.WALL_CLOCK) == first == box.poll()
    assert first.ended_by is EndedBy.HOST
    assert first.exit_code == 128 + 9


def test_leaving_the_block_kills_what_still_runs(boxes: Boxes) -> None:
    """An exception on the host's side leaves no box behind."""
    with (
        pytest.raises(KeyError, match="ours"),
        boxes.running("import time; time.sleep(100)") as box,
    ):
        raise KeyError("ours")
    end = box.poll()
    assert end is not None and end.ended_by is EndedBy.HOST


def test_the_processes_of_a_box_are_seen_from_outside(boxes: Boxes) -> None:
    """Whose a context on a GPU is, is told by them: all of the box's, and none of ours."""
    with boxes.running(
        "import os, time; os.fork(); print('on', flush=True); time.sleep(100)"
    ) as box:
        deadline = time.monotonic() + 30
        while len(seen := box.processes()) < 2:
            assert time.monotonic() < deadline, seen
            time.sleep(0.01)
        assert os.getpid() not in seen
        assert all(Path(f"/proc/{pid}").exists() for pid in seen)
    assert not box.processes() & seen


def test_a_box_started_from_a_thread_outlives_it(boxes: Boxes) -> None:
    """Several scorers are started by worker threads."""
    started = []
    thread = threading.Thread(
        target=lambda: started.append(boxes.sandbox.start(boxes.spec("import time; time.sleep(9)")))
    )
    thread.start()
    thread.join()
    with started[0] as box:
        assert box.wait(0.3) is None


def test_boxes_run_side_by_side(boxes: Boxes) -> None:
    """Each of several at once has its own end."""
    specs = [boxes.beside(str(code)).spec(f"import sys; sys.exit({code})") for code in range(4)]
    ends: dict[int, int | None] = {}

    def run(code: int) -> None:
        with boxes.sandbox.start(specs[code]) as box:
            end = box.wait(30)
        ends[code] = end.exit_code if end is not None else None

    threads = [threading.Thread(target=run, args=(code,)) for code in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ends == {code: code for code in range(4)}


# ---------------------------------------------------------------- inputs, output, channel


def test_what_a_box_wrote_lies_in_the_output_folder_as_it_was(boxes: Boxes) -> None:
    """Links, holes, pipes and further names stay what they are, so that weighing can object."""
    end = boxes.run(
        """
        import os
        os.makedirs("/out/a/b")
        with open("/out/a/b/data", "w") as file:
            file.write("weights")
        os.symlink("/etc/passwd", "/out/link")
        os.link("/out/a/b/data", "/out/a/twin")
        os.mkfifo("/out/pipe")
        with open("/out/hole", "wb") as file:
            file.truncate(500_000)
        for place in ("/out", "/out/a/b/data"):
            try:
                os.setxattr(place, "user.weights", b"x" * 100)
            except OSError as fault:
                print("attributes:", fault.strerror)
        """
    )
    assert end.exit_code == 0, end.log
    assert (boxes.out / "a/b/data").read_text() == "weights"
    assert (boxes.out / "a/twin").samefile(boxes.out / "a/b/data")
    assert os.readlink(boxes.out / "link") == "/etc/passwd"
    # A pipe of gVisor's kernel never leaves it.
    assert os.path.lexists(boxes.out / "pipe") == (boxes.sandbox.name != "gvisor")
    assert boxes.sandbox.name == "gvisor" or (boxes.out / "pipe").is_fifo()
    hole = (boxes.out / "hole").stat()
    assert hole.st_size == 500_000 and hole.st_blocks * 512 < 100_000
    if "attributes:" not in end.log:
        assert "user.weights" in os.listxattr(boxes.out / "a/b/data")
        assert "user.weights" in os.listxattr(boxes.out)


def test_a_box_tells_how_long_it_waited_for_a_processor(boxes: Boxes) -> None:
    """Asleep it waits for none; two loops on the time of one wait for each other."""
    with boxes.running("import time; time.sleep(30)") as box:
        time.sleep(0.3)
        before = box.waited_seconds()
        time.sleep(0.4)
        assert box.waited_seconds() - before < 0.2
    loops = """
        import os
        processor = min(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {processor})
        for _ in range(3):
            os.fork()
        while True:
            pass
    """
    with boxes.running(loops) as box:
        time.sleep(0.3)
        before = box.waited_seconds()
        time.sleep(0.6)
        assert box.waited_seconds() - before > 0.2


def test_a_verifier_sees_the_output_while_the_box_lives(boxes: Boxes) -> None:
    """The sealed start waits for a file that the box makes."""
    source = "import time; open('/out/.ready', 'w').close(); time.sleep(20)"
    with boxes.running(source) as box:
        until(boxes.out / ".ready")
        assert box.poll() is None


def test_an_input_that_appears_later_is_seen(boxes: Boxes) -> None:
    """The sealed start fills the data folder of a running box."""
    source = """
        import os, time
        open("/out/.ready", "w").close()
        while not os.path.exists("/in/later"):
            time.sleep(0.01)
        """
    with boxes.running(source) as box:
        until(boxes.out / ".ready")
        (boxes.folder / "in" / "later").write_text("later")
        end = box.wait(10)
    assert end is not None and end.exit_code == 0


def test_a_single_file_can_be_an_input(boxes: Boxes) -> None:
    """A tokenizer is one file."""
    spec = boxes.spec("print(open('/model').read())")
    model = replace(spec.inputs[0], source=boxes.folder / "in" / "given", target="/model")
    with boxes.sandbox.start(replace(spec, inputs=(*spec.inputs, model))) as box:
        end = box.wait(20)
    assert end is not None and end.log == "given\n"


def test_host_paths_may_be_relative(boxes: Boxes, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are read where the verifier runs."""
    monkeypatch.chdir(boxes.folder)
    spec = boxes.spec("print(open('/in/given').read()); open('/out/made', 'w').close()")
    given, made = Path("in"), Path(boxes.out.relative_to(boxes.folder))
    inputs, out = (Mount(source=given, target="/in"),), Mount(source=made, target="/out")
    with boxes.sandbox.start(replace(spec, inputs=inputs, output=out)) as box:
        end = box.wait(60)
    assert end is not None and end.log.split() == ["given"]
    assert (made / "made").exists()


def test_the_channel_joins_host_and_box(boxes: Boxes) -> None:
    """A Unix socket that the host listens on is the one way between them."""
    folder = boxes.folder / "channel"
    folder.mkdir(mode=0o755)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(folder / "wire"))
        (folder / "wire").chmod(0o666)
        server.listen(1)
        server.settimeout(10)
        source = """
            import os, socket
            with socket.socket(socket.AF_UNIX) as s:
                s.connect(os.environ["VERIFIER_CHANNEL"] + "/wire")
                s.sendall(b"hello")
                print(s.recv(5).decode())
            try:
                open(os.environ["VERIFIER_CHANNEL"] + "/more", "w")
            except OSError:
                print("closed")
            """
        with boxes.running(source, channel=folder, output=None) as box:
            stream = server.accept()[0]
            with stream:
                assert stream.recv(5) == b"hello"
                stream.sendall(b"world")
            end = box.wait(10)
    assert end is not None and end.log.split() == ["world", "closed"]


def test_a_box_without_output_has_no_output_folder(boxes: Boxes) -> None:
    """A scorer has nowhere to leave anything."""
    end = boxes.run("import os; print(os.path.exists('/out'))", output=None)
    assert end.log == "False\n"


# ---------------------------------------------------------------- environment and facts


def test_the_environment_is_exactly_what_was_asked(
    boxes: Boxes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing of the host's environment; box paths in it are good in the box."""
    monkeypatch.setenv("GOLF_VERIFIER_SECRET", "secret")
    end = boxes.run(
        """
        import json, os
        said = dict(e.split("=", 1) for e in open("/proc/self/environ").read().split("\\0")[:-1])
        print(json.dumps(said))
        assert os.path.isdir(said["OUT"]) and os.path.samefile(said["PWD"], ".")
        assert os.path.isdir(said["HOME"]) and os.path.isdir(said["TMPDIR"])
        """,
        environment={"ONE": "1", "OUT": "/out"},
    )
    assert end.exit_code == 0, end.log
    said = json.loads(end.log)
    assert set(said) == {"ONE", "OUT", "PATH", "HOME", "TMPDIR", "HOSTNAME", "PWD"}
    assert (said["ONE"], said["HOSTNAME"]) == ("1", "localhost")


def test_what_was_asked_goes_before_what_every_box_has(boxes: Boxes) -> None:
    """A name that is set for a box has the value it is set to."""
    source = "import os; print(os.environ['PATH'], os.environ['HOME'])"
    end = boxes.run(source, environment={"PATH": "/usr/bin", "HOME": "/nowhere"})
    assert end.log == "/usr/bin /nowhere\n"


def test_a_box_says_what_was_read_back(boxes: Boxes) -> None:
    """The facts name backend, level, root and walls as the kernel and the engine gave them."""
    with boxes.running("import time; time.sleep(9)") as box:
        facts = box.facts
    assert (facts.backend, facts.assurance) == (boxes.sandbox.name, boxes.sandbox.level)
    assert facts.root_digest == boxes.root.digest
    if facts.assurance is Assurance.L3:
        assert facts.walls["sandbox: oci-seccomp"] == "true"
        assert "not read back" in facts.lacking[0]
    else:
        assert NO_CAPABILITIES in facts.walls.values()
    assert facts.lacking == boxes.sandbox.lacking() != ()


def test_the_levels_are_what_the_design_says(sandbox: Sandbox) -> None:
    """L3 gVisor, L2 a container, L1 bubblewrap, L0 a process behind Landlock (NONE without it)."""
    wanted = {
        "gvisor": {Assurance.L3},
        "docker": {Assurance.L2},
        "bubblewrap": {Assurance.L1},
    }
    assert sandbox.level in wanted.get(sandbox.name, {Assurance.L0, Assurance.NONE})


# ---------------------------------------------------------------- refusals


def test_an_input_the_box_could_not_read_is_our_fault(boxes: Boxes) -> None:
    """A folder made for root alone is refused before the submission is blamed for it."""
    spec = boxes.spec("open('/in/given')")
    (boxes.folder / "in").chmod(0o700)
    if os.geteuid() == 0:
        with pytest.raises(StorageFault, match="not readable"):
            boxes.sandbox.start(spec)
    else:
        with boxes.sandbox.start(spec) as box:
            end = box.wait(20)
        assert end is not None and end.exit_code == 0


def test_an_input_that_is_not_there_is_our_fault(boxes: Boxes) -> None:
    """No backend makes an empty folder of it."""
    spec = boxes.spec("")
    absent = replace(spec.inputs[0], source=boxes.folder / "absent", target="/absent")
    with pytest.raises(StorageFault, match="cannot go into a box"):
        boxes.sandbox.start(replace(spec, inputs=(absent,)))


def test_an_output_folder_with_something_in_it_is_refused(boxes: Boxes) -> None:
    """What lies there afterwards must be the box's own."""
    boxes.out.mkdir()
    (boxes.out / "old").write_text("old")
    with pytest.raises(StorageFault, match="must be empty"):
        boxes.sandbox.start(boxes.spec(""))


@pytest.mark.parametrize("name", ["memory_bytes", "pids", "threads", "output_bytes"])
def test_a_limit_of_nothing_is_refused(boxes: Boxes, name: str) -> None:
    """Engines and file systems read zero as "no limit"."""
    with pytest.raises(BoxNotAsAsked, match=name):
        boxes.sandbox.start(boxes.spec("", limits={name: 0}))


def test_a_root_with_another_digest_is_refused(boxes: Boxes, pinned_root: Root) -> None:
    """The bytes at hand must be the pinned ones; L0 takes no root at all."""
    other = replace(pinned_root, digest="0" * 64)
    with pytest.raises(ImageFault):
        boxes.sandbox.prepare(other)
    with pytest.raises(ImageFault):
        boxes.sandbox.start(boxes.spec("", root=other))
    assert not boxes.out.exists()


def test_a_program_that_is_not_there_is_no_success(boxes: Boxes) -> None:
    """Whether the start fails or the command, nothing passes for a run."""
    spec = replace(boxes.spec(""), argv=("/no/such/program",))
    try:
        with boxes.sandbox.start(spec) as box:
            end = box.wait(20)
        assert end is not None and end.exit_code not in {0, None}
    except RequestError as fault:
        assert "cannot be run" in str(fault)


def test_the_output_folder_is_as_before_when_no_box_was_made(boxes: Boxes) -> None:
    """A refused start can be tried again."""
    spec = boxes.spec("")
    clash = replace(spec.inputs[0], target="relative")
    with pytest.raises(MachineFault):
        boxes.sandbox.start(replace(spec, working_folder="/nowhere", inputs=(clash,)))
    assert boxes.run("print('again')").log == "again\n"


@pytest.mark.parametrize("sandbox", ["bubblewrap", "plain"], indirect=True)
def test_a_gpu_that_is_not_there_is_a_box_that_is_not_there(boxes: Boxes) -> None:
    """A box without the GPU it was to have would blame the submission."""
    with pytest.raises(BoxNotAsAsked, match=r"no GPU GPU-none \(`nvidia-smi -L`"):
        boxes.sandbox.start(replace(boxes.spec(""), gpus=("GPU-none",)))
    assert not boxes.out.exists()


def test_the_output_folder_is_made_where_there_was_none(boxes: Boxes, tmp_path: Path) -> None:
    """The host's folder is there after the box, empty or not."""
    assert not boxes.out.exists()
    assert boxes.run("").exit_code == 0
    assert list(boxes.out.iterdir()) == []
