"""How does text of theirs stand in Markdown and stay text? Word by word, else in a code span.

Prose is let through only where no renderer makes anything of it; whatever else there is stands in
a code span, where nothing is a link, an image, a mention or HTML. Must never let a word of a
submission's become markup.
"""

from __future__ import annotations

import re

from verifier.report.harmless import clipped

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
_BAR = re.compile(r"(\\*)\|")
_POSSESSIVE = re.compile(r"['’]s$")
_FENCE = re.compile(r"`+")
_QUOTED = re.compile(r"(?<![^\s(])(?P<before>\(?)`(?P<inner>[^`]+)`(?P<after>[.,;:)]*)(?!\S)")


def span(text: str, length: int = REASON_SHOWN, *, cell: bool = False) -> str:
    """`text` in a code span that nothing in it can end; in a table's `cell` no bar ends that."""
    shown = clipped(text, length)
    if cell:
        shown = _BAR.sub(_escaped, shown)
    if not shown.strip():
        return "(empty)"
    fence = "`" * (max((len(run) for run in _FENCE.findall(shown)), default=0) + 1)
    pad = " " if shown[0] == "`" or shown[-1] == "`" else ""
    return f"{fence}{pad}{shown}{pad}{fence}"


def _escaped(bar: re.Match[str]) -> str:
    """A bar after an odd number of backslashes is taken for escaped by some, by others not."""
    before = bar[1]
    return f"{before}¦" if len(before) % 2 else f"{before}\\|"


def prose(text: str, *, cell: bool = False) -> str:
    """`text` with every run of words that could be markup in a code span, punctuation outside.

    What stands between backticks already becomes a span of ours. `cell`: within a table.
    """
    shown, parts, end = clipped(text, REASON_SHOWN), list[str](), 0
    for quoted in _QUOTED.finditer(shown):
        inner = quoted["inner"].strip()
        if inner:
            parts += _worded(shown[end : quoted.start()], cell)
            parts.append(f"{quoted['before']}{span(inner, cell=cell)}{quoted['after']}")
            end = quoted.end()
    return " ".join([*parts, *_worded(shown[end:], cell)])


def _worded(text: str, cell: bool) -> list[str]:
    """Words that are harmless, and spans of runs of those that are not.

    A run ends where punctuation does: that of our sentence is no part of what it quotes.
    """
    parts: list[str] = []
    opening, doubtful = "", list[str]()

    def told(closing: str = "") -> None:
        nonlocal opening
        if doubtful:
            parts.append(f"{opening}{span(' '.join(doubtful), cell=cell)}{closing}")
        opening = ""
        doubtful.clear()

    for word in text.split():
        if harmless(word):
            told()
            parts.append(word)
            continue
        before, inner, after = _bared(word)
        if before:
            told()
            opening = before
        doubtful.append(inner)
        if after:
            told(after)
    told()
    return parts


def _bared(word: str) -> tuple[str, str, str]:
    """(bracket, `word` without what punctuates it, punctuation)."""
    if word[0] in ":&":
        return "", word, ""
    inner = _POSSESSIVE.sub("", word.rstrip(".,;:!?"))
    before = ""
    if inner.endswith(")") and inner.count(")") > inner.count("("):
        inner = inner[:-1]
    elif inner.startswith("(") and inner.count("(") > inner.count(")"):
        before, inner = "(", inner[1:]
    elif inner.startswith("(") and inner.endswith(")"):
        before, inner = "(", inner[1:-1]
    if not inner.strip("()"):
        return "", word, ""
    return before, inner, word[len(before) + len(inner) :]


def harmless(word: str) -> bool:
    """Whether no renderer makes anything of it; a run of hex digits may be linked as a commit."""
    return bool(_HARMLESS.fullmatch(word)) and not _HEXADECIMAL.search(word)
