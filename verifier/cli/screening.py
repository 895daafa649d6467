"""Which words does the command line know for reading without running? screen, triage, leaderboard.

Rooms are imported inside commands, so that `verifier --help` answers at once and `screen` needs
neither torch nor an engine.
"""

from __future__ import annotations

import datetime
import json
import re
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from verifier.errors import NothingSubmitted, RequestError

if TYPE_CHECKING:
    from verifier.screening.screened import Answer

POLICY = "track_10min_16mb_as_ruled"
REPOSITORY = typer.Argument(
    help="A clone with refs/pull/*/head, or owner/repo to fetch.", metavar="REPO"
)
JSON = typer.Option("--json", help="Print JSON for machines on stdout.")
QUIET = typer.Option("--quiet", help="Show no progress.")


class Format(StrEnum):
    """How `screen` says it."""

    TABLE = "table"
    JSON = "json"
    SARIF = "sarif"
    GITHUB = "github"
    JUNIT = "junit"
    MD = "md"


class FailOn(StrEnum):
    """From which answer on the exit code is not 0."""

    VIOLATION = "violation"
    REVIEW = "review"
    NEVER = "never"


class State(StrEnum):
    """Of a pull request."""

    OPEN = "open"
    CLOSED = "closed"
    MERGED = "merged"


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    app.command()(screen)
    app.command()(triage)
    app.command()(leaderboard)


def screen(
    reference: Annotated[
        str,
        typer.Argument(
            help="A folder, a tarball, a pull request (owner/repo#123, CLONE#123) or "
            "CHECKOUT@BASE..HEAD.",
            metavar="REF",
        ),
    ],
    policy: Annotated[str, typer.Option(help="A policy's name or file.")] = POLICY,
    out: Annotated[
        Path | None, typer.Option(help="A folder for screen.json, .sarif, .junit.xml and .md.")
    ] = None,
    format: Annotated[Format, typer.Option(help="What is printed.")] = Format.TABLE,
    fail_on: Annotated[
        FailOn, typer.Option(help="From which answer on the exit code is not 0.")
    ] = FailOn.REVIEW,
    as_json: Annotated[bool, JSON] = False,
) -> int:
    """Read a submission without running it. Say what it claims and shows, and where to look.

    Exit code 0: nothing found, 1: a violation found, 2: a person must look, which is so too where
    reading was not finished in time. Never VERIFIED.
    """
    from verifier import policy as policies
    from verifier.history.alone import read_alone
    from verifier.history.rules import ALL
    from verifier.report import screening as told

    if as_json and format not in (Format.TABLE, Format.JSON):
        raise RequestError(f"--json and --format {format.value} ask for two", remedy="name one")
    chosen = Format.JSON if as_json else format
    rules = policies.load(policy).policy
    if out is not None:
        _make(out)
    try:
        read = read_alone(reference, rules)
    except NothingSubmitted as nothing:
        # A change of the documentation is no fault of its author's.
        if chosen is Format.JSON:
            print(json.dumps({"nothing_submitted": nothing.message, "exit_code": 0}))
        Console(stderr=True, highlight=False).print(nothing.message, soft_wrap=True, markup=False)
        return 0
    screening, said = read.screening, list(read.said)
    if out is not None:
        told.write_screening(screening, out, ALL, said, fail_on.value)
    if chosen is Format.TABLE:
        told.render_screening(screening, _console(), ALL, said)
    else:
        print(told.as_format(screening, chosen.value, ALL, said, fail_on.value), end="")
    return _exit_code(screening.answer, fail_on)


def triage(
    repository: Annotated[str, REPOSITORY],
    policy: Annotated[str, typer.Option(help="A policy's name or file.")] = POLICY,
    state: Annotated[
        list[State] | None,
        typer.Option(
            help="Only pull requests of this state; repeatable. Without --forge only merged ones "
            "are known, and all others are kept for open and for closed."
        ),
    ] = None,
    since: Annotated[
        str,
        typer.Option(
            help="Read only those created on this day or later; without --forge, by the date of "
            "the commit that brought the folder.",
            metavar="YYYY-MM-DD",
        ),
    ] = "",
    pulls: Annotated[
        str, typer.Option(help="Read only these: 42,620 or 600-700.", metavar="NUMBERS")
    ] = "",
    decisions: Annotated[
        Path | None,
        typer.Option(
            help="A YAML file of findings that people dismissed or upheld; "
            "`verifier schema decisions` says its format."
        ),
    ] = None,
    forge: Annotated[
        str, typer.Option(help="owner/repo: ask GitHub's API for states, titles and dates.")
    ] = "",
    out: Annotated[
        Path, typer.Option(help="Where triage.json, .csv, .sarif, .html and queue.json go.")
    ] = Path("out/triage"),
    readers: Annotated[int, typer.Option(min=0, help="Processes; 0: one per core.")] = 0,
    fail_on: Annotated[
        FailOn, typer.Option(help="From which answer on the exit code is not 0.")
    ] = FailOn.REVIEW,
    as_json: Annotated[bool, JSON] = False,
    quiet: Annotated[bool, QUIET] = False,
) -> int:
    """Screen every pull request of a repository. Rank them for people and for GPUs.

    What was read is kept: a second run reads what is new. Exit code 0: nothing found, 1: a
    violation found, 2: a person must look.
    """
    from verifier import policy as policies
    from verifier import store
    from verifier.cli.watching import watcher
    from verifier.history import triage as triaging
    from verifier.history.decisions import read_decisions
    from verifier.history.forge import facts
    from verifier.history.queue import build_queue, write_queue
    from verifier.history.rules import ALL
    from verifier.history.rulings import counted
    from verifier.history.summary import summary, worst
    from verifier.report import screening as told
    from verifier.report.harmless import clipped
    from verifier.report.screening.ranking import NOTE_SHOWN, render_queue

    watch = watcher(quiet=quiet)
    _make(out)
    place, name = _clone(repository)
    file = policies.load(policy)
    ids = {rule.id for rule in ALL}
    request = triaging.Request(
        repository=place,
        name=name or forge,
        policy=file,
        store=store.root(),
        states=frozenset(each.value for each in state or ()),
        since=_day(since),
        pulls=_numbers(pulls),
        facts=facts(name or forge, store.root(), watch),
        rulings=read_decisions(decisions, ids) if decisions else (),
        readers=readers,
    )
    found = triaging.triage(request, watch)
    queue = build_queue(found.triage, found.chain, file.policy)
    page = told.write_triage(found.triage, out, ALL)
    write_queue(queue, out / "queue.json")
    code = _exit_code(worst(found.triage.rows), fail_on)
    if as_json:
        print(summary(found, queue, out, code), end="")
        return code
    console = _console()
    told.render_triage(found.triage, console, ALL)
    render_queue(queue, console)
    for note in found.notes:
        said = f"! {clipped(note, NOTE_SHOWN)}"
        console.print(said, style="yellow", soft_wrap=True, markup=False)
    if rulings := counted(found.decided):
        console.print(rulings, soft_wrap=True, markup=False)
    console.print(f"\n{page}", soft_wrap=True, markup=False)
    return code


def leaderboard(
    repository: Annotated[str, REPOSITORY],
    policy: Annotated[str, typer.Option(help="A policy's name or file.")] = POLICY,
    as_json: Annotated[bool, JSON] = False,
    quiet: Annotated[bool, QUIET] = False,
) -> None:
    """Rebuild the accepted records in order of creation. Say which rule admits each.

    Beside it, where the README's own table says otherwise.
    """
    from verifier import policy as policies
    from verifier import store
    from verifier.cli.watching import watcher
    from verifier.history import leaderboard as boards
    from verifier.report.screening.ranking import render_leaderboard
    from verifier.screening.written import to_json

    place, name = _clone(repository)
    board = boards.leaderboard(
        place, policies.load(policy), store.root(), watcher(quiet=quiet), name=name
    )
    if as_json:
        print(json.dumps({"format": "leaderboard/1", **to_json(board)}, indent=1))
    else:
        render_leaderboard(board, _console())


# ---------------------------------------------------------------- parts


def _exit_code(answer: Answer, fail_on: FailOn) -> int:
    """0 nothing found, 1 a violation, 2 a person must look (DESIGN law 5)."""
    from verifier.screening.screened import Answer

    if answer is Answer.VIOLATION and fail_on is not FailOn.NEVER:
        return 1
    return 2 if answer is Answer.REVIEW and fail_on is FailOn.REVIEW else 0


def _make(out: Path) -> None:
    """The folder that results go to, before anything is read. Raises RequestError."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as fault:
        raise RequestError(
            f"--out {out} cannot be a folder: {fault.strerror}", remedy="name another one"
        ) from None


def _clone(repository: str) -> tuple[Path, str]:
    """Where a repository lies, and "owner/repo" where it was named so and fetched."""
    from verifier import store

    if Path(repository).is_dir():
        return Path(repository).resolve(), ""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9-]{0,38}/[A-Za-z0-9._-]{1,100}", repository):
        raise RequestError(
            f"{repository}: there is no such clone",
            remedy="name the folder of a clone, or owner/repo on GitHub",
        )
    from verifier.submission.remote import fetched

    return fetched(f"https://github.com/{repository}", store.root()), repository


def _day(text: str) -> str:
    """ "" or a day. Raises RequestError."""
    try:
        return datetime.date.fromisoformat(text).isoformat() if text else ""
    except ValueError:
        raise RequestError(
            f"--since {text!r} is no day", remedy="write it like 2026-04-28"
        ) from None


def _numbers(text: str) -> tuple[range, ...]:
    """ "42,600-700" as ranges; none for "". Raises RequestError."""
    found = []
    for part in text.split(",") if text else ():
        said = re.fullmatch(r"\s*#?([1-9][0-9]{0,8})(?:\s*-\s*#?([1-9][0-9]{0,8}))?\s*", part)
        last = int(said[2] or said[1]) if said else 0
        if said is None or last < int(said[1]):
            wrong = f"--pulls {text!r}: {part!r} is no pull request's number, nor a range of them"
            raise RequestError(wrong, remedy="write them like 42,620 or 600-700")
        found.append(range(int(said[1]), last + 1))
    return tuple(found)


def _console() -> Console:
    return Console(highlight=False, emoji=False)
