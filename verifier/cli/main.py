"""Which exit code does a command end with? The one entry point that maps them all (DESIGN law 5).

| code | meaning |
|---|---|
| 0 | verified, or the errand is done |
| 1 | refuted |
| 2 | inconclusive: a person must look |
| 64 | usage: what was asked for, or handed over, cannot be used |
| 70 | the verifier or the machine failed |
| 130 | interrupted |
"""

from __future__ import annotations

import errno
import json
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from types import FrameType
from typing import NoReturn

import typer
from rich.console import Console
from rich.markup import escape

from verifier.cli.commands import app
from verifier.errors import Interrupted, StorageFault, VerifierError
from verifier.report.harmless import legible
from verifier.report.lettering import uncommanded

USAGE, FAILED = 64, 70
DEBUG_VARIABLE = "VERIFIER_DEBUG"
KEEPING_NOTHING = ("doctor", "selfcheck")
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_DISK = (*_NO_ROOM, errno.EROFS, errno.EIO)


def main() -> NoReturn:
    """Run the command that the arguments name, and exit with its code."""
    signal.signal(signal.SIGTERM, _interrupt)
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command; its exit code. Every way to fail ends here, in one sentence on stderr."""
    try:
        code = app(list(arguments), prog_name="verifier", standalone_mode=False)
    except (KeyboardInterrupt, Interrupted, typer.Abort):
        return _interrupted(arguments)
    except typer.TyperException as wrong:
        _say_usage(wrong, as_json="--json" in arguments)
        return USAGE
    except VerifierError as fault:
        _fail(fault, as_json="--json" in arguments)
        return fault.exit_code
    except SystemExit:
        # The command line library's answer to a reader that went away; its code would say REFUTED.
        return FAILED
    except Exception as bug:  # noqa: BLE001 - the last line of defence names it a bug of ours
        if isinstance(bug, OSError) and bug.errno in _DISK:
            _fail(_of_the_disk(bug), as_json="--json" in arguments)
            return FAILED
        _say("bug", f"{type(bug).__name__}: {bug}", f"{DEBUG_VARIABLE}=1 shows where")
        if os.environ.get(DEBUG_VARIABLE):
            traceback.print_exc()
        return FAILED
    # The library answers Ctrl-C with this code instead of raising.
    if code == Interrupted.exit_code:
        return _interrupted(arguments)
    return code if isinstance(code, int) else 0


def _of_the_disk(fault: OSError) -> StorageFault:
    """What no room caught: of the machine, whatever it was that could not be written."""
    where = f"{fault.filename}: " if fault.filename else ""
    if fault.errno in _NO_ROOM:
        remedy = "make room, then try again"
        return StorageFault(f"{where}the disk takes no more: {fault.strerror}", remedy=remedy)
    return StorageFault(f"{where}the disk fails: {fault.strerror}")


def _interrupted(arguments: Sequence[str]) -> int:
    if arguments and arguments[0] in KEEPING_NOTHING:
        _say("interrupted", "nothing was kept; the same command begins anew")
    else:
        _say("interrupted", "what was finished is kept; the same command resumes from there")
    return Interrupted.exit_code


def _fail(fault: VerifierError, *, as_json: bool) -> None:
    if as_json:
        said = {"kind": type(fault).__name__, "message": fault.message, "remedy": fault.remedy}
        print(json.dumps({"error": said, "exit_code": fault.exit_code}))
    _say("error", fault.message, fault.remedy)
    if os.environ.get(DEBUG_VARIABLE):
        traceback.print_exc()


def _say_usage(wrong: typer.TyperException, *, as_json: bool) -> None:
    in_words = getattr(wrong, "format_message", None)
    said = in_words() if in_words else str(wrong) or type(wrong).__name__
    if type(wrong).__name__ == "NoArgsIsHelpError":
        # No arguments: what it says is the help.
        print(said, file=sys.stderr)
        return
    if as_json:
        error = {"kind": "UsageError", "message": said, "remedy": ""}
        print(json.dumps({"error": error, "exit_code": USAGE}))
    _say("usage", said)


def _say(word: str, text: str, remedy: str = "") -> None:
    """One line, whatever name of a stranger's stands in it."""
    console = Console(stderr=True, highlight=False, soft_wrap=True, emoji=False)
    console.print(f"[bold]{word}:[/bold] {escape(uncommanded(legible(text)))}")
    if remedy:
        console.print(f"  → {escape(uncommanded(legible(remedy)))}")


def _interrupt(_: int, __: FrameType | None) -> NoReturn:
    """Ended from outside: leave as Ctrl-C does, so that boxes are ended and nothing is lost."""
    raise KeyboardInterrupt
