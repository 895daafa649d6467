"""What is the smallest root file system that a probe runs in? The interpreter at hand, and no more.

Its library without what boxes of probes do not import, and the shared libraries it names. The same
interpreter gives the same bytes. Must never be the root of a submission: nothing of it is pinned.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import subprocess
import sys
import tarfile
from pathlib import Path

from verifier.errors import ImageFault
from verifier.records import Root

LEFT_OUT = """
__pycache__ test tests site-packages dist-packages idlelib tkinter turtledemo ensurepip lib2to3
pydoc_data distutils unittest xmlrpc sqlite3 curses asyncio multiprocessing msilib wsgiref
"""
# What probes import; the others would bring libraries of megabytes.
EXTENSIONS = """
_bisect _ctypes _heapq _json _opcode _posixsubprocess _random _sha512 _sha2 _socket _struct array
binascii fcntl grp math mmap resource select unicodedata zlib
"""
ETC = {
    "etc/passwd": b"root:x:0:0::/:\nnobody:x:65534:65534::/:\n",
    "etc/group": b"root:x:0:\nnogroup:x:65534:\n",
}


def tiny_root(folder: Path) -> Root:
    """Make the tar and its extraction in `folder`. Raises ImageFault where it cannot be made."""
    interpreter = Path(sys.executable).resolve()
    library = Path(os.__file__).parent
    files = {interpreter, *_below(library)}
    for path in [interpreter, *(path for path in files if path.suffix == ".so")]:
        files |= _needs(path)
    links = {"usr/bin/python": str(interpreter), "usr/bin/python3": str(interpreter)}
    tar = folder / "root.tar"
    _write(tar, {str(path).lstrip("/"): path for path in files}, links)
    extraction = folder / "folder"
    with tarfile.open(tar) as archive:
        archive.extractall(extraction)
    digest = hashlib.sha256(tar.read_bytes()).hexdigest()
    return Root(digest=digest, python=str(interpreter), pinned=True, tar=tar, folder=extraction)


def _below(library: Path) -> set[Path]:
    found = set()
    for parent, folders, names in os.walk(library):
        folders[:] = [
            name for name in folders if name not in LEFT_OUT.split() and "config-" not in name
        ]
        found |= {Path(parent, name) for name in names}
    kept = EXTENSIONS.split()
    return {path for path in found if path.suffix != ".so" or path.name.split(".")[0] in kept}


def _needs(path: Path) -> set[Path]:
    """The shared libraries of a program, by the names it looks for."""
    try:
        listed = subprocess.run(["ldd", str(path)], capture_output=True, text=True, check=False)
    except OSError as fault:
        raise ImageFault(f"ldd cannot be run: {fault.strerror}") from fault
    said = listed.stdout
    return {Path(name) for name in re.findall(r"(?:=> |^\s*)(/\S+) \(0x", said, re.MULTILINE)}


def _write(tar: Path, files: dict[str, Path], links: dict[str, str]) -> None:
    folders = {str(parent) for name in (*files, *links, *ETC) for parent in Path(name).parents}
    with tarfile.open(tar, "w", format=tarfile.GNU_FORMAT) as archive:
        for name in sorted({*folders, "tmp", "root"} - {"."}):
            member = tarfile.TarInfo(name)
            member.type, member.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(member)
        for name, target in sorted(links.items()):
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.SYMTYPE, target
            archive.addfile(member)
        contents = {**{name: path.read_bytes() for name, path in files.items()}, **ETC}
        for name, data in sorted(contents.items()):
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(data), 0o755
            archive.addfile(member, io.BytesIO(data))
