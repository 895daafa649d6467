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
_FENCE = re.compile(r"`+")
_QUOTED = re.compile(r"(?<![^\s(])(?P<before>\(?)`(?P<inner>[^`]+)`(?P<after>[.,;:)]*)(?!\S)")


def span(text: str, length: int = REASON_SHOWN) -> str:
    """`text` in a code span that nothing in it can end; a bar would end a table's cell."""
    shown = clipped(text, length).replace("|", "¦")
    if not shown.strip():
        return "(empty)"
    fence = "`" * (max((len(run) for run in _FENCE.findall(shown)), default=0) + 1)
    pad = " " if shown[0] == "`" or shown[-1] == "`" else ""
    return f"{fence}{pad}{shown}{pad}{fence}"


def prose(text: str) -> str:
    """`text` with every run of words that could be markup in a code span.

    What stands between backticks already becomes a span of ours.
    """
    shown, parts, end = clipped(text, REASON_SHOWN), list[str](), 0
    for quoted in _QUOTED.finditer(shown):
        inner = quoted["inner"].strip()
        if inner:
            parts += _worded(shown[end : quoted.start()])
            parts.append(f"{quoted['before']}{span(inner)}{quoted['after']}")
            end = quoted.end()
    return " ".join([*parts, *_worded(shown[end:])])


def _worded(text: str) -> list[str]:
    """Words that are harmless, and spans of runs of those that are not."""
    parts: list[str] = []
    doubtful: list[str] = []
    for word in [*text.split(), ""]:
        if word and not harmless(word):
            doubtful.append(word)
            continue
        if doubtful:
            run = " ".join(doubtful)
            inner = run.rstrip(".,") or run
            parts.append(f"{span(inner)}{run[len(inner) :]}")
            doubtful.clear()
        parts.append(word)
    return [part for part in parts if part]


def harmless(word: str) -> bool:
    """Whether no renderer makes anything of it; a run of hex digits may be linked as a commit."""
    return bool(_HARMLESS.fullmatch(word)) and not _HEXADECIMAL.search(word)
