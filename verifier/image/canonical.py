"""How do the same files always become the same bytes? Writes and unpacks the canonical tar.

Sorted names, one time for all, owner 0, no set-user bits, no extended attributes, no devices, hard
links as copies: the sha256 of what comes out *is* the image. Must never unpack a tar before its
digest was compared.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import shutil
import tarfile
from collections.abc import Iterable, Mapping
from fnmatch import translate
from pathlib import Path
from typing import IO, TYPE_CHECKING, assert_never

from verifier.errors import ImageFault, StorageFault
from verifier.image.entries import Entry, File, Folder, Link
from verifier.records import Root
from verifier.scratch import beside_of
from verifier.watch import Progress, Watch

if TYPE_CHECKING:
    from typing_extensions import Buffer

BLOCK_BYTES = 1 << 20


class _Hashing(io.BufferedIOBase):
    """A file that is hashed as it is written."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__()
        self._file = file
        self.summed = hashlib.sha256()

    def write(self, data: Buffer, /) -> int:
        """Write all of `data`."""
        self.summed.update(data)
        return self._file.write(data)

    def tell(self) -> int:
        """How much was written."""
        return self._file.tell()


def pruned(entries: Mapping[str, Entry], patterns: Iterable[str]) -> dict[str, Entry]:
    """Without the paths that match a pattern (`*` matches `/` too) and all below them.

    Raises ImageFault when a pattern matches nothing: it was meant to.
    """
    gone: set[str] = set()
    for pattern in patterns:
        matches = re.compile(translate(pattern)).match
        matched = {path for path in entries if matches(path)}
        if not matched:
            raise ImageFault(f"nothing to prune matches {pattern!r}", remedy="amend the recipe")
        gone |= matched
    kept: dict[str, Entry] = {}
    # A folder sorts before what lies in it, so one look upwards is enough.
    for path in sorted(entries, key=_in_bytes):
        if path in gone or path.rpartition("/")[0] in gone:
            gone.add(path)
        else:
            kept[path] = entries[path]
    return kept


def write(entries: Mapping[str, Entry], tar: Path, epoch: int, watch: Watch) -> str:
    """Write `entries` as the canonical tar, every file dated `epoch`; its sha256.

    Raises StorageFault when it cannot be written.
    """
    total = sum(entry.size for entry in entries.values() if isinstance(entry, File))
    try:
        with (
            watch.phase("write the root file system", total) as progress,
            tar.open("wb") as file,
        ):
            hashing = _Hashing(file)
            with tarfile.TarFile(
                fileobj=hashing,
                mode="w",
                format=tarfile.GNU_FORMAT,
                encoding="utf-8",
                errors="surrogateescape",
                copybufsize=BLOCK_BYTES,
            ) as archive:
                for path in sorted(entries, key=_in_bytes):
                    entry = entries[path]
                    _add(archive, entry, epoch)
                    progress.advance(entry.size if isinstance(entry, File) else 0)
        return hashing.summed.hexdigest()
    except OSError as fault:
        raise StorageFault(f"{tar}: cannot be written: {fault.strerror}") from fault


def unpack(root: Root, place: Path, watch: Watch) -> None:
    """Unpack the tar of `root` at `place`, whole or not at all, as whoever runs this.

    Permissions and times are the tar's, ownership is the caller's. Raises ImageFault when the
    tar is not the one of `root.digest` or not canonical, StorageFault when it cannot be written.
    """
    if root.tar is None:
        raise ImageFault(f"image {root.digest[:12]} has no tar to unpack")
    making = beside_of(place)
    try:
        # Opened once: what was hashed is what is unpacked.
        with root.tar.open("rb") as file:
            _require_digest(root, file)
            shutil.rmtree(making, ignore_errors=True)
            making.mkdir(parents=True)
            making.chmod(0o755)
            size = os.fstat(file.fileno()).st_size
            with (
                watch.phase("unpack the root file system", size) as progress,
                tarfile.open(
                    fileobj=file, mode="r:", encoding="utf-8", errors="surrogateescape"
                ) as archive,
            ):
                _unpack_all(archive, making, progress)
        making.replace(place)
    except tarfile.TarError as fault:
        raise ImageFault(f"{root.tar}: is no tar: {fault}") from fault
    except OSError as fault:
        raise StorageFault(f"{place}: cannot be unpacked: {fault.strerror}") from fault
    finally:
        shutil.rmtree(making, ignore_errors=True)


def _in_bytes(path: str) -> bytes:
    # Whatever this machine's locale is.
    return path.encode("utf-8", "surrogateescape")


def _require_digest(root: Root, file: io.BufferedReader) -> None:
    found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != root.digest:
        raise ImageFault(
            f"{root.tar}: its sha256 is {found}, not {root.digest}",
            remedy="delete its folder in the store; `verifier image build` makes it again",
        )
    file.seek(0)


def _unpack_all(archive: tarfile.TarFile, place: Path, progress: Progress) -> None:
    times = {"": 0.0}
    for member in archive:
        _unpack_one(archive, member, place, times)
        progress.advance(member.size)
    # Last, for a folder's time changes with what is put into it.
    for folder in list(times)[1:]:
        os.utime(place / folder, (times[folder], times[folder]))


def _add(archive: tarfile.TarFile, entry: Entry, epoch: int) -> None:
    info = tarfile.TarInfo(entry.path)
    info.mtime = epoch
    match entry:
        case Folder():
            info.type, info.mode = tarfile.DIRTYPE, entry.mode | 0o700
            archive.addfile(info)
        case Link():
            info.type, info.mode, info.linkname = tarfile.SYMTYPE, 0o777, entry.target
            archive.addfile(info)
        case File():
            info.mode, info.size = entry.mode | 0o400, entry.size
            with entry.open() as content:
                archive.addfile(info, content)
        case _:
            assert_never(entry)


def _unpack_one(
    archive: tarfile.TarFile, member: tarfile.TarInfo, place: Path, folders: dict[str, float]
) -> None:
    parent, _, name = member.name.rpartition("/")
    if parent not in folders or name in {"", ".", ".."} or member.name.startswith("/"):
        # Its parent is no folder of this tar, so that it may lie behind a link out of `place`.
        raise ImageFault(f"{place}: {member.name!r} lies in no folder of the tar")
    path = place / member.name
    if os.path.lexists(path):
        raise ImageFault(f"{place}: {member.name!r} is there twice")
    if member.isdir():
        path.mkdir()
        path.chmod(member.mode & 0o1777)
        folders[member.name] = member.mtime
    elif member.issym():
        path.symlink_to(member.linkname)
        os.utime(path, (member.mtime, member.mtime), follow_symlinks=False)
    elif member.isreg():
        with path.open("xb") as file:
            content = archive.extractfile(member)
            assert content is not None
            shutil.copyfileobj(content, file, BLOCK_BYTES)
        path.chmod(member.mode & 0o777)
        os.utime(path, (member.mtime, member.mtime))
    else:
        raise ImageFault(f"{place}: {member.name!r} is no file, folder or link")
