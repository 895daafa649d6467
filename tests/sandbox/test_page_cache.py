"""Pages of an image are shared by its boxes: notes in them are wiped before a blind box."""

from __future__ import annotations

import os
from dataclasses import replace

from tests.sandbox.conftest import Boxes
from verifier import bundle
from verifier.records import Mount
from verifier.scoring.box import Setting
from verifier.scoring.settling import settled

NOTE = "1011001110001111" * 4
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


def setting(boxes: Boxes, source: str) -> Setting:
    """A scorer's setting, as far as settling reads it; `source` stands for the harness."""
    guest = Mount(source=bundle.path("images") / "guest", target="/harness")
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


def test_notes_in_the_page_cache_are_wiped(boxes: Boxes) -> None:
    """The control comes first: a box that does not settle finds them."""
    later = setting(boxes, FILES + FIND)
    if boxes.root.folder is None and boxes.root.tar is None:
        assert settled(later) is later
        assert any("lie in memory" in wall for wall in boxes.sandbox.lacking())
        return
    os.sync()  # what is not on the disk yet cannot be dropped
    boxes.run(FILES + LEAVE, NOTE, output=None)
    read = found(boxes, later)
    assert sum(a == b for a, b in zip(read, NOTE, strict=True)) > 0.9 * len(NOTE)
    boxes.run(FILES + LEAVE, NOTE, output=None)
    assert found(boxes, settled(later)) == "1" * len(NOTE)


def test_a_box_that_settled_is_the_command_that_was_asked(boxes: Boxes) -> None:
    """With its arguments, its environment and its end; nothing of the submission came before."""
    source = "import os, sys; print(os.environ['PWD'], sys.flags.isolated); sys.exit(7)"
    made = setting(boxes, source)
    with boxes.sandbox.start(settled(made).spec) as box:
        end = box.wait(60)
    assert end is not None
    assert (end.log.split(), end.exit_code) == (["/", "1"], 7)
