"""What the script says and which files it opens: lines of stdout, opens below its two folders."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path
from typing import Any

import torch

from .recorder import Notes

_TEXTS = (".txt", ".log", ".json", ".jsonl")
"""What a script writes beside its artifact."""
_TEMPORARY = ("/tmp/", "/dev/shm/")
"""Where files may be kept that are no part of what a script leaves."""
_PLACES_ASKED = 100_000
"""Opens of one run that are looked at at all."""


class Said:
    """A stream of text whose whole lines are noted; everything else is the stream's own."""

    def __init__(self, stream: Any, notes: Notes) -> None:
        self._stream = stream
        self._notes = notes
        self._begun = ""

    def write(self, text: str) -> int:
        """Write, and note what lines are finished with it."""
        written = self._stream.write(text)
        if "\n" not in text:
            self._begun += text
            return int(written)
        *lines, begun = (self._begun + text).split("\n")
        self._begun = begun
        for line in lines:
            self._notes.said(line)
        return int(written)

    def writelines(self, lines: Any) -> None:
        """Write each."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class Opened:
    """Notes opens below /world, the working folder and temporary ones; the notes' own aside."""

    def __init__(self, notes: Notes, world: Path, out: Path) -> None:
        self._notes = notes
        self._world = os.path.join(os.path.realpath(world), "")
        self._out = os.path.join(os.path.realpath(out), "")
        self._own = os.path.join(os.path.realpath(notes.path.parent), "")
        self._given = {
            os.path.realpath(os.path.join(folder, name))
            for folder, _, names in os.walk(self._out)
            for name in names
        }
        self._first_rank = os.environ.get("RANK", "0") == "0"
        self._left = _PLACES_ASKED
        self._busy = threading.local()

    def __call__(self, event: str, given: tuple[Any, ...]) -> None:
        if event == "open":
            self.note(given[0], str(given[1] or _mode(given[2])))

    def note(self, path: Any, mode: str) -> None:
        """A file is opened."""
        if not isinstance(path, str | bytes | os.PathLike) or self._left <= 0:
            return
        if getattr(self._busy, "now", False):
            return
        self._left -= 1
        self._busy.now = True
        try:
            self._note(os.path.realpath(os.fsdecode(path)), mode)
        finally:
            self._busy.now = False

    def _note(self, place: str, mode: str) -> None:
        if place.startswith(self._own):
            return
        inside = place.startswith(self._out)
        world = place.startswith(self._world)
        if not inside and not world and not place.startswith(_TEMPORARY):
            return
        writes = any(each in mode for each in "wax+")
        # Other ranks read what the first has written, each before it goes on to score.
        made = inside and place not in self._given and not place.endswith(_TEXTS)
        artifact = made and (writes or not self._first_rank)
        training = world and not writes and "train" in place.rpartition("/")[2]
        self._notes.opened(place, mode, artifact, training)


def _mode(flags: int) -> str:
    return "w" if flags & (os.O_WRONLY | os.O_RDWR) else "r"


def install(notes: Notes, world: Path, out: Path) -> None:
    """Watch this process from now on."""
    sys.stdout = Said(sys.stdout, notes)
    opened = Opened(notes, world, out)
    sys.addaudithook(opened)
    writer = torch.serialization._open_zipfile_writer_file.__init__

    def written(self: Any, name: Any) -> None:
        # Written by C++, which no audit hook sees.
        opened.note(name, "wb")
        writer(self, name)

    torch.serialization._open_zipfile_writer_file.__init__ = written
