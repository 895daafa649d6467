"""How does a data set come to lie in the store, whole or not at all?

It is made in a scratch folder beside its place and renamed there once its manifest is written, so
that a run that is interrupted leaves nothing that could be taken for a data set. One maker at a
time holds the store's lock; a second one waits and then finds the work done.
"""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from verifier.errors import StorageFault
from verifier.heldout import manifest
from verifier.heldout.data import SECRET, TRAINING
from verifier.heldout.manifest import Manifest


@contextmanager
def making(place: Path) -> Iterator[Path]:
    """A scratch folder with `secret` (owner only) and `training`; becomes `place` at the end.

    Raises StorageFault when the store cannot be written.
    """
    scratch = place.with_name(place.name + ".making")
    try:
        shutil.rmtree(scratch, ignore_errors=True)
        (scratch / SECRET).mkdir(parents=True)
        (scratch / SECRET).chmod(0o700)
        (scratch / TRAINING).mkdir()
        yield scratch
        scratch.replace(place)
    except OSError as fault:
        raise StorageFault(f"{place.parent} cannot be written: {fault.strerror}") from fault
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the lock of the data folder `folder`, which is made if need be.

    Raises StorageFault when the store cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / ".lock").open("w")
    except OSError as fault:
        raise StorageFault(f"{folder} cannot be written: {fault.strerror}") from fault
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def digests(folder: Path) -> dict[str, str]:
    """sha256 of each file in `secret` and `training`, by path within `folder`."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): manifest.file_digest(path) for path in files}


def seal(folder: Path, described: Manifest) -> None:
    """Write the manifest, the last file of a data set."""
    (folder / manifest.FILE).write_bytes(described.canonical())
