"""How does one piece of text get onto a terminal, or into a pipe? Wrapped, cut, never parsed.

No control character gets through, whatever a submission called itself, and no line becomes a
command of the program that runs us in CI. Must never say a thing by colour alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from verifier.report.harmless import clipped, legible

SAID_SHOWN = 300

# for an encoding that has no such letters
_ASCII = {
    **{
        "✓": "+",
        "✗": "x",
        "○": "o",
        "–": "-",
        "·": "|",
        "•": "*",
        "│": "|",
        "→": "->",
        "…": "...",
        "’": "'",
        "±": "+-",
    },
    **{"α": "alpha", "δ": "delta", "τ": "tau", "§": "section "},
}
# GitHub's runner obeys a line that begins with "::", blanks before it or not, and "##[" anywhere
_COMMAND = re.compile(r"^(\s*):(?=:)|#(?=#\[)")
_WRITTEN_OUT = 3
_WORD = re.compile(r"\S+\s*")


def heading(console: Console, said: str) -> None:
    """A line of its own after an empty one."""
    console.print()
    console.print(written(said, console, "bold"))


def paragraph(
    console: Console,
    said: str,
    indent: int = 0,
    *,
    hanging: int = 0,
    style: str = "",
    at_most: int = SAID_SHOWN,
) -> None:
    """Wrapped to the width; lines after the first are `hanging` further in."""
    shown = written(clipped(said, at_most), console, style)
    first, *rest = _wrapped(shown, console, console.width - indent - hanging)
    for margin, line in ((indent, first), *((indent + hanging, line) for line in rest)):
        line.rstrip()
        put(console, Text(" " * margin).append_text(line))


def labelled(
    console: Console, label: str, said: str, indent: int, *, width: int, at_most: int = SAID_SHOWN
) -> None:
    """`said` wrapped beside a dim `label` in a column of `width`."""
    shown = written(clipped(said, at_most), console)
    beside = styled(console, (f"{' ' * indent}{label:<{width}}", "dim"))
    for line in _wrapped(shown, console, console.width - indent - width):
        line.rstrip()
        put(console, beside.append_text(line))
        beside = Text(" " * (indent + width))


def _wrapped(shown: Text, console: Console, width: int) -> list[Text]:
    """Lines of at most `width`, also where a colon at the beginning must be written out.

    In a pipe a longer word stays whole, so that a name that is searched for is found.
    """
    spare = _WRITTEN_OUT if "::" in shown.plain else 0
    room = max(20, width - spare)
    lines = shown.wrap(console, room) if console.is_terminal else _at_words(shown, room)
    return [*lines] or [Text()]


def _at_words(shown: Text, width: int) -> Iterable[Text]:
    began, breaks = 0, list[int]()
    for word in _WORD.finditer(shown.plain):
        if word.start() > began and cell_len(shown.plain[began : word.end()].rstrip()) > width:
            began = word.start()
            breaks.append(began)
    return shown.divide(breaks)


def cut(console: Console, line: Text) -> None:
    """One line: on a terminal cut to its width, in a pipe whole, so that it can be searched."""
    if console.is_terminal:
        line.truncate(console.width, overflow="crop" if console.options.ascii_only else "ellipsis")
    put(console, line)


def put(console: Console, line: Text) -> None:
    """Print one line as it is, unless a runner would obey it: then that is written out."""
    if _COMMAND.search(line.plain):
        line = Text(uncommanded(line.plain), line.style)
    console.print(line, soft_wrap=True)


def written(said: str, console: Console, style: str = "") -> Text:
    """`said` as text that is never parsed, or obeyed, and that this console can print."""
    shown = uncommanded(legible(said))
    if console.options.ascii_only:
        shown = "".join(_ASCII.get(character, character) for character in shown)
        shown = shown.encode("ascii", "backslashreplace").decode("ascii")
    return Text(shown, style)


def styled(console: Console, *parts: tuple[str, str]) -> Text:
    """One line of (text, style), each with its own style alone."""
    line = Text()
    for said, style in parts:
        line.append_text(written(said, console, style))
    return line


def uncommanded(line: str) -> str:
    """`line` with what a runner takes for a command written as an escape."""
    return _COMMAND.sub(_escaped, line)


def _escaped(found: re.Match[str]) -> str:
    return f"{found[1]}\\x3a" if found[1] is not None else "\\x23"
