"""How does screening look to a code scanner's reader? SARIF 2.1.0, one result a remark.

A message may hold links and placeholders, so brackets and braces of theirs are escaped as the
format demands. A line of an unpacked text is no line of the file, and is said in words instead.
Must never point at a place that is not there.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import quote

from verifier import __version__
from verifier.report.harmless import clipped
from verifier.report.screening import wording
from verifier.screening import Confidence, Location, Remark, Rule, ruled
from verifier.screening.screened import Row, Screening, Triage

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/schemas/sarif-schema-2.1.0.json"
SAID_SHOWN = 1000
PLACES_SAID = 10

_LEVELS = {
    Confidence.VIOLATION: "error",
    Confidence.REVIEW: "warning",
    Confidence.NOTE: "note",
}
_MARKS = re.compile(r"[\\\[\]]")


def screen(screening: Screening, rules: Sequence[Rule]) -> str:
    """screen.sarif; ends with a line break."""
    return _log(rules, [screening], [_results(screening, rules)], [])


def triage(found: Triage, rules: Sequence[Rule]) -> str:
    """triage.sarif: every row's remarks in one run, unreadable rows as notifications."""
    screened = [row for row in found.rows if row.screening is not None]
    results = [
        _ruled(
            _results(row.screening, rules, {"pull_request": row.number, "head": clipped(row.head)}),
            row,
        )
        for row in screened
        if row.screening is not None
    ]
    faults = [
        {
            "level": "warning",
            "message": {"text": message(f"#{row.number}: {row.fault}")},
            "properties": {"pull_request": row.number},
        }
        for row in found.rows
        if row.fault
    ]
    return _log(rules, [row.screening for row in screened if row.screening], results, faults)


def message(text: str) -> str:
    """`text` as a message: no link, no placeholder."""
    shown = _MARKS.sub(r"\\\g<0>", clipped(text, SAID_SHOWN))
    return shown.replace("{", "{{").replace("}", "}}")


def _log(
    rules: Sequence[Rule],
    screenings: Sequence[Screening],
    results: Sequence[Iterator[dict[str, Any]]],
    faults: Sequence[dict[str, Any]],
) -> str:
    spoken = _spoken(rules, screenings)
    places = {clipped(rule.id): place for place, rule in enumerate(spoken)}
    run = {
        "tool": {
            "driver": {
                "name": "golf-verifier",
                "version": __version__,
                "rules": [_rule(rule) for rule in spoken],
            }
        },
        "invocations": [{"executionSuccessful": True, "toolExecutionNotifications": list(faults)}],
        "columnKind": "unicodeCodePoints",
        "results": [
            {**result, "ruleIndex": places[result["ruleId"]]} for each in results for result in each
        ],
    }
    log = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(log, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _spoken(rules: Sequence[Rule], screenings: Sequence[Screening]) -> list[Rule]:
    """Those that a remark names, in the order of `rules`; strangers last."""
    known = {rule.id for rule in rules}
    named = dict.fromkeys(remark.rule for each in screenings for remark in each.remarks)
    strangers = [wording.rule_of(name, ()) for name in named if name not in known]
    return [*(rule for rule in rules if rule.id in named), *strangers]


def _rule(rule: Rule) -> dict[str, Any]:
    sentence = message(rule.sentence or rule.id)
    return {
        "id": clipped(rule.id),
        "shortDescription": {"text": sentence},
        "fullDescription": {"text": sentence},
        "help": {"text": message(rule.clear or rule.id)},
        "defaultConfiguration": {"level": _LEVELS[rule.at_most]},
        "properties": {"tags": [*rule.classes, *filter(None, rule.clause.split(", "))]},
    }


# ---------------------------------------------------------------- results


def _results(
    screening: Screening, rules: Sequence[Rule], about: dict[str, Any] | None = None
) -> Iterator[dict[str, Any]]:
    for each in wording.found(screening.remarks, rules):
        for remark in each.remarks:
            yield _result(remark, screening, about or {})


def _ruled(results: Iterator[dict[str, Any]], row: Row) -> Iterator[dict[str, Any]]:
    """Each with what a person ruled: a dismissed one is suppressed, in the format's own words."""
    rulings = {clipped(ruling.rule): ruling for ruling in row.rulings}
    for result in results:
        if (ruling := rulings.get(result["ruleId"])) is None:
            yield result
            continue
        said = clipped(ruled.said(ruling), SAID_SHOWN)
        properties = {**result["properties"], "ruling": said}
        status = "accepted" if ruling.dismissed else "rejected"
        suppression = {"kind": "external", "status": status, "justification": said}
        yield {**result, "properties": properties, "suppressions": [suppression]}


def _result(remark: Remark, screening: Screening, about: dict[str, Any]) -> dict[str, Any]:
    unpacked = [wording.where(place) for place in wording.places(remark) if place.layer]
    said = f"{remark.said} ({', '.join(unpacked[:PLACES_SAID])})" if unpacked else remark.said
    inherited = {"inherited_from": clipped(remark.inherited_from)} if remark.inherited_from else {}
    return {
        "ruleId": clipped(remark.rule),
        "level": _LEVELS[remark.confidence],
        "message": {"text": message(said)},
        "locations": [
            _location(place, screening.folder) for place in wording.places(remark)[:PLACES_SAID]
        ],
        "partialFingerprints": {"screening/v1": _fingerprint(remark)},
        "properties": {**about, **inherited},
    }


def _location(place: Location, folder: str) -> dict[str, Any]:
    physical: dict[str, Any] = {"artifactLocation": {"uri": address(folder, place.path)}}
    line = wording.in_file(place)
    if line:
        snippet = {"snippet": {"text": clipped(place.text, SAID_SHOWN)}} if place.text else {}
        physical["region"] = {"startLine": line, **snippet}
    return {"physicalLocation": physical}


def address(folder: str, path: str) -> str:
    """A relative address from the repository's root: whatever could steer it is quoted.

    A byte of a name that is no UTF-8 is that byte again.
    """
    whole = wording.joined(folder, path)
    escaped = all("\udc80" <= mark <= "\udcff" for mark in whole if "\ud800" <= mark <= "\udfff")
    return quote(whole, safe="/", errors="surrogateescape" if escaped else "surrogatepass")


def _fingerprint(remark: Remark) -> str:
    """The same while rule, file and line's text are, wherever the line stands."""
    first = next(iter(wording.places(remark)), Location(path=""))
    parts = (remark.rule, first.path, first.layer, first.text.strip())
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]
