"""Where does a log hold the source of the script that made it?

Scripts of this competition print themselves first and end the text with a rule of 100 "=". Some
print their settings before it, and a rule, under "Source code:".
The text's own line end is followed by the one that `print` adds, which belongs to the log.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from verifier.source.logs.record import Embedded

RULE = b"\n" + b"=" * 100 + b"\n"
_START = re.compile(
    rb'^(?:"""|\'\'\'|#!|from __future__ |import [a-z]|from [A-Za-z_.]{1,80} import )', re.M
)
_NAMED = b"Source code:" + RULE
_LOGGED = re.compile(
    rb"^(?:final_|step:|stopping_early|Total submission|Serialized model|\s{0,4}eval: )[^\n]*\n",
    re.M,
)
LONGEST = 4_000_000
_WORDS = (b"\nimport ", b"\ndef ", b"\nclass ", b"\nfrom ")


def find_embedded(content: bytes) -> tuple[Embedded, ...]:
    """Every embedded source, in order. One pass: each byte is looked at a fixed number of times."""
    found: list[Embedded] = []
    place = _Place(content)
    begin = 0
    rule = content.find(RULE)
    while rule >= 0:
        after = rule + len(RULE)
        if rule - begin <= LONGEST:
            embedded = _between(place, begin, rule)
            if embedded is not None:
                found.append(embedded)
        begin = after
        rule = content.find(RULE, after - 1)
    return tuple(found)


@dataclass(slots=True)
class _Place:
    """Counts lines forward only."""

    content: bytes
    at: int = 0
    line: int = 1

    def line_of(self, at: int) -> int:
        self.line += self.content.count(b"\n", self.at, at)
        self.at = at
        return self.line


def _between(place: _Place, begin: int, end: int) -> Embedded | None:
    """The source that ends at the rule at `end`, after everything that is still log."""
    content = place.content
    named = content.endswith(_NAMED, 0, begin)
    for logged in _LOGGED.finditer(content, begin, end):
        begin = logged.end()
    whole = named or content.startswith((b"#", b'"', b"'"), begin)
    if not whole and (start := _START.search(content, begin, end)) is not None:
        begin, whole = start.start(), True
    text_has = sum(content.find(word, max(begin - 1, 0), end) >= 0 for word in _WORDS)
    if text_has < 2:
        return None
    first = place.line_of(begin)
    return Embedded(
        begin=begin,
        end=end,
        first_line=first,
        last_line=place.line_of(end) - (content[end - 1 : end] == b"\n"),
        whole=whole,
    )
