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
from verifier.screening import Confidence, Rule, ruled
from verifier.screening.ruled import answer, standing
from verifier.screening.screened import Row, Triage

RULES_SAID = 12
FAULTS_SAID = 5
RULINGS_SAID = 12
RULING_SHOWN = 300
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
    _rulings(triage, console)
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
        return (row.state != "open", order.index(answer(row)), low, row.number)

    return sorted((row for row in rows if row.screening is not None), key=rank)


def _counts(triage: Triage, console: Console) -> None:
    answers = Counter(answer(row) for row in triage.rows if row.screening is not None)
    none = len(triage.rows) - answers.total()
    title = f"{counted(len(triage.rows), 'pull request')} of {clipped(triage.repository)}"
    took = f", read in {seconds(triage.seconds)}" if triage.seconds else ""
    cut(console, styled(console, (title, "bold"), (took, "")))
    parts = [f"{glyph} {answers[word]:,} {word}" for word, glyph in wording.GLYPHS.items()]
    parts += [f"{none:,} {wording.UNSCREENED}"] if none else []
    paragraph(console, " · ".join(parts), INDENT)


def _rules(triage: Triage, console: Console, rules: Sequence[Rule]) -> None:
    """Which rules asked for a person, and in how many submissions."""
    spoke: Counter[tuple[str, Confidence]] = Counter()
    for row in triage.rows:
        spoke.update({(remark.rule, remark.confidence) for remark in standing(row)})
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
    found = answer(row)
    said = f"{wording.GLYPHS[found]} {found.value}"
    number = clipped(bpb(wording.score(screening)), SCORE_WIDTH - 1)
    state = f"{clipped(row.state, STATE_WIDTH - 1):<{STATE_WIDTH}}" if states else ""
    asked = [each.rule.id for each in wording.asking(standing(row), rules)]
    what = "".join(asked[:1]) + (f" +{len(asked) - 1}" if len(asked) > 1 else "")
    folder = f" · {clipped(wording.named(screening))}" if row.title else ""
    return styled(
        console,
        (f"{row.number:>{NUMBER_WIDTH}}  ", ""),
        (f"{said:<{ANSWER_WIDTH}}", ANSWER_STYLES[found]),
        (f"{number:<{SCORE_WIDTH}}{state}", ""),
        (f"{what}  " if what else "", ""),
        (f"{clipped(wording.called(row))}{folder}", "dim"),
    )


def _rulings(triage: Triage, console: Console) -> None:
    """What people ruled, each with its finding: a dismissed one counts above no more."""
    rulings = [(row.number, ruling) for row in triage.rows for ruling in row.rulings]
    if not rulings:
        return
    heading(console, "Ruled by people")
    for number, ruling in rulings[:RULINGS_SAID]:
        said = f"{number:>{NUMBER_WIDTH}}  {ruling.rule}: {ruled.said(ruling)}"
        paragraph(console, clipped(said, RULING_SHOWN), hanging=NUMBER_WIDTH + 2)
    if len(rulings) > RULINGS_SAID:
        paragraph(console, f"and {len(rulings) - RULINGS_SAID} more", INDENT, style="dim")


def _faults(triage: Triage, console: Console) -> None:
    faults = Counter(wording.unread(row) for row in triage.rows if row.screening is None)
    if not faults:
        return
    heading(console, wording.UNSCREENED.capitalize())
    for said, count in faults.most_common(FAULTS_SAID):
        paragraph(console, f"{count:>{NUMBER_WIDTH},}  {said}", hanging=NUMBER_WIDTH + 2)
    if len(faults) > FAULTS_SAID:
        paragraph(console, f"and {len(faults) - FAULTS_SAID} other reasons", INDENT, style="dim")
