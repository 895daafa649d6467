"""Modules compiled once per image, in a box that has the image and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from verifier.errors import ImageFault, StorageFault
from verifier.image import bytecode
from verifier.records import Assurance, BoxEnd, BoxFacts, BoxSpec, EndedBy, Root

ROOT = Root(digest="a" * 64, python="/usr/bin/python3", pinned=True)
HOST = Root(digest="host", python="python", pinned=False)


class OneBox:
    """A sandbox whose box writes one file and ends as it is told to."""

    name = "one box"
    level = Assurance.NONE

    def __init__(self, end: BoxEnd | None, meanwhile: Callable[[], None] = lambda: None) -> None:
        """`meanwhile` runs while the box does."""
        self.specs: list[BoxSpec] = []
        self._end, self._meanwhile = end, meanwhile
        self.facts = BoxFacts(
            label="", backend="", assurance=self.level, root_digest="", walls={}, lacking=()
        )

    def prepare(self, root: Root) -> None:
        """Nothing to do."""

    def lacking(self) -> tuple[str, ...]:
        """It is no sandbox."""
        return ("everything",)

    def start(self, spec: BoxSpec) -> OneBox:
        """Run, and write what was compiled."""
        self.specs.append(spec)
        assert spec.output is not None
        (spec.output.source / "module.pyc").write_bytes(b"compiled")
        self._meanwhile()
        return self

    def poll(self) -> BoxEnd | None:
        """As `wait`."""
        return self._end

    def wait(self, timeout_seconds: float | None = None) -> BoxEnd | None:
        """How it ended."""
        return self._end

    def kill(self, because: EndedBy = EndedBy.HOST) -> BoxEnd:
        """It has ended."""
        assert self._end is not None
        return self._end

    def __enter__(self) -> OneBox:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing runs."""


def ended(ended_by: EndedBy = EndedBy.ITSELF, exit_code: int | None = 0) -> BoxEnd:
    return BoxEnd(
        ended_by=ended_by,
        exit_code=exit_code,
        wall_seconds=(1.0, 1.0),
        cpu_seconds=None,
        memory_peak_bytes=None,
        log="the end of its log",
    )


def test_modules_are_compiled_once_for_an_image(tmp_path: Path) -> None:
    """In a box of that image, whose only writable folder is where they go."""
    sandbox = OneBox(ended())
    place = bytecode(ROOT, sandbox, tmp_path)
    assert place == tmp_path / "roots" / ROOT.digest / "bytecode"
    assert (place / "module.pyc").read_bytes() == b"compiled"
    assert place.stat().st_mode & 0o777 == 0o755
    assert bytecode(ROOT, sandbox, tmp_path) == place
    (spec,) = sandbox.specs
    assert (spec.root, spec.inputs, spec.channel) == (ROOT, (), None)
    assert spec.output is not None
    assert spec.output.target == "/out"
    assert f"pycache_prefix={spec.output.target}" in spec.argv
    assert [path.name for path in place.parent.iterdir()] == ["bytecode"]


def test_the_interpreter_at_hand_is_not_compiled_for(tmp_path: Path) -> None:
    """Its modules are the machine's own."""
    sandbox = OneBox(ended())
    assert bytecode(HOST, sandbox, tmp_path) is None
    assert (sandbox.specs, list(tmp_path.iterdir())) == ([], [])


@pytest.mark.parametrize(
    ("end", "how"),
    [
        (None, "it never ended"),
        (ended(exit_code=1), "the end of its log"),
        (ended(EndedBy.MEMORY, 0), "memory limit"),
    ],
)
def test_a_box_that_fails_leaves_nothing(tmp_path: Path, end: BoxEnd | None, how: str) -> None:
    """Half of the modules would look like all of them."""
    with pytest.raises(ImageFault, match=rf"modules cannot be compiled \(.*{how}"):
        bytecode(ROOT, OneBox(end), tmp_path)
    assert list((tmp_path / "roots" / ROOT.digest).iterdir()) == []


def test_two_at_a_time_do_not_meet(tmp_path: Path) -> None:
    """What another verifier made meanwhile is taken."""
    theirs = tmp_path / "roots" / ROOT.digest / "bytecode"
    place = bytecode(ROOT, OneBox(ended(), theirs.mkdir), tmp_path)
    assert place == theirs
    assert list(theirs.iterdir()) == []


def test_a_store_that_cannot_be_written_is_a_fault_of_the_machine(tmp_path: Path) -> None:
    """Naming the place."""
    (tmp_path / "roots").write_text("a file in the way")
    with pytest.raises(StorageFault, match="bytecode: cannot be written"):
        bytecode(ROOT, OneBox(ended()), tmp_path)
