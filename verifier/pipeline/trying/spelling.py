"""What does the token that an example names stand for? In a trial the documents are no secret.

Must never be used for held-out documents: their text does not belong in a report.
"""

from __future__ import annotations

from collections.abc import Sequence

from verifier.heldout import HeldOut
from verifier.heldout.tokenizer import Tokenizer
from verifier.records import Finding
from verifier.scoring.passing import Targets

BEFORE_TOKENS = 6


def spelled(held_out: HeldOut, tokenizer: str) -> tuple[bytes, ...]:
    """What each id stands for; nothing where a submission's own tokenizer says it."""
    match tokenizer:
        case "bytes":
            return tuple(bytes([value]) for value in range(256))
        case "data":
            return Tokenizer(held_out.tokenizer_path).pieces().spelled
        case _:
            return ()


def words(findings: Sequence[Finding], targets: Targets, pieces: Sequence[bytes]) -> dict[str, str]:
    """By audit id: the token of the finding's example and the few before it, in words."""
    found = {}
    for finding in findings:
        if where := finding.evidence.get("example"):
            row = targets.row(where["document"])
            found[finding.audit] = _in_words(row.tolist(), where["token"], pieces)
    return found


def _in_words(row: Sequence[int], at: int, pieces: Sequence[bytes]) -> str:
    if at == len(row) - 1:
        token = "END"
    elif pieces:
        token = repr(_text([row[at]], pieces))
    else:
        token = f"id {row[at]}"
    before = row[max(0, at - BEFORE_TOKENS) : at]
    if not before:
        return f"{token}, the first of its document"
    return f"{token} after {_text(before, pieces)!r}" if pieces else token


def _text(ids: Sequence[int], pieces: Sequence[bytes]) -> str:
    spelled = (pieces[token] if token < len(pieces) else b"" for token in ids)
    return b"".join(spelled).decode("utf-8", "replace")
