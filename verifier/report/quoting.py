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
