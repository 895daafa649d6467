"""How do we say what a recheck showed? The verdict, what each depth proved and did not, and whose.

Must never say a verdict of what was forged.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Protocol

from rich.console import Console

from verifier.ledger.codec import encode_record
from verifier.records import Verdict
from verifier.report.lettering import heading, paragraph
from verifier.report.terminal import render as render_verdict

INDENT = 2
WHOLE = 10_000
"""Characters: nothing that is told here is longer."""
_SHOWN_KEY = 16
RULES = {True: "as shipped", False: "NOT the one that ships under that name", None: "a file"}


class Signer(Protocol):
    """Whose signature."""

    @property
    def standing(self) -> str:
        """own, trusted, unknown or unsigned."""

    @property
    def key(self) -> str | None:
        """Hex, None for nobody's."""

    @property
    def name(self) -> str:
        """In the reader's list, "" for none."""


class Looked(Protocol):
    """One depth."""

    @property
    def depth(self) -> str:
        """Its name."""

    @property
    def proved(self) -> Sequence[str]:
        """In sentences."""

    @property
    def unproven(self) -> Sequence[str]:
        """What such a look cannot prove."""

    @property
    def doubts(self) -> Sequence[str]:
        """What it could not settle."""


class Rechecked(Protocol):
    """All that a recheck says; see `pipeline.rechecking`."""

    @property
    def verdict(self) -> Verdict | None: ...
    @property
    def forged(self) -> str: ...
    @property
    def looked(self) -> Sequence[Looked]: ...
    @property
    def signer(self) -> Signer: ...
    @property
    def run_under(self) -> str: ...
    @property
    def self_run(self) -> bool: ...
    @property
    def policy_digest(self) -> str: ...
    @property
    def policy_as_shipped(self) -> bool | None: ...
    @property
    def sha256(self) -> str: ...
    @property
    def file_bytes(self) -> int: ...


def whose(signer: Signer) -> str:
    """One sentence on who signed."""
    name = f" ({signer.name})" if signer.name else ""
    match signer.standing:
        case "own":
            return f"signed by key {signer.key}, your own"
        case "trusted":
            return f"signed by key {signer.key}{name}, which you trust"
        case "unknown":
            return f"signed by key {signer.key}, which you do not know: it is a claim"
        case _:
            return "nobody signed this ledger: it is a claim"


def as_json(found: Rechecked, exit_code: int) -> str:
    """The same for machines: the verdict's own keys, then what the recheck adds."""
    body: dict[str, Any] = {} if found.verdict is None else encode_record(found.verdict)
    return json.dumps(
        {
            **body,
            "forged": found.forged or None,
            "depths": [
                {
                    "depth": str(each.depth),
                    "proved": list(each.proved),
                    "not_proved": list(each.unproven),
                    "doubts": list(each.doubts),
                }
                for each in found.looked
            ],
            "rules": f"{RULES[found.policy_as_shipped]}, sha256 {found.policy_digest}",
            "signature": whose(found.signer),
            "signer": {
                "standing": str(found.signer.standing),
                "key": found.signer.key,
                "name": found.signer.name,
            },
            "run_under": found.run_under,
            "bundle": {"sha256": found.sha256, "bytes": found.file_bytes} if found.sha256 else None,
            "exit_code": exit_code,
        }
    )


def render(found: Rechecked, console: Console) -> None:
    """Print the verdict, or that there is none; then each depth, rules, signature and bundle."""
    if found.verdict is None:
        paragraph(console, f"✗ FORGED · {found.forged}", style="bold red", at_most=WHOLE)
    else:
        render_verdict(found.verdict, console)
    for each in found.looked:
        heading(console, f"Depth {each.depth}")
        for glyph, said in (
            *(("✓", said) for said in each.proved),
            *(("!", said) for said in each.doubts),
            *(("–", f"not proved: {said}") for said in each.unproven),
        ):
            paragraph(console, f"{glyph} {said}", INDENT, hanging=2, at_most=WHOLE)
    console.print()
    if found.policy_digest:
        rules = f"{RULES[found.policy_as_shipped]}, sha256 {found.policy_digest}"
        paragraph(console, f"rules: {rules}", at_most=WHOLE)
    if found.verdict is not None:
        paragraph(console, f"signature: {_signature(found)}", at_most=WHOLE)
    if found.sha256:
        size = f"{found.file_bytes:,} bytes"
        paragraph(console, f"bundle: sha256 {found.sha256}, {size}", at_most=WHOLE)


def _signature(found: Rechecked) -> str:
    said = whose(found.signer)
    if found.signer.key is not None and found.signer.key != found.run_under:
        said += f"; it was run under another, {found.run_under}"
    elif found.self_run:
        said += "; run by its submitter, so a claim to others"
    return said
