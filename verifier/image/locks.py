"""Which wheels and which Debian packages, exactly? Reads, writes and compares the two locks.

Must never accept a line it does not understand: a lock that says less than it seems to is worse
than none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from verifier.errors import BadInput

CONTINUED = "\\"
# Names as the package index normalises them, so that no package has two.
_WHEEL = re.compile(
    r"([a-z0-9]+(?:-[a-z0-9]+)*)==([0-9A-Za-z][0-9A-Za-z.+!]*) --hash=sha256:([0-9a-f]{64})"
)
_DEB = re.compile(r"([a-z0-9][a-z0-9.+-]+) ([0-9][0-9A-Za-z.+:~-]*) (all|amd64) ([0-9a-f]{64})")


@dataclass(frozen=True, slots=True, order=True)
class LockedWheel:
    """One wheel: its one file, by sha256. The recipe names one platform, so one file is enough."""

    name: str
    version: str
    sha256: str


@dataclass(frozen=True, slots=True, order=True)
class LockedDeb:
    """One Debian package as the signed index of its archive describes it."""

    name: str
    version: str
    architecture: str
    sha256: str


def read_wheels(path: Path) -> tuple[LockedWheel, ...]:
    """The wheels of a `requirements.lock`: pip's format, one hash each.

    Raises BadInput naming the line.
    """
    found: dict[str, LockedWheel] = {}
    pending, first = "", 0
    for number, line in enumerate(_lines(path), start=1):
        text = line.strip()
        if not pending and (not text or text.startswith("#")):
            continue
        first = first if pending else number
        more = text.endswith(CONTINUED)
        pending = f"{pending} {text.removesuffix(CONTINUED).strip()}".strip()
        if more:
            continue
        wheel = _parsed(_WHEEL, pending, path, first, "name==version --hash=sha256:…")
        name = wheel[0]
        if name in found:
            raise BadInput(f"{name} is locked twice", file=path, place=first)
        found[name] = LockedWheel(*wheel)
        pending = ""
    if pending:
        raise BadInput("ends within an entry", file=path, place=first)
    if not found:
        raise BadInput("locks nothing", file=path)
    return tuple(sorted(found.values()))


def read_debs(path: Path) -> tuple[LockedDeb, ...]:
    """The packages of a `debs.lock`: name, version, architecture and sha256 on each line.

    Raises BadInput naming the line.
    """
    found: dict[tuple[str, str], LockedDeb] = {}
    for number, line in enumerate(_lines(path), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        deb = LockedDeb(*_parsed(_DEB, line, path, number, "name version architecture sha256"))
        if (deb.name, deb.architecture) in found:
            raise BadInput(f"{deb.name} is locked twice", file=path, place=number)
        found[deb.name, deb.architecture] = deb
    if not found:
        raise BadInput("locks nothing", file=path)
    return tuple(sorted(found.values()))


def write_wheels(wheels: Iterable[LockedWheel]) -> str:
    """The text of a `requirements.lock`."""
    return "".join(
        f"{wheel.name}=={wheel.version} \\\n    --hash=sha256:{wheel.sha256}\n"
        for wheel in sorted(wheels)
    )


def write_debs(debs: Iterable[LockedDeb]) -> str:
    """The text of a `debs.lock`."""
    return "".join(
        f"{deb.name} {deb.version} {deb.architecture} {deb.sha256}\n" for deb in sorted(debs)
    )


def differences(locked: Iterable[LockedDeb], found: Iterable[LockedDeb]) -> tuple[str, ...]:
    """One phrase for each package that is not what the lock says, in order of name."""
    wanted = {(deb.name, deb.architecture): deb for deb in locked}
    got = {(deb.name, deb.architecture): deb for deb in found}
    return tuple(
        _difference(key[0], wanted.get(key), got.get(key))
        for key in sorted(wanted.keys() | got.keys())
        if wanted.get(key) != got.get(key)
    )


def _difference(name: str, wanted: LockedDeb | None, got: LockedDeb | None) -> str:
    if got is None:
        return f"{name} is locked and not there"
    if wanted is None:
        return f"{name} {got.version} is there and not locked"
    if wanted.version != got.version:
        return f"{name} is {got.version}, locked {wanted.version}"
    return f"{name} {got.version} has sha256 {got.sha256[:12]}…, locked {wanted.sha256[:12]}…"


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except OSError as fault:
        raise BadInput(f"cannot be read: {fault.strerror}", file=path) from fault
    except UnicodeDecodeError as fault:
        raise BadInput("is no UTF-8 text", file=path, place=fault.start) from fault


def _parsed(
    pattern: re.Pattern[str], text: str, path: Path, line: int, form: str
) -> tuple[str, ...]:
    if (match := pattern.fullmatch(text)) is None:
        raise BadInput(f"is not of the form `{form}`: {text[:80]!r}", file=path, place=line)
    return match.groups()
