"""What only gVisor's boxes can do wrong: a runtime that is set otherwise, or is another one."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox import weakened
from tests.sandbox.conftest import Boxes, boxes_in
from verifier.errors import BoxNotAsAsked, MissingTool
from verifier.records import EndedBy, Root
from verifier.sandbox import docker, gvisor, local
from verifier.sandbox.gvisor import ARGUMENTS, flags_of, require_fit, settings, tasks
from verifier.sandbox.selfcheck.scene import until


def _runtimes(*arguments: str) -> dict[str, Any]:
    return {"runc": {"path": "runc"}, "runsc": {"path": "runsc", "runtimeArgs": list(arguments)}}


@pytest.mark.parametrize("more", [(), ("--platform=ptrace",), ("-platform=systrap",)])
def test_the_settings_that_are_advised_will_do(more: tuple[str, ...]) -> None:
    """With a platform that was tried, or the runtime's own choice."""
    require_fit(settings()["runtimes"])
    require_fit(_runtimes(*ARGUMENTS, *more))
    require_fit(_runtimes("-oci-seccomp=true", *ARGUMENTS[1:], *more))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "lacks --oci-seccomp, lacks --host-uds=open"),
        (ARGUMENTS[1:], "lacks --oci-seccomp"),
        (("--oci-seccomp=false", *ARGUMENTS[1:]), "lacks --oci-seccomp"),
        ((ARGUMENTS[0],), "lacks --host-uds=open"),
        ((*ARGUMENTS, "--oci-seccomp=false"), "has --oci-seccomp=false"),
        ((*ARGUMENTS, "--network=host"), "has --network=host"),
        ((*ARGUMENTS, "--host-uds=all"), "has --host-uds=all"),
        ((*ARGUMENTS, "--overlay2=all:memory"), "has --overlay2=all:memory"),
        ((*ARGUMENTS, "--platform=kvm"), "has --platform=kvm"),
    ],
)
def test_a_runtime_that_is_set_otherwise_is_refused(arguments: tuple[str, ...], said: str) -> None:
    """A filter that is not loaded, a way out, or what nobody tried; the advice is exact."""
    with pytest.raises(BoxNotAsAsked, match=said) as refused:
        require_fit(_runtimes(*arguments))
    assert '"runtimeArgs": ["--oci-seccomp", "--host-uds=open", "--network=none"]' in str(
        refused.value
    )


def test_an_engine_without_the_runtime_says_what_to_install() -> None:
    """And how to set it."""
    with pytest.raises(MissingTool, match=r"no runtime runsc .install runsc, and start dockerd"):
        require_fit({"runc": {"path": "runc"}})


def test_another_process_is_no_sandbox() -> None:
    """What the runtime's name stands for is seen in the kernel, not taken from the engine."""
    assert flags_of(os.getpid()) == {}


@pytest.fixture
def boxes(tmp_path: Path, pinned_root: Root) -> Boxes:
    """Boxes of gVisor alone."""
    return boxes_in("gvisor", tmp_path, pinned_root)


@pytest.mark.docker
def test_a_box_runs_on_a_kernel_of_its_own(boxes: Boxes) -> None:
    """The release that it sees is not the host's; its threads work under its filter."""
    source = "import os, threading; threading.Thread(target=print).start(); print(os.uname()[2])"
    end = boxes.run(source)
    assert (end.ended_by, end.exit_code) == (EndedBy.ITSELF, 0), end.log
    assert end.log.strip() != os.uname().release


@pytest.mark.docker
@pytest.mark.parametrize(
    ("flags", "wall"),
    [({}, "sandbox: oci-seccomp"), ({"oci-seccomp": "true", "host-uds": "all"}, "sandbox: host")],
)
def test_a_sandbox_with_other_flags_is_refused(
    boxes: Boxes, monkeypatch: pytest.MonkeyPatch, flags: Mapping[str, str], wall: str
) -> None:
    """Whatever the engine says that it started."""
    monkeypatch.setattr(gvisor, "flags_of", lambda _: flags)
    with pytest.raises(BoxNotAsAsked, match=rf"(: |; ){wall}"):
        boxes.sandbox.start(boxes.spec("import time; time.sleep(100)"))


@pytest.mark.docker
def test_a_sandbox_that_cannot_be_read_back_is_refused(
    boxes: Boxes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the kernel does not tell us is no pass."""
    monkeypatch.setattr(gvisor, "separate_namespaces", lambda _: None)
    with pytest.raises(BoxNotAsAsked, match="net namespace is not to be seen"):
        boxes.sandbox.start(boxes.spec("import time; time.sleep(100)"))


@pytest.mark.docker
def test_mounts_are_read_from_the_process_that_reaches_files(
    boxes: Boxes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of the sandbox are an empty folder and would show nothing."""
    monkeypatch.setattr(docker, "mount_points", lambda _: ())
    with pytest.raises(BoxNotAsAsked, match="mount /in is not to be seen"):
        boxes.sandbox.start(boxes.spec("import time; time.sleep(100)"))


@pytest.mark.docker
def test_the_facts_say_who_was_read_back(boxes: Boxes) -> None:
    """Both processes have a filter, and the count of tasks is the one that was asked for."""
    with boxes.running("import time; time.sleep(9)") as box:
        facts = box.facts
    for part in ("sandbox", "gofer"):
        assert facts.walls[f"{part}: system call filter"] == "2"
    assert facts.walls["held to pids"] == str(tasks(64))


@pytest.mark.docker
def test_what_a_box_ranks_itself_is_nothing_to_the_host(boxes: Boxes) -> None:
    """Its niceness, and when it is killed for memory, are numbers of its own kernel's."""
    source = """
        import os, time
        os.setpriority(os.PRIO_PROCESS, 0, -10)
        open("/proc/self/oom_score_adj", "w").write("-1000")
        open("/out/" + open("/proc/self/oom_score_adj").read().strip(), "w")
        time.sleep(9)
        """
    with boxes.running(source) as box:
        until((boxes.out / "-1000").exists)
        members = box.processes()
        ranks = {os.getpriority(os.PRIO_PROCESS, number) for number in members}
        scores = {int(Path(f"/proc/{n}/oom_score_adj").read_text()) for n in members}
    assert ranks == {0}
    assert min(scores) >= 0


@pytest.mark.docker
def test_a_program_that_makes_whoever_runs_it_root_makes_nobody_root(boxes: Boxes) -> None:
    """Not even where the engine is not asked for it: its own kernel knows no such programs."""
    if os.geteuid() != 0:
        pytest.skip("only root can lay out such a program: not run")
    (boxes.folder / "in").mkdir()
    rooted = boxes.folder / "in" / "rooted"
    shutil.copy(boxes.root.python, rooted)
    rooted.chmod(0o4755)
    answer = "import os; print('user', os.geteuid())"
    with ExitStack() as stack:
        _, weaken = weakened.DOCKER["no new privileges"]
        weaken(stack)
        command = ["rooted", "-s", "-S", "-c", answer]
        home = {"PYTHONHOME": sys.base_prefix}
        end = boxes.run(f"import os; os.execve('/in/rooted', {command!r}, {home!r})")
    assert end.log.strip() == f"user {local.NOBODY}"
