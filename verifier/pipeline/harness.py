"""What of ours runs inside scoring boxes? The guest's files, laid out once and named by digest.

Must never hold anything but what `images/guest/` and the wire are: boxes read all of it.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from verifier import bundle
from verifier.errors import StorageFault

GUEST_FILES = ("harness.py", "settle.py", "tokenize_documents.py")


@dataclass(frozen=True, slots=True)
class Harness:
    """A folder to be mounted at /harness, and the sha256 of its files."""

    folder: Path
    digest: str


def lay_out(store: Path) -> Harness:
    """The harness of this verifier in `store`. Raises StorageFault when it cannot be written."""
    guest = bundle.path("images") / "guest"
    files = {name: (guest / name).read_bytes() for name in GUEST_FILES}
    files["wire.py"] = (Path(__file__).parents[1] / "wire.py").read_bytes()
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


def _write(folder: Path, files: dict[str, bytes]) -> None:
    """Whole or not at all; another verifier may be first."""
    making = folder.with_name(f"{folder.name}.{os.getpid()}")
    making.mkdir(parents=True)
    for name, content in files.items():
        (making / name).write_bytes(content)
    with contextlib.suppress(OSError):
        making.rename(folder)
    shutil.rmtree(making, ignore_errors=True)
