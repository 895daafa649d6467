"""No network: what would fetch something fails at once, with a clear word, and is noted.

Installing what is installed already succeeds, as it would without a network.
"""

from __future__ import annotations

import importlib.metadata
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Any

KEPT = 200
_FETCHING = re.compile(
    r"\b(?:pip3?|uv|conda|mamba|apt|apt-get|dpkg|npm)\b.{0,80}?\b(?:install|download|add|update)\b"
    r"|\b(?:wget|curl|aria2c|rsync|scp|gsutil|gdown|huggingface-cli|hf)\b|\baws\b.{0,20}\bs3\b"
    r"|\bgit\b.{0,40}?\b(?:clone|fetch|pull|ls-remote)\b",
    re.DOTALL,
)
_INSTALLING = re.compile(r"\bpip3?\b.*?\binstall\b(.*)", re.DOTALL)
_HERE = frozenset(["", "localhost", "127.0.0.1", "::1", "0.0.0.0", "::"])
_OPTIONS_WITH_VALUE = frozenset(["-r", "-i", "-f", "--index-url", "--find-links", "-t", "-c"])
_CHARACTERS = 300


class Refused(PermissionError):
    """The script asked for something from outside."""


def install(refused: list[str]) -> None:
    """Refuse from now on."""

    def refuse(what: str) -> None:
        if len(refused) < KEPT:
            refused.append(what[:_CHARACTERS])

    def heard(event: str, given: tuple[Any, ...]) -> None:
        host = _host(event, given)
        if host is not None and host not in _HERE and host not in _own():
            refuse(f"connection to {host}")
            raise Refused(f"there is no network here: {host}")

    sys.addaudithook(heard)
    begin = subprocess.Popen.__init__

    def begun(self: Any, args: Any, *more: Any, **keywords: Any) -> None:
        answer = _answer(_command(args), refuse)
        if answer is not None:
            keywords["shell"] = False
            args = answer
        begin(self, args, *more, **keywords)

    subprocess.Popen.__init__ = begun
    system = os.system

    def systemic(command: str) -> int:
        answer = _answer(command, refuse)
        return system(command if answer is None else shlex.join(answer))

    os.system = systemic


def _command(args: Any) -> str:
    if isinstance(args, str | bytes | os.PathLike):
        return os.fsdecode(args)
    return " ".join(os.fsdecode(each) for each in args)


def _answer(command: str, refuse: Callable[[str], None]) -> Sequence[str] | None:
    """What is run in the place of a command that fetches; None where it fetches nothing."""
    if not _FETCHING.search(command[:2_000]):
        return None
    if _installed(command):
        return ["true"]
    refuse(command)
    return ["sh", "-c", "echo 'there is no network here' >&2; exit 1"]


def _installed(command: str) -> bool:
    """Whether a command only installs what there is."""
    found = _INSTALLING.search(command)
    if found is None:
        return False
    words = found[1].split()
    if any(word in _OPTIONS_WITH_VALUE for word in words):
        return False
    names = [re.split(r"[<>=!~\[;]", word)[0] for word in words if not word.startswith("-")]
    return bool(names) and all(map(_is_installed, names))


def _is_installed(name: str) -> bool:
    try:
        importlib.metadata.distribution(name)
    except (importlib.metadata.PackageNotFoundError, ValueError):
        return False
    return True


def _host(event: str, given: tuple[Any, ...]) -> str | None:
    """Whom a call of the socket module reaches for; None where it reaches for nobody."""
    if event == "socket.getaddrinfo":
        host = given[0]
    elif event in ("socket.connect", "socket.sendto") and isinstance(given[1], tuple):
        host = given[1][0]
    else:
        return None
    return os.fsdecode(host or "")


def _own() -> frozenset[str]:
    return frozenset([os.uname().nodename, os.environ.get("MASTER_ADDR", "")])
