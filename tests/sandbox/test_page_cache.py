"""Boxes of an image share its pages and names: notes in them are wiped before a blind box."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

from tests.sandbox.conftest import Boxes
from verifier import installed
from verifier.records import Mount
from verifier.sandbox import names
from verifier.scoring.box import Setting
from verifier.scoring.settling import settled

# gVisor's kernel answers for itself: what the host's remembers is not asked there.
ON_THE_HOSTS_KERNEL = pytest.mark.parametrize(
    "sandbox",
    [pytest.param("docker", marks=pytest.mark.docker), "bubblewrap", "plain"],
    indirect=True,
)
NOTE = "1011001110001111" * 4
# Other tests and programs make this machine's kernel forget, too, and keep its processors busy.
TRIES = 5
FILES = """
import os, pathlib, resource, sys
paths = sorted(p for p in pathlib.Path(os.__file__).parent.rglob("*.py") if p.stat().st_size > 4096)
paths = [p for p in paths if "/encodings/" not in str(p)][:64]
assert len(paths) == 64, len(paths)
"""
LEAVE = """
for path, bit in zip(paths, sys.argv[1]):
    file = os.open(path, os.O_RDONLY)
    os.posix_fadvise(file, 0, 0, os.POSIX_FADV_RANDOM)
    os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
    if bit == "1":
        os.pread(file, 1, 0)
"""
FIND = """
def blocks():
    return resource.getrusage(resource.RUSAGE_SELF).ru_inblock
found = ""
for path in paths:
    file = os.open(path, os.O_RDONLY)
    os.posix_fadvise(file, 0, 0, os.POSIX_FADV_RANDOM)
    before = blocks()
    os.pread(file, 1, 0)
    found += "01"[blocks() == before]
print(found)
"""


LOOK = """
import os, random, sys, time
def look(name):
    began = time.perf_counter_ns()
    try:
        os.stat(name)
    except OSError:
        pass
    return time.perf_counter_ns() - began
place = os.path.dirname(os.__file__) + "/none-"
noted = [f"{place}{sys.argv[1]}-{i}" for i in range(3000)]
"""
# A second look-up spares a name from being dropped once.
NOTE_NAMES = """
for name in noted * 2:
    look(name)
"""
COMPARE = """
fresh = [f"{place}{os.urandom(9).hex()}" for _ in noted]
took = {name: look(name) for name in random.sample(noted + fresh, 2 * len(noted))}
def median(names):
    return sorted(took[name] for name in names)[len(names) // 2]
print(median(noted) / median(fresh))
"""


def setting(boxes: Boxes, source: str) -> Setting:
    """A scorer's setting, as far as settling reads it; `source` stands for the harness."""
    guest = Mount(source=installed.path("images") / "guest", target="/harness")
    spec = replace(boxes.spec(source), inputs=(guest,), output=None, working_folder="/")
    return Setting(
        sandbox=boxes.sandbox,
        spec=spec,
        rows=1,
        chunk=1,
        vocabulary=2,
        threads=1,
        start_seconds=10.0,
        answer_seconds=10.0,
        budget_seconds=10.0,
        seed=1,
        opened=lambda _: None,
        ended=lambda _, __: None,
    )


def found(boxes: Boxes, made: Setting) -> str:
    """What a later box reads."""
    with boxes.sandbox.start(made.spec) as box:
        end = box.wait(60)
    assert end is not None and end.exit_code == 0, end
    return end.log.strip()


@ON_THE_HOSTS_KERNEL
def test_notes_in_the_page_cache_are_wiped(boxes: Boxes) -> None:
    """The control comes first: a box that does not settle finds them."""
    later = setting(boxes, FILES + FIND)
    if boxes.root.folder is None and boxes.root.tar is None:
        assert settled(later) is later
        assert any("lie in memory" in wall for wall in boxes.sandbox.lacking())
        return

    def read(made: Setting) -> str:
        os.sync()  # what is not on the disk yet cannot be dropped
        boxes.run(FILES + LEAVE, NOTE, output=None)
        return found(boxes, made)

    def is_the_note(bits: str) -> bool:
        return sum(a == b for a, b in zip(bits, NOTE, strict=True)) > 0.9 * len(NOTE)

    assert any(is_the_note(read(later)) for _ in range(TRIES))
    assert any(read(settled(later)) == "1" * len(NOTE) for _ in range(TRIES))


@ON_THE_HOSTS_KERNEL
def test_names_that_were_looked_up_are_forgotten(boxes: Boxes) -> None:
    """The control comes first: the kernel answers faster for what an earlier box asked."""
    if not names.forgettable():
        assert names.LACKS in boxes.sandbox.lacking()
        return
    assert names.LACKS not in boxes.sandbox.lacking()

    def ratio(mark: str, *, settle: bool) -> float:
        boxes.run(LOOK + NOTE_NAMES, mark, output=None)
        later = setting(boxes, LOOK + COMPARE)
        later = replace(later, spec=replace(later.spec, argv=(*later.spec.argv, mark)))
        return float(found(boxes, settled(later) if settle else later))

    marks = (os.urandom(4).hex() for _ in range(2 * TRIES))
    assert any(
        ratio(mark, settle=False) < 0.9 for mark, _ in zip(marks, range(TRIES), strict=False)
    )
    assert any(
        0.93 < ratio(mark, settle=True) < 1.07 for mark, _ in zip(marks, range(TRIES), strict=False)
    )


def test_a_box_that_settled_is_the_command_that_was_asked(boxes: Boxes) -> None:
    """With its arguments, its environment and its end; nothing of the submission came before."""
    source = "import os, sys; print(os.environ['PWD'], sys.flags.isolated); sys.exit(7)"
    made = setting(boxes, source)
    with boxes.sandbox.start(settled(made).spec) as box:
        end = box.wait(60)
    assert end is not None
    assert (end.log.split(), end.exit_code) == (["/", "1"], 7)
