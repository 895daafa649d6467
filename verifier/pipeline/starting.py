"""What does a new submission begin with? A folder that is VERIFIED as it stands.

Must never write into a folder that holds anything.
"""

from __future__ import annotations

import getpass
import json
from pathlib import Path

from verifier import installed
from verifier.errors import RequestError, StorageFault
from verifier.submission.claims import NAME_CHARACTERS

TEMPLATE = "scorer"
NAME = "NAME"
CLAIM = 2.21
"""Bits per byte on the embedded data: what `verify` measures, and a little more."""


def begin(folder: Path, *, name: str = "", author: str = "") -> tuple[str, ...]:
    """Write a working submission into `folder`, which is new or empty. Returns its files' names.

    `name` is the folder's unless given, `author` whoever runs this. Raises RequestError when
    something is there already or a name cannot be one, StorageFault when it cannot be written.
    """
    called = named(name or folder.resolve().name, "--name")
    by = named(author or _user(), "--author")
    _require_empty(folder)
    source = installed.path("templates") / TEMPLATE
    texts = {path.name: path.read_text(encoding="utf-8") for path in sorted(source.glob("*.*"))}
    texts["README.md"] = texts["README.md"].replace(f"# {NAME}\n", f"# {called}\n")
    texts["submission.json"] = claims(called, by)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file, text in texts.items():
            with (folder / file).open("x", encoding="utf-8") as out:
                out.write(text)
    except OSError as fault:
        raise StorageFault(f"{folder}: cannot be written: {fault.strerror}") from fault
    return tuple(sorted(texts))


def named(text: str, option: str) -> str:
    """A name that fits on one line. Raises RequestError."""
    if not text.strip() or len(text) > NAME_CHARACTERS or not text.isprintable():
        raise RequestError(
            f"{text[:60]!r} is no name",
            remedy=f"give one of 1 to {NAME_CHARACTERS} letters on one line with {option}",
        )
    return text


def claims(name: str, author: str) -> str:
    """submission.json."""
    said = {
        "author": author,
        "github_id": "",
        "name": name,
        "blurb": "A bigram, and what followed a token the last time in the same document.",
        "val_bpb": CLAIM,
    }
    return json.dumps(said, indent=2, ensure_ascii=False) + "\n"


def _require_empty(folder: Path) -> None:
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise RequestError(f"{folder} is no folder", remedy="name a new one")
    try:
        there = sorted(path.name for path in folder.iterdir()) if folder.exists() else []
    except OSError as fault:
        raise RequestError(f"{folder} cannot be read: {fault.strerror}") from fault
    if there:
        raise RequestError(
            f"{folder} is not empty: it holds {there[0]}"
            + (f" and {len(there) - 1} more" if len(there) > 1 else ""),
            remedy="name a new folder, nothing is ever overwritten",
        )


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "nobody"
