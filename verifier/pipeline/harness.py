"""What of ours runs inside boxes? The guest's files, laid out once and named by digest.

Must never hold anything but what `images/guest/`, the wire and the parser are: boxes read it all.
"""

from __future__ import annotations

import contextlib
import hashlib
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from verifier import installed
from verifier.errors import StorageFault
from verifier.scratch import beside_of

SCORING_FILES = ("harness.py", "settle.py", "tokenize_documents.py")
SPEED_FILE = "gpu_speed.py"
PARSER_FILES = ("parsing.py", "newer.py", "unfollowed.py")
_PACKAGE = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class Harness:
    """A folder to be mounted in a box, and the sha256 of its files."""

    folder: Path
    digest: str


def lay_out(store: Path) -> Harness:
    """What stands in front of a scorer. Raises StorageFault when it cannot be written."""
    guest = installed.path("images") / "guest"
    files = {name: (guest / name).read_bytes() for name in SCORING_FILES}
    files["wire.py"] = (_PACKAGE / "wire.py").read_bytes()
    return _kept(store, files)


def lay_out_shadow(store: Path) -> Harness:
    """What stands in front of an unmodified script. Raises StorageFault as `lay_out` does.

    The parser goes with it, which reads what a newer Python can say.
    """
    guest = installed.path("images") / "guest" / "shadow"
    files = {
        path.relative_to(guest).as_posix(): path.read_bytes()
        for path in sorted(guest.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }
    for name in PARSER_FILES:
        files[f"newer/{name}"] = (_PACKAGE / "source" / name).read_bytes()
    return _kept(store, files)


def lay_out_speed(store: Path) -> Harness:
    """The reference work on GPUs. Raises StorageFault as `lay_out` does."""
    return _kept(
        store, {SPEED_FILE: (installed.path("images") / "guest" / SPEED_FILE).read_bytes()}
    )


def _kept(store: Path, files: Mapping[str, bytes]) -> Harness:
    digest = hashlib.sha256()
    for name in sorted(files):
        digest.update(f"{name}\0{len(files[name])}\0".encode() + files[name])
    folder = store / "harness" / digest.hexdigest()
    if not folder.is_dir():
        try:
            _write(folder, files)
        except OSError as fault:
            raise StorageFault(f"{folder}: cannot be written: {fault.strerror}") from fault
    return Harness(folder, digest.hexdigest())


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    """Whole or not at all; another verifier may be first."""
    making = beside_of(folder)
    for name, content in files.items():
        place = making / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
        place.chmod(0o755 if content.startswith(b"#!") else 0o644)
    with contextlib.suppress(OSError):
        making.rename(folder)
    shutil.rmtree(making, ignore_errors=True)
