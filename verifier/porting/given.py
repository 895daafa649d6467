"""Which script is ported, and what lies beside it that says how it is run?

Regular files alone, few and small; nothing is followed out of the folder, nothing executed.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from verifier.errors import BadSubmission, RequestError, StorageFault
from verifier.source import Launch, Tree, find_launches
from verifier.source.parsing import TEXT_BYTES

FILES = 200
BESIDE_BYTES = 400_000
_BESIDE = (".py", ".md", ".sh", ".json", ".yaml", ".yml")


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """The script's folder as far as it was read, the script's path in it, and its command."""

    tree: Tree
    script: str
    launch: Launch


def read_given(path: Path) -> Given:
    """A script by its path, or the one that a folder's own command starts.

    Raises RequestError where there is none, BadSubmission for one that cannot be read.
    """
    if path.is_dir():
        return given(_folder(path), None, str(path))
    if not path.is_file():
        raise RequestError(
            f"{path}: there is no such script", remedy="name a train_gpt.py, or its folder"
        )
    size = path.stat().st_size
    if size > TEXT_BYTES:
        raise BadSubmission(
            f"is {size} bytes long; a script of more than {TEXT_BYTES} is not read",
            file=path.name,
            remedy="port the text that it unpacks, or write the scorer: verifier init",
        )
    tree = _folder(path.absolute().parent)
    files = {**tree.files, path.name: _content(path, TEXT_BYTES)}
    return given(Tree(files=files), path.name, path.name)


def given(tree: Tree, script: str | None, called: str) -> Given:
    """A script of a tree with the command that the tree tells for it; None: the tree's own.

    Raises BadSubmission where there is no script.
    """
    launches = find_launches(tree)
    fitting = [each for each in launches if script is None or each.script == script]
    if fitting:
        launch = fitting[0]
    elif script is not None:
        launch = Launch(script=script)
    else:
        raise BadSubmission(
            "there is no Python script", file=called, remedy="name the script itself"
        )
    if launch.script not in tree.files:
        raise BadSubmission("the script was not read", file=launch.script[:200])
    return Given(tree=tree, script=launch.script, launch=launch)


def _folder(folder: Path) -> Tree:
    """The small files right in a folder that a command may stand in, or that may be imported."""
    files: dict[str, bytes] = {}
    try:
        with os.scandir(folder) as entries:
            names = sorted(each.name for each in entries if each.is_file(follow_symlinks=False))
    except OSError as fault:
        raise StorageFault(f"{folder}: cannot be read: {fault.strerror}") from fault
    for name in [each for each in names if each.endswith(_BESIDE)][:FILES]:
        if (folder / name).lstat().st_size <= (
            TEXT_BYTES if name.endswith(".py") else BESIDE_BYTES
        ):
            files[name] = _content(folder / name, TEXT_BYTES)
    return Tree(files=files)


def _content(path: Path, at_most: int) -> bytes:
    """A regular file's bytes; never a device's or a pipe's."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as file:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise BadSubmission("is no regular file", file=path.name)
            return file.read(at_most + 1)
    except OSError as fault:
        raise StorageFault(f"{path}: cannot be read: {fault.strerror}") from fault
