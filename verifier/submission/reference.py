"""What does REF name? Reads the words of the command line, opens nothing.

What lies on disk under that name wins, so a folder called `a#1` is that folder. Must never hand a
transport to git that was not asked for: `ext::`, `file://` and the like are refused here by name,
and once more by git's own list of allowed protocols.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit

from verifier.errors import RequestError
from verifier.submission.walk import shown

FORMS = (
    "a folder, a tarball, URL#ref:path, owner/repo#123, the address of a pull request,"
    " PATH_OF_A_CLONE#123 or PATH@BASE..HEAD"
)
GITHUB = "https://github.com"
URL_CHARACTERS = 500
_PULL = re.compile(
    r"(?:(https://[A-Za-z0-9.-]+(?::\d+)?)|(?:https?://)?(?:www\.)?github\.com)"
    r"/([A-Za-z0-9][A-Za-z0-9-]{0,38})/([A-Za-z0-9._-]{1,100})/pull/([1-9][0-9]{0,8})"
    r"(?:[/?#].*)?\Z"
)
_SHORT = re.compile(r"([A-Za-z0-9][A-Za-z0-9-]{0,38})/([A-Za-z0-9._-]{1,100})#([1-9][0-9]{0,8})\Z")
_NUMBER = re.compile(r"[1-9][0-9]{0,8}\Z")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)(://|::)")
_SSH = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*@[A-Za-z0-9][A-Za-z0-9.-]*:[^:].*\Z")
_URL = re.compile(r"[A-Za-z0-9@:/._~%+,=&?\[\]-]+\Z")
_REF = re.compile(r"(?![-/.])[^\x00-\x20\x7f~^:?*\[\\]+\Z")
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True, slots=True)
class GivenFolder:
    """A folder on disk."""

    path: Path


@dataclass(frozen=True, slots=True)
class GivenTarball:
    """A file on disk, taken for a tarball."""

    path: Path


@dataclass(frozen=True, slots=True)
class ClonedPull:
    """A pull request whose head is in a local clone."""

    clone: Path
    number: int


@dataclass(frozen=True, slots=True)
class Added:
    """What `head` adds to `base` in a local checkout, both in the person's own words."""

    clone: Path
    base: str
    head: str


@dataclass(frozen=True, slots=True)
class ClonedPath:
    """A folder at a commit of a local clone; `path` "" is its root."""

    clone: Path
    ref: str
    path: str


@dataclass(frozen=True, slots=True)
class RemotePull:
    """A pull request of a repository elsewhere. `name` is "owner/repo" on GitHub, else ""."""

    url: str
    number: int
    name: str = ""


@dataclass(frozen=True, slots=True)
class RemotePath:
    """A folder at a ref of a repository elsewhere; `path` "" is its root."""

    url: str
    ref: str
    path: str


Reference = GivenFolder | GivenTarball | ClonedPull | Added | ClonedPath | RemotePull | RemotePath


def parse(reference: str) -> Reference:
    """What `reference` names. Raises RequestError with what to write instead."""
    if not reference or "\0" in reference:
        raise RequestError("the reference is empty", remedy=f"name {FORMS}")
    here = Path(reference)
    try:
        if _is_bare(here):
            raise RequestError(
                f"{shown(reference)} is a repository, and no submission",
                remedy=f"name a pull request of it: {shown(reference)}#123",
            )
        if here.is_dir():
            return GivenFolder(here.resolve())
        if here.is_file() and here.suffix == ".py":
            raise RequestError(
                f"{shown(reference)} is a script, and no submission",
                remedy=f"name its folder: {shown(str(here.parent))}",
            )
        if here.is_file():
            return GivenTarball(here.resolve())
    except OSError:
        pass  # a name that no file system takes: it may still be an address
    if named := _PULL.match(reference):
        return _pull_of(named[1] or GITHUB, named[2], named[3], int(named[4]))
    if is_address(reference):
        return _remote(reference)
    found = _in_clone(reference)
    if found is not None:
        return found
    if named := _SHORT.match(reference):
        return _pull_of(GITHUB, named[1], named[2], int(named[3]))
    _refuse_unknown(reference)


def is_address(text: str) -> bool:
    """Whether it names something elsewhere: a scheme, or ssh's `user@host:path`."""
    return bool(_SCHEME.match(text) or _SSH.match(text))


def checked_url(url: str) -> str:
    """`url` itself, if git may be pointed at it. Raises RequestError saying why not."""
    scheme = _SCHEME.match(url)
    if scheme is None:
        if _SSH.match(url) and _URL.match(url):
            return url
        raise RequestError(f"{shown(url)} is no address of a repository", remedy=f"name {FORMS}")
    kind = scheme[1].lower()
    if scheme[2] == "::" or kind not in ("https", "ssh", "http"):
        remedy = "name the path itself" if kind == "file" else "use https:// or ssh://"
        raise RequestError(f"{shown(url)}: git's transport {kind} is not used", remedy=remedy)
    if not _URL.match(url) or len(url) > URL_CHARACTERS:
        raise RequestError(f"{shown(url)} is no address of a repository", remedy=f"name {FORMS}")
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        host = ""
    if not host or host.startswith("-"):
        raise RequestError(f"{shown(url)} names no host", remedy=f"name {FORMS}")
    if kind == "http" and host not in _LOOPBACK:
        raise RequestError(f"{shown(url)}: anybody on the way could change it", remedy="use https")
    return url


def repository_of(text: str) -> RemotePull | Path:
    """For `triage REPO`: a local clone's path, or a repository elsewhere (its number is 0)."""
    if Path(text).is_dir():
        return Path(text).resolve()
    if is_address(text):
        named = re.match(rf"{GITHUB}/([^/]+/[^/]+?)(?:\.git)?/?\Z", text)
        return RemotePull(checked_url(text), 0, named[1] if named else "")
    if named := _SHORT.match(f"{text}#1"):
        return _pull_of(GITHUB, named[1], named[2], 0)
    raise RequestError(
        f"{shown(text)}: there is no such folder", remedy="name a clone, a URL or owner/repo"
    )


def _pull_of(host: str, owner: str, repository: str, number: int) -> RemotePull:
    name = f"{owner}/{repository.removesuffix('.git')}"
    if set(repository) <= {"."}:
        raise RequestError(f"{name} is no repository", remedy=f"name {FORMS}")
    return RemotePull(f"{host}/{name}", number, name if host == GITHUB else "")


def _remote(reference: str) -> RemotePull | RemotePath:
    url, mark, rest = reference.partition("#")
    checked_url(url)
    if _NUMBER.match(rest):
        return RemotePull(url, int(rest))
    ref, path = _ref_and_path(reference, rest if mark else "")
    return RemotePath(url, ref, path)


def _in_clone(reference: str) -> ClonedPull | ClonedPath | Added | None:
    for at in (i for i, c in enumerate(reference) if c in "#@"):
        path, rest = Path(reference[:at] or "."), reference[at + 1 :]
        if not _is_folder(path):
            continue
        if reference[at] == "@" and ".." in rest:
            base, _, head = rest.partition("..")
            return _added(reference, path, base, head)
        if reference[at] == "#" and _NUMBER.match(rest):
            return ClonedPull(path.resolve(), int(rest))
        if reference[at] == "#":
            ref, below = _ref_and_path(reference, rest)
            return ClonedPath(path.resolve(), ref, below)
    return None


def _added(reference: str, path: Path, base: str, head: str) -> Added:
    # Three dots ask for the merge base; two are compared with the merge base too (R9).
    head = head.removeprefix(".") or "HEAD"
    for name in (base, head):
        if not name or name.startswith("-") or not name.isprintable():
            raise RequestError(
                f"{shown(reference)}: {shown(name)!r} is no name of a commit",
                remedy="write PATH@BASE..HEAD, as in .@origin/main..HEAD",
            )
    return Added(path.resolve(), base, head)


def _ref_and_path(reference: str, rest: str) -> tuple[str, str]:
    ref, mark, path = rest.partition(":")
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if rest and not mark:
        raise RequestError(
            f"{shown(reference)}: {shown(rest)!r} is neither a pull request's number nor ref:path",
            remedy="write CLONE#123, or CLONE#main:records/track/name for a folder at a ref",
        )
    if not mark or not _REF.match(ref) or ".." in ref or ref.endswith((".lock", "/", ".")):
        raise RequestError(
            f"{shown(reference)}: names no folder at a ref",
            remedy="write URL#ref:path, as in URL#main:records/track/name, or URL#123 for a pull"
            " request",
        )
    if ".." in parts or not path.isprintable() or path.startswith("/"):
        raise RequestError(f"{shown(reference)}: the path leaves the repository")
    return ref, "/".join(parts)


def _is_bare(path: Path) -> bool:
    """Whether a folder is what git keeps, without files of its own."""
    inside = all((path / name).is_dir() for name in ("objects", "refs"))
    return inside and (path / "HEAD").is_file()


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def _refuse_unknown(reference: str) -> NoReturn:
    before, mark, rest = reference.partition("#")
    if _NUMBER.match(reference) or (not before and _NUMBER.match(rest)):
        number = rest or reference
        raise RequestError(
            f"{shown(reference)}: a number alone names no pull request",
            remedy=f"write CLONE#{number} or owner/repo#{number}",
        )
    if mark and (_NUMBER.match(rest) or ":" in rest):
        raise RequestError(
            f"{shown(reference)}: there is no clone {shown(before)}",
            remedy=f"name {FORMS}",
        )
    raise RequestError(
        f"{shown(reference)}: there is no such folder or tarball", remedy=f"name {FORMS}"
    )
