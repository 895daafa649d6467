"""How is git run over what strangers wrote? One hardened way, used for every call.

Theory of operation. git is a program that a repository can steer: its config names programs to
run, attributes name filters, refs replace objects, a missing object is fetched behind the
reader's back. So git here never sees the caller's environment, no config of user, system or the
repository read, asks nobody anything, and runs in a session of its own that is killed as a whole
when it takes too long, says too much, or the caller is interrupted. Must never be given a command
that fills a work tree or runs a hook: trees are read object by object (`objects`).
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO

from verifier.errors import MachineFault, MissingTool, RequestError

SAID_BYTES = 2000
_READ_BYTES = 1 << 20
_ULIMIT_BLOCK_BYTES = 512
_POLL_SECONDS = 0.2
_PASSED_ON = ("PATH", "SSH_AUTH_SOCK", "SSL_CERT_FILE", "SSL_CERT_DIR", "GIT_SSL_CAINFO")
_CUT_SHORT = ("File too large", "signal 25", "invalid index-pack output")
_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
# Each turns off something that a config file could turn on. The stand-in's own config is ours, so
# these are a second wall.
_SETTINGS = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.attributesFile=/dev/null",
    "core.bigFileThreshold=16m",
    "core.symlinks=false",
    "core.protectHFS=true",
    "core.protectNTFS=true",
    "credential.helper=",
    "fetch.recurseSubmodules=false",
    "fetch.unpackLimit=1",
    "fetch.writeCommitGraph=false",
    "gc.auto=0",
    "gpg.program=false",
    "maintenance.auto=false",
    "log.showSignature=false",
    "submodule.recurse=false",
    "protocol.version=2",
    "transfer.fsckObjects=false",
    "transfer.bundleURI=false",
)


@dataclass(frozen=True, slots=True)
class Patience:
    """What one call of git may take: seconds, bytes on its output, bytes of any file it writes."""

    seconds: float
    output_bytes: int = 64_000_000
    file_bytes: int = 0


def program() -> str:
    """The path of git. Raises MissingTool when there is none."""
    found = shutil.which("git")
    if found is None:
        raise MissingTool(
            "git is not installed, and pull requests are read with it",
            remedy="install the package `git` (apt-get install git)",
        )
    return found


def environment(home: Path, protocols: str = "") -> dict[str, str]:
    """All that git is told: nothing of the caller's own `GIT_*`, no config but the repository's.

    `protocols` are the transports it may use ("https:ssh"), "" for none. Credentials come from an
    ssh agent or not at all.
    """
    kept = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    if protocols:
        both = {*_PROXIES, *map(str.upper, _PROXIES)}
        kept |= {name: os.environ[name] for name in both if name in os.environ}
    return kept | {
        "HOME": str(home),
        "LC_ALL": "C",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_SYSTEM": "/dev/null",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_ALLOW_PROTOCOL": protocols or "none",
        "GIT_PROTOCOL_FROM_USER": "0",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "false",
        "SSH_ASKPASS": "false",
        "GIT_SSH_COMMAND": "ssh -oBatchMode=yes",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_LFS_SKIP_SMUDGE": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_PAGER": "cat",
        "GIT_EDITOR": "false",
    }


def command(git_folder: Path, arguments: Sequence[str], settings: Sequence[str] = ()) -> list[str]:
    """The argument list of one call on `git_folder`, every switch that steers git pinned."""
    pinned = [part for setting in (*_SETTINGS, *settings) for part in ("-c", setting)]
    return [program(), "--no-pager", f"--git-dir={git_folder}", *pinned, *arguments]


def run(
    git_folder: Path,
    arguments: Sequence[str],
    patience: Patience,
    *,
    protocols: str = "",
    settings: Sequence[str] = (),
) -> bytes:
    """Run git to its end on `git_folder` and return what it wrote. It has no input.

    Raises RequestError with git's last words when it refuses, and MachineFault when it takes
    longer or says more than `patience` allows.
    """
    words = command(git_folder, arguments, settings)
    if patience.file_bytes:
        blocks = patience.file_bytes // _ULIMIT_BLOCK_BYTES
        words = ["sh", "-c", 'ulimit -f "$0" && exec "$@"', str(blocks), *words]
    with tempfile.TemporaryFile() as complaints:
        known = environment(git_folder, protocols)
        process = started(words, known, subprocess.DEVNULL, complaints)
        try:
            output = _collected(process, patience, arguments[0])
        finally:
            end(process)
        if process.returncode:
            raise _refusal(arguments[0], process.returncode, last_words(complaints), patience)
    return output


def started(
    words: Sequence[str], known: dict[str, str], asked: int, complaints: IO[bytes]
) -> subprocess.Popen[bytes]:
    """Start git in its own session, so that Ctrl-C reaches us first and kills all of it."""
    return subprocess.Popen(
        words,
        stdin=asked,
        stdout=subprocess.PIPE,
        stderr=complaints,
        env=known,
        cwd="/",
        start_new_session=True,
        bufsize=0,
    )


def end(process: subprocess.Popen[bytes]) -> None:
    """Kill the whole session of `process`, if any of it still runs, and take its pipes away."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
    process.wait()


def last_words(complaints: IO[bytes]) -> str:
    """The end of what git wrote to its error stream, printable and on one line."""
    size = complaints.seek(0, os.SEEK_END)
    complaints.seek(max(0, size - SAID_BYTES))
    text = complaints.read(SAID_BYTES).decode("utf-8", "replace")
    lines = ["".join(c if c.isprintable() else " " for c in line) for line in text.splitlines()]
    return " · ".join(line.strip() for line in lines if line.strip())[-600:]


def _collected(process: subprocess.Popen[bytes], patience: Patience, verb: str) -> bytes:
    assert process.stdout is not None
    deadline = time.monotonic() + patience.seconds
    output = bytearray()
    while block := _block(process.stdout, deadline, verb, patience):
        output += block
        if len(output) > patience.output_bytes:
            raise MachineFault(f"git {verb} says more than {patience.output_bytes} bytes")
    while process.poll() is None:
        if time.monotonic() > deadline:
            raise _too_slow(verb, patience)
        time.sleep(_POLL_SECONDS / 20)
    return bytes(output)


def _block(stream: IO[bytes] | BinaryIO, deadline: float, verb: str, patience: Patience) -> bytes:
    while True:
        left = deadline - time.monotonic()
        if left <= 0:
            raise _too_slow(verb, patience)
        ready, _, _ = select.select([stream], [], [], min(left, _POLL_SECONDS))
        if ready:
            return os.read(stream.fileno(), _READ_BYTES)


def _too_slow(verb: str, patience: Patience) -> MachineFault:
    return MachineFault(
        f"git {verb} takes longer than {patience.seconds:g} s",
        remedy="fetch it by hand into a clone and name that clone",
    )


def _refusal(verb: str, code: int, said: str, patience: Patience) -> RequestError:
    # Where the limit ends index-pack, all that git itself sees is that it said nothing.
    if patience.file_bytes and any(word in said for word in _CUT_SHORT):
        return RequestError(
            f"git {verb}: what comes is larger than {patience.file_bytes} bytes, or damaged",
            remedy="clone it by hand and name that clone",
        )
    return RequestError(f"git {verb} refuses: {said or f'exit code {code}'}")
