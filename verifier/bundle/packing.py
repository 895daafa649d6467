"""How does a folder become one file? Sorted, in one form, whole or not at all."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from verifier.bundle.sealing import Sealing, unpacks_to_at_most
from verifier.bundle.tarball import COPIED_BYTES, Member, ending, header, padding
from verifier.errors import StorageFault
from verifier.scratch import beside_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Packed:
    """A finished bundle: its sha256, its bytes, and those of the tar inside."""

    path: Path
    sha256: str
    file_bytes: int
    tar_bytes: int
    tar_sha256: str


def pack(folder: Path, paths: tuple[str, ...], out: Path) -> Packed:
    """Write the files `paths` of `folder` as a bundle to `out`, in the place of what was there.

    The tar is the same on every machine; the gzip around it is where the zlib is the same.
    Raises StorageFault when it cannot be written.
    """
    beside = beside_of(out)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        try:
            plain_bytes, tar_digest = _sealed(folder, paths, beside)
            if plain_bytes > unpacks_to_at_most(beside.stat().st_size):
                _sealed(folder, paths, beside, level=0)
            beside.replace(out)
        finally:
            beside.unlink(missing_ok=True)
        with out.open("rb") as finished:
            digest = hashlib.file_digest(finished, "sha256").hexdigest()
    except OSError as fault:
        raise StorageFault(f"{out} cannot be written: {fault.strerror or fault}") from fault
    return Packed(
        path=out,
        sha256=digest,
        file_bytes=out.stat().st_size,
        tar_bytes=plain_bytes,
        tar_sha256=tar_digest,
    )


def _sealed(folder: Path, paths: tuple[str, ...], target: Path, level: int = 6) -> tuple[int, str]:
    """Write the whole file; (bytes, sha256) of the tar in it."""
    tar = hashlib.sha256()
    with target.open("wb") as file:
        sealing = Sealing(file, level)

        def write(content: bytes) -> None:
            tar.update(content)
            sealing.write(content)

        _write_tar(folder, paths, write)
        sealing.finish()
        file.flush()
        os.fsync(file.fileno())
    return sealing.plain_bytes, tar.hexdigest()


def pack_folder(folder: Path, paths: tuple[str, ...], target: IO[bytes]) -> str:
    """Write the files `paths` of `folder` as a canonical tar; its sha256."""
    digest = hashlib.sha256()

    def write(content: bytes) -> None:
        digest.update(content)
        target.write(content)

    _write_tar(folder, paths, write)
    return digest.hexdigest()


def _write_tar(folder: Path, paths: tuple[str, ...], write: Callable[[bytes], object]) -> None:
    """Files only, in the order of their UTF-8: folders follow from names."""
    written = 0
    for path in sorted(paths, key=str.encode):
        with (folder / path).open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            head = header(Member(path, False, size))
            write(head)
            left = size
            while left:
                block = file.read(min(left, COPIED_BYTES))
                if not block:
                    raise OSError(f"{path} became shorter while it was read")
                write(block)
                left -= len(block)
            write(padding(size))
            written += len(head) + size + len(padding(size))
    write(ending(written))
