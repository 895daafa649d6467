"""How is a whole queue verified? The cheapest checks of all first, then what still stands.

1. what was pushed to since it was queued is named and left
2. one seed of each, a spot check
3. every seed of each that one seed did not refute

Each is a run of its own below `--out`, and is resumed like any other.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

if TYPE_CHECKING:
    from verifier.pipeline import Request
    from verifier.screening.screened import QueueEntry
    from verifier.watch import Watch

REFUTED = "REFUTED"
NOT_RUN = "NOT RUN"
LINE_SHOWN = 4000
EXIT_CODES = {"VERIFIED": 0, "REPRODUCED": 0, REFUTED: 1, "INCONCLUSIVE": 2, NOT_RUN: 2}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one entry: an answer, or why it was not run, and where its run lies."""

    number: int
    seeds: int
    answer: str
    said: str


def verify_queue(path: Path, request: Request, watch: Watch, *, as_json: bool) -> int:
    """Verify what `path` lists; the exit code is the worst of all (1 before 2 before 0)."""
    from verifier.history.queue import read_queue

    queue = read_queue(path)
    if not queue.entries and not as_json:
        left = ", ".join(f"{count} {reason}" for reason, count in queue.left_out.items())
        why = f" (left out: {left})" if left else ""
        _print(f"{path}: the queue is empty, nothing was run{why}")
    outcomes: list[Outcome] = []
    for outcome in _outcomes(queue.entries, request, watch):
        outcomes.append(outcome)
        if not as_json:
            _say(outcome)
    last = {outcome.number: outcome for outcome in outcomes}
    codes = {EXIT_CODES[outcome.answer] for outcome in last.values()}
    code = 1 if 1 in codes else max(codes, default=0)
    if as_json:
        said = [
            {
                "number": outcome.number,
                "seeds": outcome.seeds,
                "answer": outcome.answer,
                "said": outcome.said,
            }
            for outcome in outcomes
        ]
        print(json.dumps({"queued": len(queue.entries), "outcomes": said, "exit_code": code}))
    return code


def _outcomes(entries: tuple[QueueEntry, ...], request: Request, watch: Watch) -> Iterator[Outcome]:
    left: list[QueueEntry] = []
    for entry in entries:
        if reason := _why_not(entry):
            yield Outcome(entry.number, 0, NOT_RUN, reason)
        else:
            left.append(entry)
    everything = request.seeds or request.policy.policy.seeds.count
    standing = []
    for entry in left:
        outcome = _run(entry, request, 1, watch)
        yield outcome
        if outcome.answer != REFUTED:
            standing.append(entry)
    for entry in standing if everything > 1 else ():
        yield _run(entry, request, everything, watch)


def _why_not(entry: QueueEntry) -> str:
    from verifier import store
    from verifier.submission import pull

    found = pull(entry.reference, store.root())
    if entry.digest and found.digest != entry.digest:
        return "it was pushed to since it was queued: triage again"
    return ""


def _run(entry: QueueEntry, request: Request, seeds: int, watch: Watch) -> Outcome:
    from verifier import pipeline

    report = pipeline.verify(replace(request, reference=entry.reference, seeds=seeds), watch)
    return Outcome(entry.number, seeds, report.verdict.answer.value, str(report.html))


def _say(outcome: Outcome) -> None:
    seeds = f", {outcome.seeds} seed{'s' if outcome.seeds > 1 else ''}" if outcome.seeds else ""
    _print(f"#{outcome.number}: {outcome.answer}{seeds}  {outcome.said}")


def _print(line: str) -> None:
    from verifier.report.harmless import clipped

    said = clipped(line, LINE_SHOWN)
    Console(highlight=False, emoji=False).print(said, soft_wrap=True, markup=False)
