"""How does every command say what it did? For people or as JSON, and the code that follows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console

from verifier.errors import RequestError

if TYPE_CHECKING:
    from verifier.records import Verdict

JSON = typer.Option("--json", help="Print JSON for machines on stdout.")
QUIET = typer.Option("--quiet", help="Show no progress.")
EXIT_CODES = {"VERIFIED": 0, "REPRODUCED": 0, "REFUTED": 1, "INCONCLUSIVE": 2}


def say(value: dict[str, Any], as_json: bool, text: str) -> None:
    """One or the other."""
    print(json.dumps(value) if as_json else text)


def say_verdict(verdict: Verdict, as_json: bool, **more: str) -> None:
    """A verdict, and `more` lines under it."""
    from verifier.ledger.codec import encode_record
    from verifier.report import render

    if as_json:
        code = EXIT_CODES[verdict.answer.value]
        print(json.dumps({**encode_record(verdict), **more, "exit_code": code}))
        return
    console = Console(highlight=False, emoji=False)
    render(verdict, console)
    for name, value in more.items():
        console.print(f"{name}: {value}", markup=False, soft_wrap=True)


def existing(key: Path | None) -> Path | None:
    """A key that was named is there: a misspelt one must not become a new identity."""
    if key is not None and not key.exists():
        raise RequestError(
            f"{key}: there is no such key",
            remedy="`openssl genpkey -algorithm ed25519 -out FILE` makes one; without --key your "
            "own is used",
        )
    return key


def summarise(app: typer.Typer) -> None:
    """Each command's summary is its first sentence, whole: the library cuts it anywhere."""
    for command in app.registered_commands:
        text = getattr(command.callback, "__doc__", None) or ""
        first = " ".join(text.strip().split("\n\n")[0].split())
        command.short_help = first.partition(". ")[0].rstrip(".") + "."
