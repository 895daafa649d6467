"""Which settings does a script say it ran with, in its logs?

Many scripts print every setting before they train. Where no command is told, or it leaves a
setting alone, that is what the run had; a claim all the same, used only to see what was reached.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from verifier.source.tree import Tree
from verifier.source.values import UNKNOWN

_LOGS = 6
_LOG_BYTES = 400_000
_ROW = rb"(?:\d{8,12}(?:\.\d{1,6})? )?[ \t]{1,8}([A-Za-z_]\w{0,60}): ([^\n]{0,200})\n"
_ROWS = re.compile(_ROW)
_BLOCK = re.compile(rb"(?m)^(?:%s){15,400}" % _ROW)


def printed_settings(tree: Tree) -> Mapping[str, str | None]:
    """What the logs print for each setting, as text; None where they do not agree."""
    made: dict[str, str | None] = {}
    read = 0
    for path in tree.paths:
        if not path.endswith((".log", ".txt")) or path not in tree.files or read >= _LOGS:
            continue
        content = tree.files[path][:_LOG_BYTES].replace(b"\r", b"")
        block = _BLOCK.search(content)
        if block is None:
            continue
        read += 1
        for name, value in _ROWS.findall(block[0]):
            key, text = name.decode(), value.decode("utf-8", "replace").strip()
            made[key] = text if made.get(key, text) == text else None
    return made


def as_value(text: str | None, like: object) -> object:
    """What a printed setting stands for, given what the script's own default is `like`."""
    if text is None:
        return UNKNOWN
    match text:
        case "True" | "False":
            return text == "True"
        case "None":
            return None
    if isinstance(like, str):
        return text
    try:
        number = float(text[:40])
    except ValueError:
        return UNKNOWN if like is not UNKNOWN else text
    whole = number.is_integer() and "." not in text and "e" not in text.lower()
    return int(number) if whole and not isinstance(like, float) else number
