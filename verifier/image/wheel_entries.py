"""What does a wheel put where? Reads one as its format says and never installs it.

Nothing of a wheel runs, and everything in it may be meant to do harm. Must never take a path out
of the places that wheels have, nor bytes other than the wheel says it holds.
"""

from __future__ import annotations

import configparser
import io
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO, cast

from verifier.errors import ImageFault
from verifier.image.entries import INTERPRETER, Entry, File, inside
from verifier.image.recipe import Recipe

SCRIPTS = "usr/local/bin"
# What one wheel may unpack to: ten times the greatest there is, and no disk full.
LIMIT_WHEEL_BYTES = 16 << 30
# Entry points and scripts of Python are text that people wrote.
LIMIT_TEXT_BYTES = 1 << 20
PYTHON_MARK = b"#!python"
# What zipfile raises over an archive that is damaged or was made to do harm.
DAMAGE = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, NotImplementedError, ValueError)
_COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ENCRYPTED = 0x1
_SCRIPT_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_CONSOLE_SCRIPT = """#!{interpreter}
import sys

from {module} import {first}

if __name__ == "__main__":
    sys.exit({call}())
"""


def of_wheel(wheel: Path, recipe: Recipe) -> Iterator[Entry]:
    """The files of a wheel where Debian's Python looks for them, and its console scripts.

    Raises ImageFault for a damaged wheel, one that unpacks to more than LIMIT_WHEEL_BYTES, or a
    path that leads out of the root. Reading a File of it raises the same.
    """
    with _blaming(wheel.name):
        # Stays open: its files are read when the root is written.
        archive = zipfile.ZipFile(wheel)
    members = [member for member in archive.infolist() if not member.is_dir()]
    if sum(member.file_size for member in members) > LIMIT_WHEEL_BYTES:
        raise ImageFault(f"{wheel.name}: unpacks to more than {LIMIT_WHEEL_BYTES} bytes")
    for member in members:
        if member.compress_type not in _COMPRESSIONS or member.flag_bits & _ENCRYPTED:
            raise ImageFault(f"{wheel.name}: {member.filename!r} is packed as no wheel may be")
        name = inside(member.filename, wheel.name)
        file = _wheel_file(archive, member, _place(name, wheel.name, recipe), wheel.name)
        yield _script(file) if file.path.startswith(f"{SCRIPTS}/") else file
        # At the top only: what a wheel brings within itself is not installed by it.
        if re.fullmatch(r"[^/]+\.dist-info/entry_points\.txt", name):
            yield from _console_scripts(_text(file), wheel.name)


class _Content(io.BufferedIOBase):
    """One file of a wheel as it is read: it has the bytes that the wheel says, or is refused."""

    def __init__(self, file: IO[bytes], member: zipfile.ZipInfo, wheel: str) -> None:
        super().__init__()
        self._file, self._name, self._wheel = file, member.filename, wheel
        self._left = member.file_size

    def read(self, size: int | None = -1, /) -> bytes:
        """Up to `size` bytes; all that are left for -1."""
        wanted = self._left if size is None or size < 0 else min(size, self._left)
        with _blaming(self._wheel):
            # With the last byte zipfile compares the checksum.
            block = self._file.read(wanted)
        if len(block) != wanted:
            raise ImageFault(f"{self._wheel}: {self._name!r} is not as long as it says")
        self._left -= wanted
        return block

    def close(self) -> None:
        """Close it and what it is read from."""
        self._file.close()
        super().close()


@contextmanager
def _blaming(wheel: str) -> Iterator[None]:
    try:
        yield
    except (OSError, *DAMAGE) as fault:
        raise ImageFault(f"{wheel}: cannot be read as a wheel: {fault}") from fault


def _wheel_file(archive: zipfile.ZipFile, member: zipfile.ZipInfo, path: str, wheel: str) -> File:
    def open_member() -> IO[bytes]:
        with _blaming(wheel):
            return cast(IO[bytes], _Content(archive.open(member), member, wheel))

    runnable = (member.external_attr >> 16) & stat.S_IXUSR
    return File(path, 0o755 if runnable else 0o644, member.file_size, open_member, wheel)


def _place(name: str, wheel: str, recipe: Recipe) -> str:
    if not name:
        raise ImageFault(f"{wheel}: has a file without a name")
    top, _, rest = name.partition("/")
    if not top.endswith(".data"):
        return f"{recipe.site}/{name}"
    scheme, _, path = rest.partition("/")
    project = top.removesuffix(".data").split("-")[0]
    places = {
        "purelib": recipe.site,
        "platlib": recipe.site,
        "scripts": SCRIPTS,
        "data": "usr/local",
        "headers": f"usr/local/include/python{recipe.text.python}/{project}",
    }
    if scheme not in places or not path or not project:
        raise ImageFault(f"{wheel}: {name!r} is in no place that wheels know")
    return f"{places[scheme]}/{path}"


def _script(file: File) -> File:
    with file.open() as start:
        marked = start.read(len(PYTHON_MARK)) == PYTHON_MARK
    if not marked:
        return replace(file, mode=0o755)
    _, _, rest = _text(file).partition("\n")
    return _own_script(file.path, f"#!{INTERPRETER}\n{rest}".encode(), file.origin)


def _own_script(path: str, content: bytes, wheel: str) -> File:
    return File(path, 0o755, len(content), lambda: io.BytesIO(content), wheel)


def _text(file: File) -> str:
    if file.size > LIMIT_TEXT_BYTES:
        raise ImageFault(f"{file.origin}: {file.path} is longer than {LIMIT_TEXT_BYTES} bytes")
    with file.open() as content, _blaming(file.origin):
        return content.read().decode()


def _console_scripts(text: str, wheel: str) -> Iterator[File]:
    parser = configparser.ConfigParser(delimiters=("=",), interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign] # names keep their case
    try:
        parser.read_string(text)
    except configparser.Error as fault:
        raise ImageFault(f"{wheel}: its entry points cannot be read: {fault}") from fault
    if not parser.has_section("console_scripts"):
        return
    for name, reference in parser.items("console_scripts"):
        module, _, call = reference.split("[")[0].strip().partition(":")
        parts = f"{module}.{call}".split(".")
        if not _SCRIPT_NAME.fullmatch(name) or not all(map(str.isidentifier, parts)):
            raise ImageFault(f"{wheel}: console script {name!r} = {reference!r} names no function")
        source = _CONSOLE_SCRIPT.format(
            interpreter=INTERPRETER, module=module, first=call.split(".")[0], call=call
        )
        yield _own_script(f"{SCRIPTS}/{name}", source.encode(), wheel)
