"""What does this object of git hold? One long-lived git answers, object by object.

Only full ids are asked for, so nothing a stranger named is looked up. A missing or damaged object
is an answer, not a failure; an object larger than the reader wants is not taken in. Must never
fetch, write, or let one bad object end the reading of the others.
"""

from __future__ import annotations

import os
import re
import select
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO

from verifier.errors import Unanswered
from verifier.submission import git

OBJECT_SECONDS = 60.0
RESTARTS_AT_MOST = 200
_READ_BYTES = 1 << 18
_HEADER_BYTES = 200
_ID = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?\Z")
_MISSING = b"missing"


@dataclass(frozen=True, slots=True)
class Object:
    """One object: its kind ("commit", "tree", "blob", "tag"), size in bytes and bytes.

    `content` is None when it is larger than was wanted.
    """

    kind: str
    size: int
    content: bytes | None


class Objects:
    """The objects of one git folder, through `git cat-file --batch`. Use with `with`."""

    def __init__(self, git_folder: Path) -> None:
        """Starts nothing: git is started by the first question."""
        self._contents = _Batch(git_folder, "--batch")
        self._headers = _Batch(git_folder, "--batch-check")

    def __enter__(self) -> Objects:
        """Itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End both processes."""
        self.close()

    def close(self) -> None:
        """End both processes. What is asked afterwards starts them again."""
        self._contents.end()
        self._headers.end()

    def read(self, identity: str, at_most: int) -> Object | None:
        """The object, without its content where that is larger than `at_most` bytes.

        None when it is not here or damaged. Raises Unanswered
        when git takes longer than OBJECT_SECONDS, or fails again and again.
        """
        # The size first: git would take all of the object into memory before it names it.
        head = self._asked(self._headers, identity)
        if head is None or head.size > at_most:
            return head
        head = self._asked(self._contents, identity)
        content = None if head is None else self._contents.take(head.size + 1)
        if head is None or content is None:
            return None
        return Object(head.kind, head.size, content[:-1])

    def forgive(self) -> None:
        """Count anew how often git ended: what comes is another's to answer for."""
        self._contents.starts = 0
        self._headers.starts = 0

    def header(self, identity: str) -> Object | None:
        """Kind and size of the object without its content; None when it is not here."""
        return self._asked(self._headers, identity)

    def _asked(self, batch: _Batch, identity: str) -> Object | None:
        if not _ID.match(identity):
            return None
        line = batch.ask(identity)
        words = (line or b"").split()
        if len(words) == 3 and words[2].isdigit():
            return Object(words[1].decode("ascii", "replace"), int(words[2]), None)
        if not words or words[-1] != _MISSING:
            batch.end()
        return None


class _Batch:
    """One git that answers in order. It is started when asked and again after it died."""

    def __init__(self, git_folder: Path, mode: str) -> None:
        self._git_folder = git_folder
        self._mode = mode
        self._process: subprocess.Popen[bytes] | None = None
        self._complaints: IO[bytes] | None = None
        self._poll = select.poll()
        self._buffer = bytearray()
        self.starts = 0

    def ask(self, identity: str) -> bytes | None:
        """The line git answers with, None when it died over it."""
        process = self._process or self._start()
        assert process.stdin is not None
        try:
            os.write(process.stdin.fileno(), identity.encode() + b"\n")
        except BrokenPipeError:
            return None
        while (end := self._buffer.find(b"\n")) < 0:
            if len(self._buffer) > _HEADER_BYTES or not self._more():
                return None
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return line

    def take(self, size: int) -> bytes | None:
        """The next `size` bytes, None when git died before they came."""
        while len(self._buffer) < size:
            if not self._more():
                self.end()
                return None
        taken = bytes(memoryview(self._buffer)[:size])
        del self._buffer[:size]
        return taken

    def end(self) -> None:
        """Kill it; the next question starts another."""
        process, self._process = self._process, None
        self._buffer.clear()
        if process is not None:
            assert process.stdout is not None
            self._poll.unregister(process.stdout)
            git.end(process)
        if self._complaints is not None:
            self._complaints.close()
            self._complaints = None

    def _start(self) -> subprocess.Popen[bytes]:
        self.starts += 1
        if self.starts > RESTARTS_AT_MOST:
            raise Unanswered(
                f"git cat-file ended {RESTARTS_AT_MOST} times over this repository's objects",
                remedy="run `git fsck` in the clone",
            )
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115
        words = git.command(self._git_folder, ["cat-file", self._mode])
        known = git.environment(self._git_folder)
        process = git.started(words, known, subprocess.PIPE, self._complaints)
        assert process.stdout is not None
        self._poll.register(process.stdout, select.POLLIN)
        self._process = process
        return process

    def _more(self) -> bool:
        """Read what git has to say; False when it has ended."""
        assert self._process is not None and self._process.stdout is not None
        if not self._poll.poll(OBJECT_SECONDS * 1000):
            self.end()
            raise Unanswered(
                f"git cat-file takes longer than {OBJECT_SECONDS:g} s over one object",
                remedy="run `git fsck` in the clone",
            )
        block = os.read(self._process.stdout.fileno(), _READ_BYTES)
        self._buffer += block
        return bool(block)
