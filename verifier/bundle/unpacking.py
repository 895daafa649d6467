"""What did a stranger put into this bundle? Files in a new folder, or the first thing wrong.

Must never write outside that folder, follow a link, make anything but folders and regular files,
or take what it would not have written itself.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from verifier.bundle.sealing import Opened, check_seal, unpacks_to_at_most
from verifier.bundle.tarball import BUNDLE, Bounds, Reader
from verifier.errors import BundleDamaged, StorageFault


def unpack(bundle: Path, folder: Path, bounds: Bounds = BUNDLE) -> tuple[str, ...]:
    """Unpack a bundle into the new `folder`; the files' names, in order.

    Raises BundleCut where it ends early or is none, BundleDamaged for all that a bundle of ours
    cannot be, StorageFault where there is no room.
    """
    name = str(bundle)
    try:
        with bundle.open("rb") as file:
            check_seal(file, name)
            most = min(bounds.total_bytes, unpacks_to_at_most(os.fstat(file.fileno()).st_size))
            bounds = replace(bounds, total_bytes=most)
            content = Opened(file, name)
            names = _taken(Reader(content, name, bounds), name, folder)
            content.finish()
    except OSError as fault:
        raise StorageFault(f"{name} cannot be unpacked: {fault.strerror or fault}") from fault
    return names


def unpack_tar(tar: Path, folder: Path, bounds: Bounds) -> tuple[str, ...]:
    """The same of a canonical tar that is not sealed. Raises as `unpack` does."""
    try:
        with tar.open("rb") as file:
            return _taken(Reader(file, tar.name, bounds), tar.name, folder)
    except OSError as fault:
        raise StorageFault(f"{tar} cannot be unpacked: {fault.strerror or fault}") from fault


def _taken(reader: Reader, name: str, folder: Path) -> tuple[str, ...]:
    folder.mkdir()
    names: list[str] = []
    for member in reader.members():
        target = folder / member.name
        try:
            if member.is_folder:
                target.mkdir(parents=True)
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("xb") as out:
                reader.copy(out.write)
        except (FileExistsError, NotADirectoryError) as clash:
            raise BundleDamaged(
                "a file and a folder of the same name", file=name, place=ascii(member.name)[1:-1]
            ) from clash
        names.append(member.name)
    return tuple(names)
