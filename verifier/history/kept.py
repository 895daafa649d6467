"""What was read before, so that a second triage reads only what is new?

One small file a result, under the digest of the code and the policy that made it: another rule or
another line of code, and everything is read anew. A file that is damaged or gone is a miss. Must
never hold what a person decided, nor anything that cannot be made again.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from verifier.errors import StorageFault
from verifier.scratch import beside_of

READING = (
    *("screening", "source", "submission", "policy", "records.py"),
    *("history/lines.py", "history/reader.py"),
)
LINEAGE = ("history/lineage.py", "history/difference.py", "history/parentage.py")
VERSIONS = 4


class Kept:
    """Results of one version of code and policy."""

    def __init__(self, store: Path, version: str) -> None:
        """Raises StorageFault when the folder cannot be made; older versions' are dropped."""
        shelf = store / "screened"
        self._folder = shelf / version
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            os.utime(self._folder)
            _drop_old(shelf)
        except OSError as fault:
            raise StorageFault(f"{shelf}: {fault.strerror}") from fault

    def get(self, key: str) -> bytes | None:
        """What was kept under `key`; None where nothing was."""
        try:
            return self._path(key).read_bytes()
        except OSError:
            return None

    def put(self, key: str, content: bytes) -> None:
        """Keep it; whole or not at all. Raises StorageFault when the disk does not take it."""
        path = self._path(key)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            beside = beside_of(path)
            beside.write_bytes(content)
            beside.replace(path)
        except OSError as fault:
            raise StorageFault(f"{path}: {fault.strerror}") from fault

    def _path(self, key: str) -> Path:
        name = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
        return self._folder / name[:2] / name[2:]


def version(rules: bytes) -> str:
    """What a reading depends on: its code, the interpreter's grammar, a policy's bytes."""
    grammar = f"python {sys.version_info[:2]}".encode()
    return hashlib.sha256(grammar + code(READING).encode() + rules).hexdigest()[:32]


def code(places: Sequence[str]) -> str:
    """The digest of our own code in `places`: rooms, or modules."""
    package = Path(__file__).parents[1]
    digest = hashlib.sha256()
    for path in sorted(_sources(package, places)):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(package)} {len(content)}\n".encode() + content)
    return digest.hexdigest()


def _sources(package: Path, places: Sequence[str]) -> Iterator[Path]:
    for name in places:
        place = package / name
        yield from place.rglob("*.py") if place.is_dir() else (place,)


def _drop_old(shelf: Path) -> None:
    """Only the few versions used last: what they hold can be made again."""
    versions = sorted(
        (path for path in shelf.iterdir() if path.is_dir()), key=lambda path: path.stat().st_mtime
    )
    for path in versions[:-VERSIONS]:
        with contextlib.suppress(OSError):
            shutil.rmtree(path)
