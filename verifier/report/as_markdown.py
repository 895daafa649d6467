"""How does a report look as a comment under a pull request? Short, and harmless.

Prose is let through only word by word, and only words that no renderer makes anything of; whatever
else there is stands in a code span, where nothing is a link, an image, a mention or HTML. Must
never let a word of a submission's become markup.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from verifier.report import captions, words
from verifier.report.harmless import NAME_SHOWN, clipped
from verifier.report.model import Finding, Report

REASON_SHOWN = 400

# what no renderer takes for markup: plain words, numbers with units and signs, lone symbols
_HARMLESS = re.compile(
    r"""[(“‘']?
    (?: [^\W\d_]+ (?:[-'’/][^\W\d_]+)* \d{0,2}
      | [+−-]?§?\d+ (?:[.,]\d+)* (?:e[+-]?\d+)? %?
      | [=–·→±δτα]
    )
    [)”’']? [.,;:!?…]* [)]?""",
    re.VERBOSE,
)
_HEXADECIMAL = re.compile(r"[0-9a-f]{7,}")
_FENCE = re.compile(r"`+")


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


def span(text: str, length: int = REASON_SHOWN) -> str:
    """`text` in a code span that nothing in it can end; a bar would end a table's cell."""
    shown = clipped(text, length).replace("|", "¦")
    if not shown.strip():
        return "(empty)"
    fence = "`" * (max((len(run) for run in _FENCE.findall(shown)), default=0) + 1)
    pad = " " if shown[0] == "`" or shown[-1] == "`" else ""
    return f"{fence}{pad}{shown}{pad}{fence}"


def prose(text: str) -> str:
    """`text` with every run of words that could be markup in a code span."""
    parts: list[str] = []
    doubtful: list[str] = []
    for word in [*clipped(text, REASON_SHOWN).split(), ""]:
        if word and not harmless(word):
            doubtful.append(word)
            continue
        if doubtful:
            parts.append(span(" ".join(doubtful)))
            doubtful.clear()
        parts.append(word)
    return " ".join(parts).strip()


def harmless(word: str) -> bool:
    """Whether no renderer makes anything of it; a run of hex digits may be linked as a commit."""
    return bool(_HARMLESS.fullmatch(word)) and not _HEXADECIMAL.search(word)


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
    yield f"**{verdict.bpb:.4f}{spread}** bits per byte{delta}"
    if len(report.seeds) > 1:
        yield ""
        for seed in report.seeds:
            yield f"- seed {seed.seed}: {words.bpb(seed.bpb)}, δ {words.bpb(seed.delta_bpb)}"
    yield ""
    yield prose(" ".join(verdict.bound[:1]))


def _table(findings: Sequence[Finding]) -> Iterator[str]:
    yield "| outcome | audit | what was found |"
    yield "| --- | --- | --- |"
    for finding in sorted(findings, key=lambda f: f.standing != "required"):
        aside = "" if finding.standing == "required" else " (not required)"
        yield f"| {_outcome(finding)} | {prose(finding.audit)}{aside} | {prose(finding.reason)} |"


def _unchecked(report: Report) -> Iterator[str]:
    found = words.unchecked(report.verdict.findings)
    if not found:
        yield "Every audit was run."
    for finding in found:
        yield f"- {prose(finding.audit)}: {prose(finding.reason)}"


def _outcome(finding: Finding) -> str:
    return f"{words.OUTCOME_GLYPHS[finding.outcome]} {finding.outcome.value}"
