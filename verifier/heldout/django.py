"""Where does the embedded default's text come from? Django 5.2's own documentation.

The source distribution is fetched with pip from whatever package index pip is configured for and
accepted by its sha256 alone. It is read where it lies: nothing of it is extracted or kept open.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tarfile
from pathlib import Path

from verifier.errors import BadData, MachineFault, MissingTool, StorageFault
from verifier.scratch import temporary

ARCHIVE = "Django-5.2.tar.gz"
ARCHIVE_SHA256 = "1a47f7a7a3d43ce64570d350e008d2949abe8c7e21737b351b6a1611277c6d89"
REQUIREMENT = "django==5.2"

_FETCH_SECONDS = 300
_TEXT_BYTES = 2_000_000
_TOTAL_BYTES = 64_000_000
_MEMBERS = 20_000


def fetch(downloads: Path) -> Path:
    """The archive inside `downloads`, fetched with pip unless it lies there already.

    Raises MissingTool without pip, MachineFault when pip cannot get it, StorageFault when
    `downloads` cannot be written.
    """
    archive = downloads / ARCHIVE
    if archive.is_file() and _digest(archive) == ARCHIVE_SHA256:
        return archive
    try:
        downloads.mkdir(parents=True, exist_ok=True)
        with temporary("fetch", downloads) as scratch:
            _download(scratch, archive)
            fetched = scratch / ARCHIVE
            if not fetched.is_file() or _digest(fetched) != ARCHIVE_SHA256:
                raise MachineFault(f"what pip fetched is not the pinned {ARCHIVE}")
            fetched.replace(archive)
    except OSError as fault:
        raise StorageFault(f"{downloads} cannot be written: {fault.strerror}") from fault
    return archive


def _download(scratch: Path, archive: Path) -> None:
    requirements = scratch / "requirements.txt"
    requirements.write_text(f"{REQUIREMENT} --hash=sha256:{ARCHIVE_SHA256}\n")
    # pip checks the hash before it asks the archive's build backend for metadata.
    argv = [sys.executable, "-P", "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    argv += ["--no-input", "--no-deps", "--no-binary", "django", "--require-hashes"]
    argv += ["--dest", str(scratch), "--requirement", str(requirements)]
    try:
        ended = subprocess.run(
            argv, capture_output=True, text=True, timeout=_FETCH_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as fault:
        raise MachineFault(
            f"pip did not fetch {ARCHIVE} within {_FETCH_SECONDS} s", remedy=_by_hand(archive)
        ) from fault
    if "No module named pip" in ended.stderr:
        raise MissingTool("pip is absent", remedy="install python3-pip, or " + _by_hand(archive))
    if ended.returncode != 0:
        last = ended.stderr.strip().splitlines()[-1:] or ["no message"]
        raise MachineFault(f"pip cannot fetch {ARCHIVE}: {last[0]}", remedy=_by_hand(archive))


def _by_hand(archive: Path) -> str:
    return f"put the file with sha256 {ARCHIVE_SHA256} at {archive}"


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def texts(archive: Path) -> list[str]:
    """The documentation's text files in order of their names.

    Raises BadData when the archive passes its limits or a text is not UTF-8.
    """
    found: dict[str, str] = {}
    total = 0
    with tarfile.open(archive, "r:gz") as tar:
        for number, member in enumerate(tar):
            total += member.size
            if number >= _MEMBERS or total > _TOTAL_BYTES:
                raise BadData("the archive is larger than it can be", file=archive)
            parts = member.name.split("/")
            if not member.isfile() or parts[1:2] != ["docs"] or not parts[-1].endswith(".txt"):
                continue
            if member.size > _TEXT_BYTES:
                raise BadData("a text is larger than it can be", file=archive, place=member.name)
            stream = tar.extractfile(member)
            if stream is None:
                raise BadData("a text has no content", file=archive, place=member.name)
            try:
                found[member.name] = stream.read(_TEXT_BYTES).decode()
            except UnicodeDecodeError as fault:
                raise BadData("is not UTF-8", file=archive, place=member.name) from fault
    return [found[name] for name in sorted(found)]
