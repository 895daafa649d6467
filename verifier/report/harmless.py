"""How does text that somebody else wrote stop being able to do anything?

Names, logs, messages and claims come from a submission. Whatever could move a cursor, turn the
direction of writing, hide or pile up is written out as its escape, so that a reader sees that it
is there. Escaping for a format (HTML, Markdown) comes on top and is that format's own. Must never
drop a character in silence.
"""

from __future__ import annotations

import re
import unicodedata

NAME_SHOWN = 120
STACKED_AT_MOST = 2

# controls, formats (bidi, zero width), surrogates, private, unassigned, line and paragraph breaks
_ESCAPED = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_STACKING = frozenset({"Mn", "Me"})
# letters and symbols that look like nothing at all
_BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0")
_LINE_END = re.compile(r"\r\n?")


def legible(text: str) -> str:
    """`text` on one line, with every character visible; spaces of any kind become plain ones."""
    if text.isascii() and text.isprintable():
        return text
    shown: list[str] = []
    stacked = 0
    for character in text:
        kind = unicodedata.category(character)
        stacked = stacked + 1 if kind in _STACKING else 0
        if kind in _ESCAPED or character in _BLANK or stacked > STACKED_AT_MOST:
            shown.append(character.encode("unicode_escape").decode("ascii"))
        else:
            shown.append(" " if kind == "Zs" else character)
    return "".join(shown)


def legible_lines(text: str) -> str:
    """A log: `legible` line by line. A lone carriage return (a progress bar) starts a line."""
    lines = _LINE_END.sub("\n", text).split("\n")
    return "\n".join(legible(line.expandtabs()) for line in lines)


def clipped(text: str, length: int = NAME_SHOWN) -> str:
    """`legible` text of at most `length` characters, the last an ellipsis where it was longer."""
    shown = legible(text)
    return shown if len(shown) <= length else shown[: length - 1] + "…"


def storable(text: str) -> str:
    """Verbatim, but for lone surrogates, which no UTF-8 file can hold."""
    return text.encode("utf-8", "replace").decode("utf-8")
