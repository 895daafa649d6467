"""How does a whole triage look on a terminal? Counts, then the rows that want a person first.

Must never rank what nobody screened: it is counted, and listed by its fault.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from verifier.report.harmless import clipped
from verifier.report.lettering import cut, heading, paragraph, styled, written
from verifier.report.screening import wording
from verifier.report.screening.terminal import ANSWER_STYLES, CONFIDENCE_STYLES, INDENT
from verifier.report.words import bpb, counted, seconds
from verifier.screening import Confidence, Rule
from verifier.screening.screened import Row, Triage

RULES_SAID = 12
FAULTS_SAID = 5
NUMBER_WIDTH = 7
SCORE_WIDTH = 9
ANSWER_WIDTH = 16
STATE_WIDTH = 7


def render(triage: Triage, console: Console, rules: Sequence[Rule], most: int = 40) -> None:
    """Print `triage`: how many of each answer, which rules spoke, and the first `most` rows."""
    _counts(triage, console)
    _rules(triage, console, rules)
    rows = ranked(triage.rows)
    if rows:
        _rows(rows[:most], console, rules)
        if len(rows) > most:
            paragraph(console, f"and {len(rows) - most:,} more", INDENT, style="dim")
    _faults(triage, console)
    console.print()
    paragraph(console, wording.CAVEAT, style="dim")


def ranked(rows: Sequence[Row]) -> list[Row]:
    """Screened rows: open before the rest, violations first, then by the number they claim."""
    order = list(wording.GLYPHS)

    def rank(row: Row) -> tuple[bool, int, float, int]:
        assert row.screening is not None
        score = wording.score(row.screening)
        low = math.inf if score is None or math.isnan(score) else score
        return (row.state != "open", order.index(row.screening.answer), low, row.number)

    return sorted((row for row in rows if row.screening is not None), key=rank)


def _counts(triage: Triage, console: Console) -> None:
    answers = Counter(row.screening.answer for row in triage.rows if row.screening is not None)
    none = len(triage.rows) - answers.total()
    title = f"{counted(len(triage.rows), 'pull request')} of {clipped(triage.repository)}"
    took = f", read in {seconds(triage.seconds)}" if triage.seconds else ""
    cut(console, styled(console, (title, "bold"), (took, "")))
    parts = [f"{glyph} {answers[answer]:,} {answer}" for answer, glyph in wording.GLYPHS.items()]
    parts += [f"{none:,} {wording.UNSCREENED}"] if none else []
    paragraph(console, " · ".join(parts), INDENT)


def _rules(triage: Triage, console: Console, rules: Sequence[Rule]) -> None:
    """Which rules asked for a person, and in how many submissions."""
    spoke: Counter[tuple[str, Confidence]] = Counter()
    for row in triage.rows:
        if row.screening is not None:
            spoke.update({(remark.rule, remark.confidence) for remark in row.screening.remarks})
    asked = [(key, n) for key, n in spoke.most_common() if key[1] is not Confidence.NOTE]
    if not asked:
        return
    heading(console, "What was found, in how many submissions")
    for (name, confidence), count in asked[:RULES_SAID]:
        rule = wording.rule_of(name, rules)
        said = f"{wording.CONFIDENCE_GLYPHS[confidence]} {confidence.value:<10}"
        parts = (
            (f"{count:>{NUMBER_WIDTH},}  ", ""),
            (said, CONFIDENCE_STYLES[confidence]),
            (f" {rule.id}", ""),
            (f"  {' '.join(rule.classes)}".rstrip(), "dim"),
        )
        cut(console, styled(console, *parts))
    if len(asked) > RULES_SAID:
        paragraph(console, f"and {len(asked) - RULES_SAID} more", INDENT, style="dim")


def _rows(rows: Sequence[Row], console: Console, rules: Sequence[Rule]) -> None:
    console.print()
    states = any(row.state for row in rows)
    state = f"{'state':<{STATE_WIDTH}}" if states else ""
    title = f"{'#':>{NUMBER_WIDTH}}  {'answer':<{ANSWER_WIDTH}}{'bpb':<{SCORE_WIDTH}}{state}what"
    cut(console, written(title, console, "bold"))
    for row in rows:
        cut(console, _row(row, console, rules, states=states))


def _row(row: Row, console: Console, rules: Sequence[Rule], *, states: bool) -> Text:
    screening = row.screening
    assert screening is not None
    answer = f"{wording.GLYPHS[screening.answer]} {screening.answer.value}"
    number = clipped(bpb(wording.score(screening)), SCORE_WIDTH - 1)
    state = f"{clipped(row.state, STATE_WIDTH - 1):<{STATE_WIDTH}}" if states else ""
    asked = [each.rule.id for each in wording.asking(screening.remarks, rules)]
    what = "".join(asked[:1]) + (f" +{len(asked) - 1}" if len(asked) > 1 else "")
    name = row.title or wording.named(screening)
    return styled(
        console,
        (f"{row.number:>{NUMBER_WIDTH}}  ", ""),
        (f"{answer:<{ANSWER_WIDTH}}", ANSWER_STYLES[screening.answer]),
        (f"{number:<{SCORE_WIDTH}}{state}", ""),
        (f"{what}  " if what else "", ""),
        (clipped(name), "dim"),
    )


def _faults(triage: Triage, console: Console) -> None:
    faults = Counter(wording.unread(row) for row in triage.rows if row.screening is None)
    if not faults:
        return
    heading(console, wording.UNSCREENED.capitalize())
    for said, count in faults.most_common(FAULTS_SAID):
        paragraph(console, f"{count:>{NUMBER_WIDTH},}  {said}", hanging=NUMBER_WIDTH + 2)
    if len(faults) > FAULTS_SAID:
        paragraph(console, f"and {len(faults) - FAULTS_SAID} other reasons", INDENT, style="dim")
