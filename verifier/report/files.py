"""Where do pages go, and how do they get there whole? Beside the run, each by one rename.

Must never leave half a page, nor read anything that a submission could have put there.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

from verifier import policy as policies
from verifier.errors import StorageFault
from verifier.policy import Policy
from verifier.records import Opening
from verifier.scratch import beside_of

POLICY_PLACES = ("ledger/policy.yaml", "policy.yaml")


def put(path: Path, text: str) -> None:
    """Write `text` as UTF-8 in place of `path`, durably; folders are made.

    Raises StorageFault naming `path` when the disk does not take it; what was there stays.
    """
    put_parts(path, [text])


def put_parts(path: Path, parts: Iterable[str]) -> None:
    """The same of a text that comes in parts."""
    beside = beside_of(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with beside.open("w", encoding="utf-8", newline="\n") as file:
                file.writelines(parts)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(path)
        finally:
            with contextlib.suppress(FileNotFoundError):
                beside.unlink()
    except OSError as fault:
        raise StorageFault(f"{path} cannot be written: {fault.strerror}") from fault


def kept_policy(folder: Path, opening: Opening) -> Policy | None:
    """The policy that the run in `folder` was opened under; None where its file is not there.

    A file of another digest is another policy, and is not read.
    """
    for place in POLICY_PLACES:
        try:
            text = (folder / place).read_bytes()
        except OSError:
            continue
        if policies.digest(text) == opening.policy_digest:
            return policies.parse(text, folder / place).policy
    return None
