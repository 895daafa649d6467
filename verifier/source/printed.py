"""Which settings does a script say it ran with, in its logs?

Many scripts print every setting before they train. Where no command is told, or it leaves a
setting alone, that is what the run had; a claim all the same, used only to see what was reached.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from verifier.source.tree import Tree
from verifier.source.values import UNKNOWN

_LOGS = 6
_LOOKED_AT = 60
_SWITCHES = 400
"""Names that are looked for in logs; people have 60."""
_LOG_BYTES = 400_000
_ROW = rb"(?:\d{8,12}(?:\.\d{1,6})? )?[ \t]{1,8}([A-Za-z_]\w{0,60}): ([^\n]{0,200})\n"
_ROWS = re.compile(_ROW)
_FEW_LOGS = 3
_TIMES = 8
_VALUE = re.compile(rb"(?a:(0|1|True|False|[\w.-]{0,80}/[\w./-]{1,200}))(?=[\s,]|\Z)")
_BLOCK = re.compile(rb"(?m)^(?:%s){15,400}" % _ROW)


@dataclass(frozen=True, slots=True)
class Printed:
    """What logs print of the settings of the script that made them.

    `listed` has those of whole lists, as text; None where the logs do not agree.
    """

    listed: Mapping[str, str | None]
    logs: tuple[bytes, ...] = ()

    def switches(self, names: Iterable[str]) -> Mapping[str, str]:
        """What is printed for switches, as `name:1`, `name=True` or `name:a/path`; if all agree.

        Source that a log holds prints nothing: a value is a number, a truth or a path, never code.
        """
        made: dict[str, str] = {}
        for name in islice(names, _SWITCHES):
            keys = (name.encode() + sign for sign in (b":", b"="))
            found = {value for key in keys for log in self.logs for value in _given(log, key)}
            if len(found) == 1 or (found and all(b"/" in value for value in found)):
                made[name] = min(found).decode("utf-8", "replace")
        return made


def printed_settings(tree: Tree) -> Printed:
    """What the logs print for each setting."""
    made: dict[str, str | None] = {}
    logs: list[bytes] = []
    read = 0
    paths = (path for path in tree.paths if path.endswith((".log", ".txt")) and path in tree.files)
    for path in islice(paths, _LOOKED_AT):
        if read >= _LOGS:
            break
        content = tree.files[path][:_LOG_BYTES].replace(b"\r", b"")
        logs += [content] if len(logs) < _FEW_LOGS else []
        block = _BLOCK.search(content)
        if block is None:
            continue
        read += 1
        for name, value in _ROWS.findall(block[0]):
            key, text = name.decode(), value.decode("utf-8", "replace").strip()
            made[key] = text if made.get(key, text) == text else None
    return Printed(made, tuple(logs))


def _given(log: bytes, key: bytes) -> Iterator[bytes]:
    """The values after a key that stands at the beginning of a word."""
    at = log.find(key)
    for _ in range(_TIMES):
        if at < 0:
            return
        value = _VALUE.match(log, at + len(key))
        if value is not None and (at == 0 or log[at - 1 : at] in (b"\n", b" ", b"\t", b",")):
            yield value[1]
        at = log.find(key, at + len(key))


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
