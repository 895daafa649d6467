"""How does a new box not compile every module again? By modules compiled once per image, in a box.

The image itself holds nothing compiled. What is made here depends on the image alone, no
submission's code is near, and boxes see it read-only. Must never be needed: a box without it is
slower and nothing else.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from verifier.errors import ImageFault, StorageFault
from verifier.records import BoxSpec, EndedBy, Limits, Mount, Root
from verifier.sandbox.interface import Sandbox
from verifier.scratch import temporary

OUT = "/out"
LIMITS = Limits(
    wall_seconds=600.0,
    memory_bytes=2 << 30,
    pids=64,
    threads=1,
    temporary_bytes=64 << 20,
    output_bytes=1 << 30,
    output_files=50_000,
    log_bytes=1 << 20,
)
# Some packages carry files for newer Pythons, which rightly do not compile; hence no exit code.
# Unchecked: the sources lie in a read-only image, and a box need not look at each of them.
_COMPILE = """
import compileall, py_compile, sys
for folder in sys.path:
    compileall.compile_dir(
        folder, maxlevels=64, quiet=2,
        invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
    )
"""


def bytecode(root: Root, sandbox: Sandbox, store: Path) -> Path | None:
    """A folder of the compiled modules of `root`, for `PYTHONPYCACHEPREFIX`; made once.

    None for a root that is not pinned: its modules are the machine's own. Raises ImageFault when
    the image's Python cannot do it, StorageFault, and what `sandbox.start` raises.
    """
    if not root.pinned:
        return None
    place = store / "roots" / root.digest / "bytecode"
    if place.is_dir():
        return place
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with temporary("compiling", place.parent) as scratch:
            made = scratch / "out"
            made.mkdir()
            _compile(root, sandbox, made)
            made.chmod(0o755)
            if not place.is_dir():
                shutil.move(made, place)
    except OSError as fault:
        raise StorageFault(f"{place}: cannot be written: {fault.strerror}") from fault
    return place


def _compile(root: Root, sandbox: Sandbox, folder: Path) -> None:
    spec = BoxSpec(
        label="compile the image's modules",
        root=root,
        argv=(root.python, "-I", "-X", f"pycache_prefix={OUT}", "-c", _COMPILE),
        environment={},
        inputs=(),
        output=Mount(source=folder, target=OUT),
        channel=None,
        working_folder="/",
        limits=LIMITS,
    )
    with sandbox.start(spec) as box:
        end = box.wait()
    if end is None or end.ended_by is not EndedBy.ITSELF or end.exit_code != 0:
        how = (
            "it never ended"
            if end is None
            else f"{end.ended_by}, {end.exit_code}: {end.log[-300:]}"
        )
        raise ImageFault(f"image {root.digest[:12]}: its modules cannot be compiled ({how})")
