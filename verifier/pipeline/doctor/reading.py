"""How is a file or a program of the machine asked, without ever failing for its absence?"""

from __future__ import annotations

import contextlib
import subprocess
from pathlib import Path

ASKED_SECONDS = 10.0
SHOWN_CHARACTERS = 200
GIB = 1 << 30


def text_of(path: Path) -> str:
    """What it holds, stripped; "" where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def number_in(path: Path) -> int | None:
    """The number that it holds; None where there is none."""
    with contextlib.suppress(ValueError):
        return int(text_of(path))
    return None


def first_line(program: str, *arguments: str) -> str:
    """The first line that a program says, or why it says nothing."""
    try:
        done = subprocess.run(
            [program, *arguments], capture_output=True, timeout=ASKED_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as fault:
        return f"{program} does not answer: {fault}"
    said = done.stdout or done.stderr
    return said.decode("utf-8", "replace").strip().partition("\n")[0][:SHOWN_CHARACTERS]
