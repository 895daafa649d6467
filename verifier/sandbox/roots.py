"""Are these the bytes that were pinned, and what of the host must a box see without any?

Must never take a name, a tag or a folder's place as proof: a tar is hashed, a folder compared with
its tar.
"""

from __future__ import annotations

import hashlib
import os
import stat
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from verifier.errors import ImageFault, MachineFault
from verifier.records import Root

SYSTEM_FOLDERS = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
SYSTEM_FILES = (
    "/etc/ld.so.cache",
    "/etc/alternatives",
    "/etc/localtime",
    "/etc/nsswitch.conf",
    "/etc/hosts",
)
STANDARD_PATH = "/usr/local/bin:/usr/bin:/bin"
BLOCK_BYTES = 1 << 20
PYTHON_NAMES = frozenset({"python", "python3"})


@dataclass(frozen=True, slots=True)
class HostView:
    """Host paths a box needs where there is no root file system: all read-only."""

    interpreter: Path
    paths: tuple[Path, ...]


def require_folder(root: Root) -> Path:
    """The extraction of `root`, each entry's kind, rights, link and content compared with the tar.

    Raises ImageFault for another tar, or naming an entry that differs, is missing or should not be
    there.
    """
    tar, folder = _require_tar(root), root.folder
    if folder is None or not folder.is_dir():
        raise ImageFault(f"image {root.digest[:12]} is not unpacked")
    found = set()
    try:
        with (
            tar.open("rb") as content,
            tarfile.open(tar, "r:", encoding="utf-8", errors="surrogateescape") as archive,
        ):
            for member in archive:
                name = member.name.removeprefix("./").strip("/")
                if name not in {"", "."}:
                    found.add(name)
                    _require_like(folder / name, member, content)
        for parent, folders, names in os.walk(folder):
            inside = os.path.relpath(parent, folder)
            for name in (*folders, *names):
                if os.path.normpath(f"{inside}/{name}") not in found:
                    raise ImageFault(f"{parent}/{name}: is not in the pinned image")
    except OSError as fault:
        raise ImageFault(f"{fault.filename or tar}: cannot be read: {fault.strerror}") from fault
    except tarfile.TarError as fault:
        raise ImageFault(f"{tar}: is no tar: {fault}") from fault
    return folder


def _require_tar(root: Root) -> Path:
    """The tar of `root`, hashed. Raises ImageFault when it is absent or another one."""
    if root.tar is None:
        raise ImageFault(f"image {root.digest[:12]} has no tar to take it from")
    try:
        with root.tar.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as fault:
        raise ImageFault(f"{root.tar}: cannot be read: {fault.strerror}") from fault
    if found != root.digest:
        raise ImageFault(
            f"{root.tar}: its sha256 is {found}, not {root.digest}",
            remedy="delete it; `verifier image build` makes it again",
        )
    return root.tar


def _require_like(path: Path, member: tarfile.TarInfo, content: BinaryIO) -> None:
    """Raises ImageFault unless `path` is what `member` says; `content` is the whole tar."""
    try:
        found = path.lstat()
    except FileNotFoundError as fault:
        raise ImageFault(f"{path}: is missing from the unpacked image") from fault
    rights = stat.S_IMODE(found.st_mode)
    if member.issym():
        same = stat.S_ISLNK(found.st_mode) and os.readlink(path) == member.linkname
    elif member.isdir():
        same = stat.S_ISDIR(found.st_mode) and rights == member.mode
    else:
        same = member.isreg() and stat.S_ISREG(found.st_mode) and rights == member.mode
        same = same and found.st_size == member.size and _same_content(path, member, content)
    if not same:
        raise ImageFault(f"{path}: differs from the pinned image")


def _same_content(path: Path, member: tarfile.TarInfo, content: BinaryIO) -> bool:
    content.seek(member.offset_data)
    left = member.size
    with path.open("rb") as file:
        while left:
            wanted = content.read(min(left, BLOCK_BYTES))
            if not wanted or file.read(len(wanted)) != wanted:
                return False
            left -= len(wanted)
    return True


def host_view(root: Root) -> HostView:
    """What the interpreter `root.python` needs to run, and nothing else of the host.

    Raises MachineFault when that would lay open a home folder or the whole file system.
    """
    interpreter = Path(root.python)
    if not interpreter.is_absolute() or not interpreter.exists():
        raise MachineFault(f"{root.python}: no such interpreter")
    prefixes = {interpreter.parent.parent, interpreter.resolve().parent.parent}
    settings = interpreter.parent.parent / "pyvenv.cfg"
    if settings.exists():
        for line in settings.read_text(encoding="utf-8").splitlines():
            key, _, value = line.partition("=")
            if key.strip() == "home":
                prefixes |= {Path(value.strip()).parent, Path(value.strip()).resolve().parent}
    private = {Path("/"), Path.home(), Path("/root"), Path("/home"), Path.cwd()}
    system = tuple(map(Path, SYSTEM_FOLDERS))
    needed = sorted(path for path in prefixes if not any(path.is_relative_to(s) for s in system))
    for prefix in needed:
        if any(place.is_relative_to(prefix) for place in private):
            raise MachineFault(
                f"{interpreter}: a box would see all of {prefix}",
                remedy="use an interpreter in a folder of its own, such as a virtual environment",
            )
    files = tuple(path for path in (*system, *map(Path, SYSTEM_FILES)) if path.exists())
    return HostView(interpreter, (*files, *needed))


def search_path(root: Root) -> str:
    """PATH in the box."""
    if root.folder is None and root.tar is None and Path(root.python).is_absolute():
        return f"{Path(root.python).parent}:{STANDARD_PATH}"
    return STANDARD_PATH


def resolve_command(root: Root, argv: tuple[str, ...], path: str) -> tuple[str, ...]:
    """The command with its program's full path, looked up as the box would (host paths).

    `python` is the pinned interpreter. Raises ImageFault when there is no such program.
    """
    if argv[0] in PYTHON_NAMES:
        return (root.python, *argv[1:])
    if "/" in argv[0]:
        return argv
    for folder in path.split(":"):
        if os.access(f"{folder}/{argv[0]}", os.X_OK):
            return (f"{folder}/{argv[0]}", *argv[1:])
    raise ImageFault(f"{argv[0]}: no such program in {path}")
