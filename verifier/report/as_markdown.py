"""How does a report look as a comment under a pull request? Short, and harmless.

Every word that is not ours passes `quoting`. Must never let a word of a submission's become markup.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from verifier.report import captions, words
from verifier.report.harmless import NAME_SHOWN
from verifier.report.model import Finding, Report
from verifier.report.quoting import prose, span


def page(report: Report) -> str:
    """report.md."""
    verdict, submission = report.verdict, report.opening.submission
    glyph, name = words.ANSWER_GLYPHS[verdict.answer], span(submission.name, NAME_SHOWN)
    lines = [
        f"## {glyph} {verdict.answer.value}: {name}",
        "",
        prose(verdict.line),
        "",
        f"by {span(submission.author, NAME_SHOWN)}, {prose(report.opening.started_utc)}",
        "",
        "### Why",
        "",
        prose(verdict.why),
        "",
        *(f"- {prose(place)}" for place in captions.places(report)),
        *_reasons(report),
        "",
        "### Number",
        "",
        *_number(report),
        "",
        *_machine(report),
        "### Audits",
        "",
        *_table(verdict.findings),
        "",
        "### What was not checked",
        "",
        *_unchecked(report),
    ]
    notes = words.other_notes(verdict.notes)
    if notes:
        lines += ["", "### Notes", "", *(f"- {prose(note)}" for note in notes)]
    return "\n".join(lines) + "\n"


# ---------------------------------------------------------------- sections


def _reasons(report: Report) -> Iterator[str]:
    verdict = report.verdict
    for alike in words.alike(words.deciding(verdict.findings, verdict.required)):
        finding, names = alike[0], ", ".join(prose(each.audit) for each in alike)
        yield f"- {_outcome(finding)} **{names}**: {prose(finding.reason)}"
        if line := words.figures_line(finding.evidence):
            yield f"  - {prose(line)}"
        if finding.advice:
            yield f"  - what to do: {prose(finding.advice)}"


def _number(report: Report) -> Iterator[str]:
    verdict = report.verdict
    if verdict.bpb is None:
        yield "There is no number."
        return
    spread = "" if verdict.bpb_std is None else f" ± {verdict.bpb_std:.4f}"
    delta = "" if verdict.delta_bpb is None else f", δ {verdict.delta_bpb:.4f}"
    printed = "" if report.opening.submission.script is None else ", as it printed itself"
    yield f"**{verdict.bpb:.4f}{spread}** bits per byte{delta}{printed}"
    if len(report.seeds) > 1:
        yield ""
        for seed in report.seeds:
            bound = "" if seed.delta_bpb is None else f", δ {words.bpb(seed.delta_bpb)}"
            yield f"- seed {seed.seed}: {words.bpb(seed.bpb)}{bound}"
    yield ""
    if context := words.context(verdict.notes):
        yield from (prose(context), "")
    yield prose(" ".join(verdict.bound[:1]))


def _machine(report: Report) -> Iterator[str]:
    """What others took from each seed's boxes, and how fast the node was; nothing if unwatched."""
    watched = [seed for seed in report.seeds if seed.watched]
    if not watched:
        return
    yield from ("### Machine", "")
    for seed in watched:
        which = f"seed {seed.seed}: " if len(report.seeds) > 1 else ""
        yield f"- {which}{prose(captions.machine_line(seed.watched))}"
        if seed.speed is not None and (told := captions.speed_line(seed.speed)):
            yield f"- {which}{prose(told)}"
    yield ""


def _table(findings: Sequence[Finding]) -> Iterator[str]:
    yield "| outcome | audit | what was found |"
    yield "| --- | --- | --- |"
    for finding in sorted(findings, key=lambda f: f.standing != "required"):
        aside = "" if finding.standing == "required" else " (not required)"
        reason = prose(finding.reason, cell=True)
        yield f"| {_outcome(finding)} | {prose(finding.audit, cell=True)}{aside} | {reason} |"


def _unchecked(report: Report) -> Iterator[str]:
    found = words.unchecked(report.verdict.findings)
    if not found:
        yield "Every audit was run."
    for finding in found:
        yield f"- {prose(finding.audit)}: {prose(finding.reason)}"


def _outcome(finding: Finding) -> str:
    return f"{words.OUTCOME_GLYPHS[finding.outcome]} {finding.outcome.value}"
