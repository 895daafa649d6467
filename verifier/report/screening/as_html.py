"""How does a triage look in a browser? One file that asks no server for anything.

Its only script is ours, named by its hash in the page's own policy, and sets text as text: a page
without trusted types cannot even parse HTML. Rows are embedded as JSON in which nothing ends a
script; findings and differences, which are most of the bytes, are packed. Must never let a word of
a submission's become markup, an address or a style.
"""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from verifier.report.harmless import clipped, legible
from verifier.report.screening import wording
from verifier.report.words import counted
from verifier.screening import Confidence, Location, Remark, Rule
from verifier.screening.ruled import answer
from verifier.screening.screened import Row, Ruling, Screening, Triage

PAGES = Path(__file__).resolve().parent.parent / "pages"
STYLES = ("tokens.css", "triage/triage.css")
SCRIPTS = tuple(f"triage/{name}.js" for name in ("data", "making", "list", "panel", "page"))

SAID_SHOWN = 1000
VALUE_SHOWN = 1500
LINE_SHOWN = 240
NAME_SHOWN = 200
WORD_SHOWN = 40
REMARKS_SAID = 200
PLACES_SAID = 12
VALUES_SAID = 12
DIFF_LINES = 600

_ANSWERS = [*wording.GLYPHS]
_UNSCREENED = len(_ANSWERS)
_CONFIDENCES = [*Confidence]
_NOT_RULED, _DISMISSED, _UPHELD = range(3)
# nothing in the JSON may end the element that holds it, nor begin a comment in it
_ENDING = {ord(mark): f"\\u{ord(mark):04x}" for mark in "<>&\u2028\u2029"}


def page(triage: Triage, rules: Sequence[Rule]) -> str:
    """triage.html."""
    style, script = _style(), _script()
    spoken = _spoken(triage, rules)
    places = {rule.id: place for place, rule in enumerate(spoken)}
    index = {
        "repository": legible(triage.repository),
        "rules": [_rule(rule) for rule in spoken],
        "rows": [_row(row, spoken, places) for row in triage.rows],
    }
    details = [_detail(row, spoken, places) for row in triage.rows]
    return (
        _environment()
        .get_template("triage/triage.html")
        .render(
            repository=clipped(triage.repository),
            count=counted(len(triage.rows), "pull request"),
            version=clipped(triage.verifier_version),
            policy=clipped(triage.policy),
            main=clipped(triage.main),
            style=Markup(style),
            style_hash=_hash(style),
            script=Markup(script),
            script_hash=_hash(script),
            index=Markup(embedded(index)),
            details=Markup(_packed(details)),
        )
    )


def embedded(value: Any) -> str:
    """`value` as JSON within a script element, which nothing in it can end."""
    made = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return made.translate(_ENDING)


def _packed(value: Any) -> str:
    made = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return base64.b64encode(zlib.compress(made.encode(), 6)).decode("ascii")


# ---------------------------------------------------------------- ours


@cache
def _style() -> str:
    return "".join((PAGES / name).read_text("utf-8") for name in STYLES)


@cache
def _script() -> str:
    parts = "\n".join((PAGES / name).read_text("utf-8") for name in SCRIPTS)
    return f'"use strict";\n(() => {{\n{parts}}})();\n'


def _hash(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")
    return f"sha256-{digest}"


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(PAGES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
    )


# ---------------------------------------------------------------- what a list needs


def _spoken(triage: Triage, rules: Sequence[Rule]) -> list[Rule]:
    """All rules, and those that only a remark names."""
    known = {rule.id for rule in rules}
    screened = (row.screening for row in triage.rows if row.screening is not None)
    named = dict.fromkeys(remark.rule for each in screened for remark in each.remarks)
    return [*rules, *(wording.rule_of(name, ()) for name in named if name not in known)]


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        "id": clipped(rule.id),
        "sentence": legible(rule.sentence),
        "clause": legible(rule.clause),
        "clear": legible(rule.clear),
        "classes": [clipped(name) for name in rule.classes],
    }


def _row(row: Row, rules: Sequence[Rule], places: dict[str, int]) -> dict[str, Any]:
    """One letter a key, as every row has them all: what a list shows, sorts and filters by."""
    screening, parent = row.screening, row.parent
    rulings = {each.rule: _DISMISSED if each.dismissed else _UPHELD for each in row.rulings}
    made: dict[str, Any] = {
        "n": row.number,
        "a": _UNSCREENED,
        "s": clipped(row.state, WORD_SHOWN),
        "w": clipped(row.author, NAME_SHOWN),
        "t": clipped(wording.called(row), NAME_SHOWN),
        "d": clipped(row.created, WORD_SHOWN),
        "q": clipped(wording.unread(row), NAME_SHOWN) if screening is None else "",
        "h": len(row.rulings),
        "r": [],
        "f": "",
        "b": None,
        "c": None,
        "l": None,
        "p": None if parent is None else parent.number,
        "ps": None if parent is None else wording.finite(parent.similarity),
        "pc": None if parent is None else parent.changed_lines,
    }
    if screening is not None:
        claimed = screening.claimed
        who = "" if claimed is None else claimed.author or claimed.github_id
        made |= {
            "a": _ANSWERS.index(answer(row)),
            "w": clipped(row.author or who, NAME_SHOWN),
            "f": clipped(wording.folder(screening), NAME_SHOWN),
            "r": [
                [
                    places[each.rule.id],
                    _CONFIDENCES.index(each.confidence),
                    len(each.remarks),
                    rulings.get(each.rule.id, _NOT_RULED),
                ]
                for each in wording.found(screening.remarks, rules)
            ],
            "b": wording.finite(wording.score(screening)),
            "c": wording.finite(wording.claimed_bpb(screening)),
            "l": wording.finite(wording.logged_bpb(screening)),
        }
    return made


# ---------------------------------------------------------------- what one row opens


def _detail(row: Row, rules: Sequence[Rule], places: dict[str, int]) -> dict[str, Any]:
    screening = row.screening
    return {
        "e": clipped(row.head, NAME_SHOWN),
        "q": clipped(row.fault, SAID_SHOWN),
        "x": [clipped(said, SAID_SHOWN) for said in wording.touched(row)],
        "z": [_ruling(ruling) for ruling in row.rulings],
        "g": [] if row.parent is None else _diff(row.parent.diff),
        "k": [] if screening is None else _facts(screening, row),
        "m": [] if screening is None else _remarks(screening, rules, places),
    }


def _facts(screening: Screening, row: Row) -> list[list[str]]:
    # the folder stands under the title
    facts = [fact for fact in wording.facts(screening) if fact[0] != "folder"]
    if row.against is not None:
        facts.insert(0, ("against", wording.against(row.against)))
    return [[name, clipped(value, VALUE_SHOWN)] for name, value in facts]


def _remarks(
    screening: Screening, rules: Sequence[Rule], places: dict[str, int]
) -> list[list[Any]]:
    found = wording.found(screening.remarks, rules)
    remarks = [_remark(remark, each, places) for each in found for remark in each.remarks]
    return remarks[:REMARKS_SAID]


def _remark(remark: Remark, each: wording.Found, places: dict[str, int]) -> list[Any]:
    values = list(remark.values.items())[:VALUES_SAID]
    return [
        places[each.rule.id],
        _CONFIDENCES.index(remark.confidence),
        clipped(remark.said, SAID_SHOWN),
        [[clipped(name), clipped(wording.figure(value), LINE_SHOWN)] for name, value in values],
        clipped(remark.inherited_from, NAME_SHOWN),
        [_place(place) for place in wording.places(remark)[:PLACES_SAID]],
        max(0, len(wording.places(remark)) - PLACES_SAID),
    ]


def _place(place: Location) -> list[Any]:
    text = clipped(place.text.expandtabs(4).rstrip(), LINE_SHOWN)
    return [clipped(place.path, NAME_SHOWN), place.line, text, clipped(place.layer)]


def _ruling(ruling: Ruling) -> list[Any]:
    said = [clipped(text, SAID_SHOWN) for text in (ruling.name, ruling.date, ruling.reason)]
    return [clipped(ruling.rule), int(ruling.dismissed), *said]


def _diff(text: str) -> list[str]:
    if not text.strip():
        return []
    lines = text.split("\n")
    shown = [clipped(line.expandtabs(4).rstrip("\r"), LINE_SHOWN) for line in lines[:DIFF_LINES]]
    more = len(lines) - DIFF_LINES
    return [*shown, f"@@ and {counted(more, 'more line')}"] if more > 0 else shown
