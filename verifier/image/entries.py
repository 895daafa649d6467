"""Which files make the root? Reads Debian's tar and the wheels into one list of entries.

Wheels are unpacked as their format says and never installed: nothing of theirs runs. Must never
take a path that leads out of the root, nor let one wheel silently replace another's file.
"""

from __future__ import annotations

import configparser
import io
import posixpath
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, assert_never

from verifier.errors import ImageFault
from verifier.image.recipe import Recipe

SCRIPTS = "usr/local/bin"
INTERPRETER = "/usr/bin/python3"
# A box has devices, processes and run-time files of its own; Debian's static ones need root.
OWN_FOLDERS = ("dev", "proc", "run", "sys")
_CONSOLE_SCRIPT = """#!{interpreter}
import sys

from {module} import {first}

if __name__ == "__main__":
    sys.exit({call}())
"""

Opening = Callable[[], IO[bytes]]


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder of the root. `path` has no leading slash; `mode` are permission bits."""

    path: str
    mode: int


@dataclass(frozen=True, slots=True)
class Link:
    """A symbolic link."""

    path: str
    target: str


@dataclass(frozen=True, slots=True)
class File:
    """A regular file of `size` bytes, read by `open`; `origin` says whose it is."""

    path: str
    mode: int
    size: int
    open: Opening
    origin: str


Entry = Folder | Link | File


def of_tar(archive: tarfile.TarFile) -> Iterator[Entry]:
    """The entries of Debian's tar, without devices and sockets; hard links become copies.

    Raises ImageFault for a path that leads out of the root.
    """
    for member in archive:
        path = _inside(member.name, "Debian's tar")
        if not path:
            continue
        if path.split("/")[0] in OWN_FOLDERS:
            if "/" not in path:
                yield Folder(path, 0o755)
        elif member.isdir():
            yield Folder(path, member.mode & 0o1777)
        elif member.issym():
            yield Link(path, member.linkname)
        elif member.isfile() or member.islnk():
            original = archive.getmember(member.linkname) if member.islnk() else member
            yield _tar_file(archive, path, original)


def of_wheel(wheel: Path, recipe: Recipe) -> Iterator[Entry]:
    """The files of a wheel where Debian's Python looks for them, and its console scripts.

    Raises ImageFault for a damaged wheel or a path that leads out of the root.
    """
    try:
        archive = zipfile.ZipFile(wheel)
    except (OSError, zipfile.BadZipFile) as fault:
        raise ImageFault(f"{wheel}: cannot be read as a wheel: {fault}") from fault
    for member in archive.infolist():
        if member.is_dir():
            continue
        inside = _inside(member.filename, wheel.name)
        path = _place(inside, wheel.name, recipe)
        if path.startswith(f"{SCRIPTS}/"):
            yield _script(path, archive.read(member), wheel.name)
        else:
            runnable = (member.external_attr >> 16) & stat.S_IXUSR
            mode = 0o755 if runnable else 0o644
            yield File(path, mode, member.file_size, _opening(archive, member), wheel.name)
        if inside.endswith(".dist-info/entry_points.txt"):
            yield from _console_scripts(archive.read(member).decode(), wheel.name)


def together(*sources: Iterator[Entry]) -> dict[str, Entry]:
    """All entries by path, with every folder above them.

    Raises ImageFault where two sources put different things in one place, or a path leads
    through something that is no folder.
    """
    found: dict[str, Entry] = {}
    for source in sources:
        for entry in source:
            before = found.get(entry.path)
            if before is None:
                found[entry.path] = entry
            elif not _alike(before, entry):
                raise ImageFault(f"{entry.path}: {_owner(before)} and {_owner(entry)} differ")
    for path in list(found):
        for parent in _parents(path):
            if not isinstance(found.setdefault(parent, Folder(parent, 0o755)), Folder):
                raise ImageFault(f"{path}: leads through {parent}, which is no folder")
    return found


def _alike(one: Entry, other: Entry) -> bool:
    match one, other:
        case Folder(), Folder():
            return True
        case File(), File():
            # The wheels of one family all carry the same empty `__init__.py`.
            if (one.mode, one.size) != (other.mode, other.size):
                return False
            with one.open() as first, other.open() as second:
                return first.read() == second.read()
        case _:
            return one == other


def _owner(entry: Entry) -> str:
    match entry:
        case File():
            return entry.origin
        case Folder() | Link():
            return "Debian's tar"
        case _:
            assert_never(entry)


def _parents(path: str) -> Iterator[str]:
    while path := posixpath.dirname(path):
        yield path


def _inside(name: str, origin: str) -> str:
    parts = [part for part in name.removeprefix("./").rstrip("/").split("/") if part != "."]
    if name.startswith("/") or ".." in parts or (len(parts) > 1 and "" in parts):
        raise ImageFault(f"{origin}: {name!r} leads out of the root")
    return "/".join(parts)


def _tar_file(archive: tarfile.TarFile, path: str, member: tarfile.TarInfo) -> File:
    def open_member() -> IO[bytes]:
        stream = archive.extractfile(member)
        if stream is None:
            raise ImageFault(f"Debian's tar: {member.name!r} has no content")
        return stream

    return File(path, member.mode & 0o777, member.size, open_member, "Debian's tar")


def _opening(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Opening:
    return lambda: archive.open(member)


def _place(inside: str, wheel: str, recipe: Recipe) -> str:
    top, _, rest = inside.partition("/")
    if not top.endswith(".data"):
        return f"{recipe.site}/{inside}"
    scheme, _, path = rest.partition("/")
    project = top.removesuffix(".data").split("-")[0]
    places = {
        "purelib": recipe.site,
        "platlib": recipe.site,
        "scripts": SCRIPTS,
        "data": "usr/local",
        "headers": f"usr/local/include/python{recipe.text.python}/{project}",
    }
    if scheme not in places or not path:
        raise ImageFault(f"{wheel}: {inside!r} is in no place that wheels know")
    return f"{places[scheme]}/{path}"


def _script(path: str, content: bytes, wheel: str) -> File:
    if content.startswith(b"#!python"):
        content = f"#!{INTERPRETER}".encode() + content.removeprefix(b"#!python")
    return File(path, 0o755, len(content), lambda: io.BytesIO(content), wheel)


def _console_scripts(text: str, wheel: str) -> Iterator[File]:
    parser = configparser.ConfigParser(delimiters=("=",), interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign] # names keep their case
    parser.read_string(text)
    if not parser.has_section("console_scripts"):
        return
    for name, reference in parser.items("console_scripts"):
        module, _, call = reference.split("[")[0].strip().partition(":")
        if "/" in name or not all(part.isidentifier() for part in f"{module}.{call}".split(".")):
            raise ImageFault(f"{wheel}: console script {name!r} = {reference!r} names no function")
        source = _CONSOLE_SCRIPT.format(
            interpreter=INTERPRETER, module=module, first=call.split(".")[0], call=call
        )
        yield _script(f"{SCRIPTS}/{name}", source.encode(), wheel)
