"""Every backend this machine has, and boxes of a few lines to run in them."""

from __future__ import annotations

import contextlib
import os
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.tiny_root import tiny_root
from verifier.errors import MachineFault
from verifier.records import BoxEnd, BoxSpec, Limits, Mount, Root
from verifier.sandbox import BACKENDS
from verifier.sandbox.interface import Box, Sandbox

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


@pytest.fixture(scope="session")
def pinned_root(tmp_path_factory: pytest.TempPathFactory) -> Root:
    """The tiny root file system, made once."""
    return tiny_root(tmp_path_factory.mktemp("root"))


@pytest.fixture(scope="session")
def host_root() -> Root:
    """The interpreter at hand; the system's, which everyone may run, where there is one."""
    python = SYSTEM_PYTHON if SYSTEM_PYTHON.exists() else Path(sys.executable)
    return Root(digest="host", python=str(python), pinned=False)


_opened: dict[str, Sandbox] = {}


def opened(name: str) -> Sandbox:
    """The backend, or a visible skip with the reason why this machine has it not."""
    if name not in _opened:
        try:
            _opened[name] = BACKENDS[name]()
        except MachineFault as fault:
            pytest.skip(str(fault))
    return _opened[name]


@pytest.fixture(params=[pytest.param("docker", marks=pytest.mark.docker), "bubblewrap", "plain"])
def sandbox(request: pytest.FixtureRequest) -> Sandbox:
    """Each backend in turn."""
    return opened(request.param)


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

    def spec(
        self,
        source: str,
        environment: Mapping[str, str] | None = None,
        limits: Mapping[str, Any] | None = None,
        **changes: Any,
    ) -> BoxSpec:
        """A box that runs `source` with /in read-only and /out writable."""
        (self.folder / "in").mkdir(exist_ok=True)
        (self.folder / "in" / "given").write_text("given")
        spec = BoxSpec(
            label="test",
            root=self.root,
            argv=("python", "-I", "-c", textwrap.dedent(source)),
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
        spec = self.spec(source, **changes)
        with self.sandbox.start(replace(spec, argv=(*spec.argv, *arguments))) as box:
            end = box.wait(60)
        assert end is not None
        return end

    @contextlib.contextmanager
    def running(self, source: str, **changes: Any) -> Iterator[Box]:
        """A box that runs meanwhile."""
        with self.sandbox.start(self.spec(source, **changes)) as box:
            yield box


@pytest.fixture
def boxes(sandbox: Sandbox, tmp_path: Path, request: pytest.FixtureRequest) -> Boxes:
    """Boxes in each backend in turn."""
    kind = "host_root" if sandbox.name == "plain" else "pinned_root"
    for parent in (tmp_path, *tmp_path.parents):
        if parent.stat().st_uid == os.geteuid() and not parent.samefile("/tmp"):
            with contextlib.suppress(OSError):
                parent.chmod(parent.stat().st_mode | 0o055)
    return Boxes(sandbox, request.getfixturevalue(kind), tmp_path)


Attempt = Callable[[str], str]
