"""Whose word is this verdict? The reader's own key, one of a list, a stranger's, or nobody's.

The list is a file of its reader: one public key a line, 64 hexadecimal digits, then a name if
there is one; `#` begins a comment. Must never trust a key because a bundle says so.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from verifier import signature
from verifier.errors import BadInput

FILE_BYTES = 1 << 20
_LINE = re.compile(r"([0-9A-Fa-f]{64})(?:\s+(\S.*))?")


class Standing(StrEnum):
    """What the reader knows of a signature's key."""

    OWN = "own"
    TRUSTED = "trusted"
    UNKNOWN = "unknown"
    UNSIGNED = "unsigned"


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """Who signed a ledger's head: the key in hex and its name in the reader's list, "" for none."""

    standing: Standing
    key: str | None = None
    name: str = ""

    @property
    def is_known(self) -> bool:
        """Whether the reader has said that this key's word counts."""
        return self.standing in {Standing.OWN, Standing.TRUSTED}


NOBODY = Signer(standing=Standing.UNSIGNED)


def read_trusted(path: Path | None) -> dict[str, str]:
    """Name by public key, both of the file's lines; empty for no file.

    Raises BadInput naming the line that is no key, or stands twice.
    """
    found: dict[str, str] = {}
    if path is None:
        return found
    try:
        with path.open("rb") as file:
            text = file.read(FILE_BYTES + 1).decode()
    except OSError as fault:
        raise BadInput(f"cannot be read: {fault.strerror}", file=path) from fault
    except UnicodeDecodeError as fault:
        raise BadInput("is no UTF-8 text", file=path) from fault
    if len(text) > FILE_BYTES:
        raise BadInput(f"is longer than {FILE_BYTES} bytes", file=path)
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.partition("#")[0].strip()
        if not words:
            continue
        if (key := _LINE.fullmatch(words)) is None:
            raise BadInput(
                "is no public key", file=path, place=number, remedy="64 hex digits, then a name"
            )
        if key[1].lower() in found:
            raise BadInput("the same key stands twice", file=path, place=number)
        found[key[1].lower()] = key[2] or ""
    return found


def signer(key: str | None, trusted: Mapping[str, str]) -> Signer:
    """What is known of a signature's key (hex; None: nobody signed)."""
    if key is None:
        return NOBODY
    if key in trusted:
        return Signer(standing=Standing.TRUSTED, key=key, name=trusted[key])
    own = signature.own_public_key()
    return Signer(standing=Standing.OWN if key == own else Standing.UNKNOWN, key=key)
