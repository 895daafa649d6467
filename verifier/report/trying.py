"""How do we say what a trial at home found? What broke, where, which sentence of the contract, how
to mend it; then all else on a line each.

Must never speak of VERIFIED: a trial looks at a few short documents.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Protocol

from rich.console import Console

from verifier.records import Finding, Outcome
from verifier.report import words
from verifier.report.harmless import legible, legible_lines
from verifier.report.lettering import cut, heading, paragraph, put, written
from verifier.report.terminal import INDENT, OUTCOME_STYLES

SHOWN = 1000
SAID_LINES = 16
CONTRACT: Mapping[str, str] = {
    "protocol": "Each request has one answer of its shape, in time: score float [B, C] nats,"
    " finite and not negative; predict float [B, V] log-probabilities.",
    "lookahead": "predict is the definition, score the fast path that must agree with it: a"
    " token costs what it costs given the artifact and the earlier tokens of its row.",
    "normalization": "The V symbols, END among them, share one distribution that is fixed"
    " before the token is known: Σ exp(log-probability) = 1.",
    "reset": "reset() forgets everything learned since the artifact was loaded, and no row's"
    " answer depends on the rows beside it.",
    "purity": "score and predict change nothing that can be seen in any later answer: what is"
    " to be remembered is remembered in observe.",
    "determinism": "The same calls to a fresh box give the same answers; torch, numpy and random"
    " are seeded before every begin.",
    "bytes": "A document's tokens spell the document, byte by byte.",
    "artifact-size": "What training leaves in $OUT, with the code, stays below the cap; regular"
    " files and folders only.",
    "training": "train: in verify.yaml ends by itself with exit code 0, within the policy's limit.",
    "train-command": "train: in verify.yaml is a command that runs in the submission's folder;"
    " it reads $DATA and leaves the artifact in $OUT.",
    "claim": "submission.json claims the val_bpb that an independent run will measure.",
    "speed": "Scoring and its replay end within the policy's limits.",
}
SPEAKING = ("protocol", "training")
ANSWERS = {
    0: ("✓", "nothing found", "green"),
    1: ("✗", "broken", "bold red"),
    2: ("?", "something could not be shown", "bold yellow"),
}


class Found(Protocol):
    """What a trial hands back."""

    @property
    def reference(self) -> str:
        """The submission as it was asked for."""

    @property
    def name(self) -> str:
        """What it calls itself."""

    @property
    def findings(self) -> tuple[Finding, ...]:
        """In the order in which they are read."""

    @property
    def artifact(self) -> str:
        """What was scored with."""

    @property
    def ground(self) -> str:
        """In which box."""

    @property
    def tried_on(self) -> str:
        """On which documents."""

    @property
    def words(self) -> dict[str, str]:
        """The token of an example, by audit id."""

    @property
    def said(self) -> str:
        """The scorer's own last words, where it failed."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader should know."""

    @property
    def seconds(self) -> float:
        """How long it took."""

    @property
    def exit_code(self) -> int:
        """What follows."""


def as_json(found: Found) -> str:
    """One JSON object; `sentence` is the contract's, `example` names document, token and costs."""
    rows = [
        {
            "check": each.audit,
            "outcome": each.outcome.value,
            "reason": each.reason,
            "rule": each.rule,
            "sentence": CONTRACT.get(each.audit, ""),
            "fix": each.advice,
            "token": found.words.get(each.audit, ""),
            "evidence": dict(each.evidence),
        }
        for each in found.findings
    ]
    return json.dumps(
        {
            "reference": found.reference,
            "name": found.name,
            "exit_code": found.exit_code,
            "findings": rows,
            "artifact": found.artifact,
            "ground": found.ground,
            "tried_on": found.tried_on,
            "said": found.said,
            "notes": list(found.notes),
            "seconds": round(found.seconds, 2),
        },
        ensure_ascii=False,
    )


def render(found: Found, console: Console, next_command: str) -> None:
    """Print what was found; `next_command` is what to run when nothing was."""
    glyph, said, style = ANSWERS[found.exit_code]
    line = f"{glyph} {legible(found.reference)}: {said}, in {found.seconds:.1f} s"
    put(console, written(line, console, style))
    paragraph(console, f"on {found.tried_on}; {found.ground}", INDENT, style="dim")
    paragraph(console, f"artifact: {found.artifact}", INDENT, style="dim")
    wrong = [f for f in found.findings if f.outcome in (Outcome.BROKEN, Outcome.UNPROVEN)]
    # What has a place to look at comes first: the others often only say that they cannot tell.
    for finding in sorted(wrong, key=lambda f: "example" not in f.evidence):
        _explained(finding, found, console)
    heading(console, "Checks")
    width = max(len(each.audit) for each in found.findings)
    for each in found.findings:
        row = written(f"{' ' * INDENT}{_outcome(each):<10}", console, OUTCOME_STYLES[each.outcome])
        row.append_text(written(f"  {each.audit:<{width}}  {legible(each.reason)}", console))
        cut(console, row)
    for note in found.notes:
        paragraph(console, f"• {note}", INDENT, hanging=2, style="dim")
    if found.exit_code == 0:
        console.print()
        put(console, written(f"→ next: {next_command}", console))


def _explained(finding: Finding, found: Found, console: Console) -> None:
    """What, where, the sentence it breaks, the fix, and what the scorer said."""
    console.print()
    title = f"{_outcome(finding)}  {finding.audit}  {finding.rule}".rstrip()
    paragraph(console, title, INDENT, style=OUTCOME_STYLES[finding.outcome])
    rows: Sequence[tuple[str, str]] = (
        ("what", finding.reason),
        ("meaning", words.meaning(finding)),
        ("token", found.words.get(finding.audit, "")),
        ("contract", CONTRACT.get(finding.audit, "")),
        ("fix", finding.advice),
    )
    for label, text in rows:
        if text:
            paragraph(console, f"{label:<9} {text}", 2 * INDENT, hanging=10, at_most=SHOWN)
    if finding.audit in SPEAKING and found.said.strip():
        put(console, written(f"{' ' * 2 * INDENT}its last words:", console, "dim"))
        for line in legible_lines(found.said.strip()).splitlines()[-SAID_LINES:]:
            put(console, written(f"{' ' * 3 * INDENT}{line[:SHOWN]}", console, "dim"))


def _outcome(finding: Finding) -> str:
    return f"{words.OUTCOME_GLYPHS[finding.outcome]} {finding.outcome.value}"
