"""How does a command under a keeper start, end and get counted? A `supervise.Run` of this machine.

A keeper process (`keeper.py`) forks the command and outlives it; this room speaks with it over two
pipes. When they close, because the verifier is gone, the keeper ends everything. Must never wait
for ever: a keeper that does not answer is a lost box.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from verifier.errors import BoxLost
from verifier.sandbox import keeper
from verifier.sandbox.cgroup import Cgroup, Usage
from verifier.sandbox.counts import Counts, Unclaimed, of_group, of_processes, own_seconds

KEEPER = Path(__file__).with_name("keeper.py")
ANSWER_SECONDS = 30.0
LOST = -1


class LocalRun:
    """A command kept by a keeper. A `supervise.Run`."""

    def __init__(
        self, plan: Mapping[str, Any], keep: tuple[int, ...], group: Cgroup | None
    ) -> None:
        """Start the keeper with `plan`; `keep` are descriptors the command needs."""
        self._group = group
        self._last: dict[str, Any] = {}
        self._buffer = b""
        self._lock = threading.Lock()
        reader, writer = os.pipe()
        self.log_pipe = open(reader, "rb", buffering=0)  # noqa: SIM115 — closed by its reader
        try:
            self._keeper = subprocess.Popen(
                [sys.executable, "-I", "-S", str(KEEPER)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=writer,
                pass_fds=(writer, *keep),
                env={},
                cwd="/",
                bufsize=0,
                start_new_session=True,
            )
        finally:
            os.close(writer)
        self._unclaimed = Unclaimed(self._keeper.pid) if group is None else None
        text = json.dumps({**plan, "log": writer, "keep": list(keep)})
        self._tell(text.encode() + b"\n")

    def _tell(self, text: bytes) -> None:
        assert self._keeper.stdin is not None
        with contextlib.suppress(BrokenPipeError, ValueError):
            self._keeper.stdin.write(text)

    def go(self) -> None:
        """Let the command start behind its gate."""
        self._tell(b"go\n")

    def expect(self, word: str, seconds: float = ANSWER_SECONDS) -> int | None:
        """Wait until the keeper has said `word`; its value, None when the command ended before.

        Raises BoxLost when the keeper says nothing.
        """
        deadline = time.monotonic() + seconds
        while word not in self._last:
            if "exit" in self._last:
                return None
            if not self._listen(deadline - time.monotonic()) and time.monotonic() > deadline:
                raise BoxLost("the keeper of a box does not answer")
        return int(self._last[word])

    def _listen(self, seconds: float) -> bool:
        """Read what the keeper says; whether it said anything (its end counts)."""
        with self._lock:
            assert self._keeper.stdout is not None
            poll = select.poll()
            poll.register(self._keeper.stdout, select.POLLIN)
            if not poll.poll(max(0.0, seconds) * 1000):
                return False
            block = self._keeper.stdout.read(4096)
            if not block:
                self._last.setdefault("exit", LOST)
                return True
            *lines, self._buffer = (self._buffer + block).split(b"\n")
            for line in lines:
                self._last.update(json.loads(line))
            return True

    def ended(self, timeout_seconds: float) -> bool:
        """Whether the keeper has reported the end."""
        if "exit" not in self._last:
            self._listen(timeout_seconds)
        return "exit" in self._last

    def kill(self) -> None:
        """Kill the command, all it started, and wait for the keeper."""
        if self._group is not None:
            # A keeper looks through every process of the host for those below it.
            self._group.kill()
        self._tell(b"kill\n")
        deadline = time.monotonic() + ANSWER_SECONDS
        while not self.ended(0.05):
            if time.monotonic() > deadline:
                self._keeper.kill()
                break
        if self._group is not None:
            self._group.kill()
        try:
            self._keeper.wait(ANSWER_SECONDS)
        except subprocess.TimeoutExpired as fault:
            raise BoxLost("the keeper of a box cannot be ended") from fault
        if self.exit_code() is None:
            raise BoxLost("the keeper of a box is gone, and with it how the command ended")

    def exit_code(self) -> int | None:
        """The command's exit code, 128 + signal; None when the keeper was lost."""
        code = int(self._last.get("exit", LOST))
        return None if code == LOST else code

    def usage(self) -> Usage:
        """What the control group counted; without one what the kernel told the keeper."""
        if self._group is not None:
            return self._group.usage()
        cpu, peak = self._last.get("cpu"), self._last.get("peak")
        return Usage(
            float(cpu) if cpu is not None else None, int(peak) if peak is not None else None, 0
        )

    def attempts(self) -> tuple[str, ...]:
        """What the command tried at its walls, as far as that was recorded; once `ended`."""
        return tuple(map(str, self._last.get("attempts", ())))

    def processes(self) -> set[int]:
        """Those in its control group, else all below its keeper."""
        if self._group is not None:
            return self._group.processes()
        return keeper.descendants(self._keeper.pid)

    def counts(self) -> Counts:
        """What its control group counted so far, else its processes, and its keeper's own work.

        The keeper answers what the box asks for: a box that floods it keeps itself waiting.
        Without a group, all that nobody else did counts as the box's.
        """
        group = self._group
        found = of_group(group) if group is not None else of_processes(self.processes())
        if found.cpu_seconds is None:
            return found
        used = found.cpu_seconds + own_seconds(self._keeper.pid)
        if self._unclaimed is not None and math.isfinite(left := self._unclaimed.seconds()):
            used = max(used, left)
        return replace(found, cpu_seconds=used)

    def remove(self) -> None:
        """Take the control group away and close the keeper's pipes."""
        for pipe in (self._keeper.stdin, self._keeper.stdout):
            if pipe is not None:
                pipe.close()
        if self._group is not None:
            self._group.remove()
