"""Every backend this machine has, and boxes of a few lines to run in them."""

from __future__ import annotations

import contextlib
import os
import sys
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from verifier.errors import EngineUnavailable, MachineFault
from verifier.records import BoxEnd, BoxSpec, Limits, Mount, Root
from verifier.sandbox import BACKENDS
from verifier.sandbox.interface import Box, Sandbox
from verifier.sandbox.selfcheck.tiny_root import tiny_root

LIMITS = Limits(
    wall_seconds=20.0,
    memory_bytes=128 << 20,
    pids=64,
    threads=1,
    temporary_bytes=8 << 20,
    output_bytes=1 << 20,
    output_files=20,
    log_bytes=1 << 20,
)
SYSTEM_PYTHON = Path("/usr/bin/python3")
NO_ENGINE = "no container engine answers: not run"


@pytest.fixture(scope="session")
def pinned_root(tmp_path_factory: pytest.TempPathFactory) -> Root:
    """The tiny root file system, made once."""
    return tiny_root(tmp_path_factory.mktemp("root"))


@pytest.fixture(scope="session")
def host_root() -> Root:
    """The interpreter at hand; the system's, which everyone may run, where there is one."""
    python = SYSTEM_PYTHON if SYSTEM_PYTHON.exists() else Path(sys.executable)
    return Root(digest="host", python=str(python), pinned=False)


_opened: dict[str, Sandbox | MachineFault] = {}


def opened(name: str) -> Sandbox:
    """The backend, or a visible skip with the reason why this machine has it not."""
    if name not in _opened:
        try:
            _opened[name] = BACKENDS[name]()
        except MachineFault as fault:
            _opened[name] = fault
    found = _opened[name]
    if isinstance(found, EngineUnavailable):
        pytest.skip(f"{NO_ENGINE} ({found})")
    if isinstance(found, MachineFault):
        pytest.skip(f"no {name} here: not run ({found})")
    return found


@pytest.fixture(
    params=[
        pytest.param("gvisor", marks=pytest.mark.docker),
        pytest.param("docker", marks=pytest.mark.docker),
        "bubblewrap",
        "plain",
    ]
)
def sandbox(request: pytest.FixtureRequest) -> Sandbox:
    """Each backend in turn."""
    return opened(request.param)


gvisor_rarely = pytest.mark.parametrize(
    "sandbox",
    [
        pytest.param("gvisor", marks=[pytest.mark.docker, pytest.mark.slow]),
        pytest.param("docker", marks=pytest.mark.docker),
        "bubblewrap",
        "plain",
    ],
    indirect=True,
)
"""For a clause that Docker proves in every run of the tests, of the same engine and groups: gVisor,
whose boxes are the slowest, proves it in `make slow`, and its walls in `make selfcheck`."""


@dataclass
class Boxes:
    """Starts boxes of Python source in one backend."""

    sandbox: Sandbox
    root: Root
    folder: Path

    @property
    def out(self) -> Path:
        """The output folder on the host."""
        return self.folder / "out"

    def beside(self, name: str) -> Boxes:
        """The same backend and root with folders of their own."""
        folder = self.folder / name
        folder.mkdir()
        return Boxes(self.sandbox, self.root, folder)

    def spec(
        self,
        source: str,
        *arguments: str,
        environment: Mapping[str, str] | None = None,
        limits: Mapping[str, Any] | None = None,
        **changes: Any,
    ) -> BoxSpec:
        """A box that runs `source` with /in read-only and /out writable."""
        if not (self.folder / "in").exists():
            (self.folder / "in").mkdir()
            (self.folder / "in" / "given").write_text("given")
        spec = BoxSpec(
            label="test",
            root=self.root,
            argv=("python", "-I", "-S", "-c", textwrap.dedent(source), *arguments),
            environment=environment or {},
            inputs=(Mount(source=self.folder / "in", target="/in"),),
            output=Mount(source=self.out, target="/out"),
            channel=None,
            working_folder="/in",
            limits=replace(LIMITS, **(limits or {})),
        )
        return replace(spec, **changes)

    def run(self, source: str, *arguments: str, **changes: Any) -> BoxEnd:
        """Run to the end."""
        with self.running(source, *arguments, **changes) as box:
            end = box.wait(60)
        assert end is not None
        return end

    @contextlib.contextmanager
    def running(self, source: str, *arguments: str, **changes: Any) -> Iterator[Box]:
        """A box that runs meanwhile."""
        with self.sandbox.start(self.spec(source, *arguments, **changes)) as box:
            yield box


def open_to_all(folder: Path) -> None:
    """Let the box's user reach a folder of the test, whose parents pytest closes to others."""
    for parent in (folder, *folder.parents):
        if parent.stat().st_uid == os.geteuid() and not parent.samefile("/tmp"):
            with contextlib.suppress(OSError):
                parent.chmod(parent.stat().st_mode | 0o055)


@pytest.fixture
def boxes(sandbox: Sandbox, tmp_path: Path, request: pytest.FixtureRequest) -> Boxes:
    """Boxes in each backend in turn."""
    kind = "host_root" if sandbox.name == "plain" else "pinned_root"
    open_to_all(tmp_path)
    return Boxes(sandbox, request.getfixturevalue(kind), tmp_path)


def boxes_in(name: str, tmp_path: Path, root: Root) -> Boxes:
    """Boxes in the backend of that name alone."""
    open_to_all(tmp_path)
    return Boxes(opened(name), root, tmp_path)
