"""How does a verdict look on a terminal, or in a pipe? Glyph and word first, colour as a bonus.

Nothing is parsed as markup and no control character gets through, whatever a submission called
itself. Must never say a thing by colour alone.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from verifier.records import Answer, Finding, Outcome, Verdict
from verifier.report import words
from verifier.report.harmless import legible
from verifier.report.lettering import cut, heading, paragraph, put, written

ANSWER_STYLES = {
    Answer.VERIFIED: "bold green",
    Answer.REPRODUCED: "bold cyan",
    Answer.REFUTED: "bold red",
    Answer.INCONCLUSIVE: "bold yellow",
}
OUTCOME_STYLES = {
    Outcome.KEPT: "green",
    Outcome.BROKEN: "bold red",
    Outcome.UNPROVEN: "yellow",
    Outcome.NOT_RUN: "dim",
}
SEPARATOR = " · "
INDENT = 2


def render(verdict: Verdict, console: Console) -> None:
    """Print `verdict`: its line, the reasons, all audits, what was not checked, and notes.

    On a terminal lines are wrapped or cut to its width; in a pipe the verdict's line and each
    audit stay one line, however long, so that they can be searched.
    """
    _line(verdict, console)
    if context := words.context(verdict.notes):
        paragraph(console, context)
    console.print()
    paragraph(console, words.why(verdict.answer, verdict.findings, verdict.required))
    for alike in words.alike(words.deciding(verdict.findings, verdict.required)):
        _reason(alike, console)
    _audits(verdict, console)
    if unchecked := words.unchecked(verdict.findings):
        heading(console, "Not checked")
        paragraph(console, ", ".join(finding.audit for finding in unchecked), INDENT)
    if notes := words.other_notes(verdict.notes):
        heading(console, "Notes")
        for note in notes:
            paragraph(console, f"• {note}", INDENT, hanging=2)


def _line(verdict: Verdict, console: Console) -> None:
    """The one line; on a terminal it breaks only between its parts."""
    glyph = words.ANSWER_GLYPHS[verdict.answer]
    lines = [f"{glyph} {verdict.line}"]
    if console.is_terminal:
        first, *parts = lines[0].split(SEPARATOR)
        lines = [first]
        for part in parts:
            longer = f"{lines[-1]}{SEPARATOR}{part}"
            if written(longer, console).cell_len <= console.width:
                lines[-1] = longer
            else:
                lines.append(f"{' ' * INDENT}{SEPARATOR.lstrip()}{part}")
    for said in lines:
        shown = written(said, console)
        shown.highlight_words([verdict.answer.value], ANSWER_STYLES[verdict.answer])
        put(console, shown)


def _reason(alike: Sequence[Finding], console: Console) -> None:
    """Required audits that are not Kept for one reason: what, why, the figures, what to do."""
    finding = alike[0]
    console.print()
    names, rule = ", ".join(each.audit for each in alike), finding.rule if len(alike) == 1 else ""
    paragraph(
        console,
        f"{_outcome(finding)}  {names}  {rule}".rstrip(),
        INDENT,
        hanging=2,
        style=OUTCOME_STYLES[finding.outcome],
    )
    paragraph(console, finding.reason, 2 * INDENT)
    if figures := words.figures_line(finding.evidence):
        paragraph(console, figures, 2 * INDENT, style="dim")
    if meaning := words.meaning(finding):
        paragraph(console, meaning, 2 * INDENT)
    if finding.advice:
        paragraph(console, f"→ {finding.advice}", 2 * INDENT, hanging=2)


def _audits(verdict: Verdict, console: Console) -> None:
    """One line for each audit: required ones, then those that never decide."""
    required = [f for f in verdict.findings if f.audit in verdict.required]
    others = [f for f in verdict.findings if f.audit not in verdict.required]
    width = max((len(legible(f.audit)) for f in verdict.findings), default=0)
    for said, findings in (("Audits", required), ("Shown, never deciding", others)):
        if findings:
            heading(console, said)
            _rows(findings, width, console)


def _rows(findings: Sequence[Finding], width: int, console: Console) -> None:
    for finding in findings:
        row = written(f"{' ' * INDENT}{_outcome(finding):<10}", console)
        row.stylize(OUTCOME_STYLES[finding.outcome])
        row.append_text(written(f"  {legible(finding.audit):<{width}}  {finding.reason}", console))
        cut(console, row)


def _outcome(finding: Finding) -> str:
    return f"{words.OUTCOME_GLYPHS[finding.outcome]} {finding.outcome.value}"
