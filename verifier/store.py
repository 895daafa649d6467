"""Where do downloads, images, data and submissions lie, and how often has an author tried?

Attempts are what makes "just run it again" cost something: attempt k is decided at α / (k (k + 1))
(PROTOCOL §4.1). Must never forget an attempt, count one twice, or decide anything.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from verifier.errors import StorageFault

STORE_VARIABLE = "VERIFIER_STORE"
STORE_NAME = "golf-verifier"


def root() -> Path:
    """The store: $VERIFIER_STORE, else $XDG_CACHE_HOME/golf-verifier, else ~/.cache/golf-verifier.

    Absolute; made if it is not there. Raises StorageFault when it cannot be.
    """
    if named := os.environ.get(STORE_VARIABLE):
        place = Path(named)
    elif cache := os.environ.get("XDG_CACHE_HOME"):
        place = Path(cache) / STORE_NAME
    else:
        place = Path("~/.cache").expanduser() / STORE_NAME
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as fault:
        raise StorageFault(
            f"{place}: the store cannot be made: {fault.strerror}",
            remedy=f"set {STORE_VARIABLE} to a folder that can be written",
        ) from fault
    return place.absolute()


def count_attempt(
    store: Path,
    *,
    author: str,
    submission_digest: str,
    policy_digest: str,
    root_digest: str,
    key: str,
) -> int:
    """The number, from 1, of this author's attempt at this submission, policy, image and key.

    The same five always get the same number; when any of the last four differs, it is the next.
    Authors are told apart without regard to case, blanks around the name, or Unicode form.
    Written to disk before it returns; safe among processes. Raises StorageFault when the record
    cannot be read or written.
    """
    entry = [submission_digest, policy_digest, root_digest, key]
    name = unicodedata.normalize("NFKC", author).strip().casefold()
    folder = store / "attempts"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{hashlib.sha256(name.encode()).hexdigest()}.json"
        with _locked(folder / "lock"):
            attempts = _read(path)
            if entry not in attempts:
                attempts.append(entry)
                _write(path, {"author": name, "attempts": attempts})
            return attempts.index(entry) + 1
    except OSError as fault:
        raise StorageFault(f"{folder}: attempts cannot be counted: {fault.strerror}") from fault


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _read(path: Path) -> list[list[str]]:
    if not path.exists():
        return []
    try:
        found: Any = json.loads(path.read_text(encoding="utf-8"))
        attempts = found["attempts"]
    except (ValueError, KeyError, TypeError):
        attempts = None
    if not isinstance(attempts, list) or not all(
        isinstance(entry, list) and len(entry) == 4 for entry in attempts
    ):
        # Counting anew would hand out attempt 1 again, which is what the count exists to prevent.
        raise StorageFault(f"{path}: the record of attempts is damaged", remedy="restore a copy")
    return attempts


def _write(path: Path, value: dict[str, Any]) -> None:
    beside = path.with_suffix(".new")
    with beside.open("w", encoding="utf-8") as file:
        json.dump(value, file, ensure_ascii=False, indent=1)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
