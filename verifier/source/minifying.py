"""How small is this source text, as the same program? Drops what only people read.

Comments, blank lines and indentation beyond one space a level go; names, docstrings and everything
else that a running program can see stay, so the result is never smaller than an honest wrapper of
it. Works on tokens only: it must never evaluate or compile a submission's text. Where the result
would not be the same tokens, or the text is not plain UTF-8 Python, it is the text itself.
"""

from __future__ import annotations

import io
import token
import tokenize
from dataclasses import dataclass, field
from itertools import islice

MINIFIED_AT_MOST = 1_000_000
TOKENS_AT_MOST = 250_000
"""Of a text that is minified; the longest scripts have 100,000."""
_FSTRING_START = getattr(token, "FSTRING_START", -1)
_FSTRING_END = getattr(token, "FSTRING_END", -1)
_INVISIBLE = frozenset({tokenize.NL, tokenize.COMMENT})
_SPACING = frozenset({tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT})
_UNREADABLE = (tokenize.TokenError, SyntaxError, ValueError, RecursionError)


@dataclass(slots=True)
class _Layout:
    """What the tokens say about each row (1-based)."""

    inside_string: set[int] = field(default_factory=set)
    """Rows that start inside a string: their leading blanks are content."""
    open_string: set[int] = field(default_factory=set)
    """Rows that end inside a string: their trailing blanks are content."""
    comment_column: dict[int, int] = field(default_factory=dict)
    depth: dict[int, int] = field(default_factory=dict)
    """Indentation level of the rows on which a statement starts."""


def minified(source: bytes) -> bytes:
    """`source` without comments, blank lines and wide indentation, or `source` itself."""
    if len(source) > MINIFIED_AT_MOST or b"\r" in source or b"\f" in source:
        return source
    try:
        if tokenize.detect_encoding(io.BytesIO(source).readline)[0] != "utf-8":
            return source
        text = source.decode()
        tokens = _tokens(text)
        shorter = _shortened(text.split("\n"), _layout(tokens))
        same = _program(tokens) == _program(_tokens(shorter))
    except _UNREADABLE:
        return source
    # Text that tokenises and is no program may come out longer: then it is left alone.
    return shorter.encode() if same and len(shorter) <= len(text) + 1 else source


def _tokens(text: str) -> list[tokenize.TokenInfo]:
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    found = list(islice(tokens, TOKENS_AT_MOST + 1))
    if len(found) > TOKENS_AT_MOST:
        raise ValueError("more tokens than are minified")
    return found


def _program(tokens: list[tokenize.TokenInfo]) -> list[tuple[int, str]]:
    return [
        (each.type, "" if each.type in _SPACING else each.string)
        for each in tokens
        if each.type not in _INVISIBLE
    ]


def _layout(tokens: list[tokenize.TokenInfo]) -> _Layout:
    layout = _Layout()
    depth = 0
    statement_starts = True
    string_starts: list[int] = []
    for each in tokens:
        first, last = each.start[0], each.end[0]
        match each.type:
            case tokenize.INDENT:
                depth += 1
            case tokenize.DEDENT:
                depth -= 1
            case tokenize.COMMENT:
                layout.comment_column[first] = each.start[1]
            case tokenize.NEWLINE:
                statement_starts = True
            case tokenize.NL:
                pass
            case _:
                if statement_starts:
                    layout.depth[first] = depth
                    statement_starts = False
        if each.type == _FSTRING_START:
            string_starts.append(first)
        elif each.type == _FSTRING_END:
            first = string_starts.pop()
        if each.type in (tokenize.STRING, _FSTRING_END):
            layout.inside_string.update(range(first + 1, last + 1))
            layout.open_string.update(range(first, last))
    return layout


def _shortened(rows: list[str], layout: _Layout) -> str:
    out: list[str] = []
    continued = False
    for number, whole in enumerate(rows, start=1):
        row = whole
        if number in layout.comment_column and number not in layout.open_string:
            row = row[: layout.comment_column[number]]
        if number not in layout.open_string:
            row = row.rstrip(" \t")
        if number in layout.depth:
            row = " " * layout.depth[number] + row.lstrip(" \t")
        elif number not in layout.inside_string and not continued:
            row = row.lstrip(" \t")
        if row or number in layout.inside_string or number in layout.open_string or continued:
            out.append(row)
        continued = row.endswith("\\")
    return "".join(f"{row}\n" for row in out)
