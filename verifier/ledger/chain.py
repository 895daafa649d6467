"""How is one event written, and what ties it to the one before?

A line is canonical JSON (sorted keys, no blanks, ASCII) of `seq`, `previous`, `kind`, `data`,
`arrays` and `hash`, the sha256 of the same without `hash`. Must never accept a line that is not
byte for byte what it would write itself.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from verifier.ledger.codec import Mismatch

FORMAT = "ledger/2"
START = "0" * 64

_KEYS = {"seq", "previous", "kind", "data", "arrays", "hash"}


def score_root(parts: Sequence[tuple[str, bytes]]) -> str:
    """sha256, hex, over the parts in order, each name and value with its length before it.

    PROTOCOL §5 lists what they are. The same artifact scored twice on one machine model gives the
    same root.
    """
    digest = hashlib.sha256()
    for name, value in parts:
        for field in (name.encode(), value):
            digest.update(len(field).to_bytes(8, "little"))
            digest.update(field)
    return digest.hexdigest()


def written(seq: int, previous: str, kind: str, data: Any, arrays: Any) -> tuple[bytes, str]:
    """(line without its end, its hash)."""
    body = {"seq": seq, "previous": previous, "kind": kind, "data": data, "arrays": arrays}
    digest = hashlib.sha256(_canonical(body)).hexdigest()
    return _canonical({**body, "hash": digest}), digest


def read(line: bytes, seq: int, previous: str) -> dict[str, Any]:
    """The event of a line that must be number `seq` and follow `previous`. Raises Mismatch."""
    try:
        event: Any = json.loads(line)
        same = _canonical(event) == line
    except (ValueError, RecursionError) as fault:
        raise Mismatch("", "is not JSON") from fault
    if not same:
        raise Mismatch("", "is not written as the verifier writes it")
    if not isinstance(event, dict) or set(event) != _KEYS:
        raise Mismatch("", f"must have the keys {', '.join(sorted(_KEYS))}")
    if event["seq"] != seq or event["previous"] != previous:
        raise Mismatch("", "does not follow the line before it")
    if not isinstance(event["kind"], str):
        raise Mismatch("kind", "must be text")
    again, _ = written(seq, previous, event["kind"], event["data"], event["arrays"])
    if again != line:
        raise Mismatch("hash", "is not the hash of this line")
    return event


def _canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()
