"""Recipes, wheels and Debian tars of a few bytes to test with."""

from __future__ import annotations

import hashlib
import io
import sys
import tarfile
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from verifier.image.entries import File
from verifier.image.locks import LockedDeb, LockedWheel, write_debs, write_wheels
from verifier.image.recipe import Recipe, read
from verifier.watch import Progress, Unwatched

PYTHON = f"3.{sys.version_info.minor}"
SITE = f"usr/local/lib/python{PYTHON}/dist-packages"
EPOCH = 1_735_689_600
TEXT: dict[str, Any] = {
    "suite": "bookworm",
    "variant": "minbase",
    "packages": ["python3"],
    "python": PYTHON,
    "glibc": 36,
    "epoch": EPOCH,
    "wheels": ["tiny"],
    "prune": ["*/__pycache__"],
}
DEBS = (
    LockedDeb("libc6", "2.36-9+deb12u13", "amd64", "a" * 64),
    LockedDeb(f"python{PYTHON}", f"{PYTHON}.2-6+deb12u9", "amd64", "b" * 64),
)
TINY = {
    "tiny/__init__.py": "print('tiny')\n",
    "tiny-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n",
    "tiny-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    "tiny-1.0.dist-info/RECORD": "tiny/__init__.py,,\n",
}
Member = tuple[tarfile.TarInfo, bytes]


class Heard(Unwatched):
    """A watch that keeps what it is told."""

    def __init__(self) -> None:
        """Nothing was said yet."""
        self.notes: list[str] = []
        self.phases: list[str] = []
        self.done = 0.0
        self.total: float | None = None

    @contextmanager
    def phase(self, name: str, total: float | None) -> Iterator[Progress]:
        """Keep its name, its total and how much of it was done."""
        self.phases.append(name)
        self.total, self.done = total, 0.0
        yield self

    def advance(self, amount: float) -> None:
        """Add it up."""
        self.done += amount

    def note(self, text: str) -> None:
        """Keep it."""
        self.notes.append(text)


def wheel(
    folder: Path, files: Mapping[str, str | bytes] | None = None, name: str = "tiny-1.0"
) -> Path:
    """A wheel of these files, in their order, the same bytes every time."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for inside, content in (TINY if files is None else files).items():
            archive.writestr(zipfile.ZipInfo(inside), content)
    return path


def sha256(path: Path) -> str:
    """Of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def recipe_folder(
    folder: Path,
    wheels: Iterable[LockedWheel],
    debs: Iterable[LockedDeb] | None = DEBS,
    **text: Any,
) -> Path:
    """A recipe's folder with its locks; `text` are other values of `recipe.yaml`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "recipe.yaml").write_text(yaml.safe_dump({**TEXT, **text}))
    (folder / "requirements.lock").write_text(write_wheels(wheels))
    (folder / "debs.lock").unlink(missing_ok=True)
    if debs is not None:
        (folder / "debs.lock").write_text(write_debs(debs))
    return folder


def recipe_of(folder: Path, file: Path, **text: Any) -> Recipe:
    """The recipe in `folder` that locks this one wheel."""
    locked = LockedWheel("tiny", "1.0", sha256(file))
    return read(recipe_folder(folder, [locked], **text))


def member(name: str, content: bytes = b"", **attributes: Any) -> Member:
    """One member of a tar; `attributes` are those of `tarfile.TarInfo`."""
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for attribute, value in attributes.items():
        setattr(info, attribute, value)
    return info, content


def folder_member(name: str, **attributes: Any) -> Member:
    """A folder in a tar."""
    return member(name, type=tarfile.DIRTYPE, **{"mode": 0o755, **attributes})


def tar(path: Path, *members: Member) -> Path:
    """A tar of these members in their order."""
    with tarfile.open(path, "w:", format=tarfile.GNU_FORMAT) as archive:
        for info, content in members:
            archive.addfile(info, io.BytesIO(content))
    return path


def debian_tar(path: Path, *more: Member) -> Path:
    """What a Debian of a few files would be, with what an image drops."""
    return tar(
        path,
        folder_member("./"),
        folder_member("./dev"),
        member("./dev/null", type=tarfile.CHRTYPE, devmajor=1, devminor=3),
        folder_member("./usr"),
        folder_member("./usr/bin"),
        member(f"./usr/bin/python{PYTHON}", b"an interpreter", mode=0o4755, uid=7, mtime=99),
        member("./usr/bin/python3", type=tarfile.SYMTYPE, linkname=f"python{PYTHON}"),
        folder_member("./usr/lib"),
        folder_member("./usr/lib/__pycache__"),
        member("./usr/lib/__pycache__/os.pyc", b"compiled"),
        *more,
    )


def file(path: str, content: bytes = b"", *, mode: int = 0o644, origin: str = "a test") -> File:
    """A file entry that holds its content in memory."""
    return File(path, mode, len(content), lambda: io.BytesIO(content), origin)
