"""Which rule admits each row of a repository's leaderboard, and where does the table differ?

The accepted chain is rebuilt in the order of creation: each row is compared with the best created
before it, by the rule that stood on the day it was accepted. Beside that, each row is compared with
the next lower row of the table, as readers of the table do. Must never overrule: it shows numbers.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from verifier.history import rules
from verifier.history.admission import FIRST_RULE, admit, compare
from verifier.history.chain import README, Chain, Entry, mean, read_chain
from verifier.history.library import Library
from verifier.history.requests import every_request
from verifier.history.table import Listed
from verifier.history.unknown import absent
from verifier.policy import PolicyFile
from verifier.screening.finding import Confidence, Location, Remark
from verifier.screening.rule import Rule
from verifier.screening.screened import Comparison, Leaderboard, Standing
from verifier.submission.repository import Repository
from verifier.watch import Watch


@dataclass(frozen=True, slots=True)
class _Setting:
    """What a standing is judged among."""

    chain: Chain
    below: Mapping[int, Entry]
    logs: Mapping[str, Sequence[tuple[str, str]]]


def leaderboard(
    path: Path, policy: PolicyFile, store: Path, watch: Watch, *, name: str = ""
) -> Leaderboard:
    """The leaderboard of a clone. Raises RequestError without heads or a main branch."""
    library = Library(path, policy, store)
    with Repository.at(path) as repository:
        everything = every_request(repository, library)
        chain = read_chain(repository, everything, library, watch)
        notes = absent(repository, chain, {each.number for each in everything})
    return Leaderboard(
        repository=name or str(path),
        main=chain.main,
        policy=policy.policy.name,
        standings=standings(chain),
        notes=notes,
    )


def standings(chain: Chain) -> tuple[Standing, ...]:
    """Every row and every merged folder, judged; the record track in its order first."""
    setting = _Setting(chain, _next_lower(chain.entries), _logs(chain.entries))
    places = {id(entry): place for place, entry in enumerate(chain.records, 1)}
    return tuple(_standing(entry, places.get(id(entry), 0), setting) for entry in chain.entries)


def _standing(entry: Entry, place: int, setting: _Setting) -> Standing:
    row = entry.row
    before = setting.chain.best_before(entry.number, entry.created) if place else None
    below = setting.below.get(row.line) if row else None
    against = compare(entry.as_runs, before.as_runs) if before else None
    beside = compare(entry.as_runs, below.as_runs) if below else None
    admits, why = admit(against, len(entry.runs), entry.accepted) if place else ("", "")
    return Standing(
        place=place,
        number=entry.number,
        folder=entry.folder,
        name=row.name if row else entry.folder.rpartition("/")[2],
        author=row.author if row else "",
        line=row.line if row else 0,
        listed=row.score if row else None,
        created=entry.created,
        accepted=entry.accepted,
        runs=entry.runs,
        mean=mean(entry.runs) if entry.runs else None,
        nats_per_bpb=entry.as_runs.nats_per_bpb,
        before=against,
        below=beside,
        admitted_by=str(admits),
        why=why,
        differs=tuple(_differs(entry, against, place)),
        remarks=tuple(_remarks(entry, beside, setting)),
    )


def _next_lower(entries: Sequence[Entry]) -> dict[int, Entry]:
    """For each line of the record track's table, the row listed below it."""
    rows = sorted(
        (entry for entry in entries if entry.row and entry.is_record),
        key=lambda entry: entry.row.line if entry.row else 0,
    )
    return {
        upper.row.line: lower for upper, lower in itertools.pairwise(rows) if upper.row is not None
    }


def _differs(entry: Entry, against: Comparison | None, place: int) -> Iterator[str]:
    """Where the table says otherwise than the folder and the order of creation."""
    row = entry.row
    if row is None:
        if not entry.supports:
            yield "no row leads to this folder"
        return
    if not entry.runs:
        yield "nothing to compare the score with"
        return
    found = mean(entry.runs)
    if not _listed_as(row, found):
        whose = f"#{entry.supported_by}'s" if entry.supported_by else "its"
        yield f"lists {row.score:g}; the mean of {whose} {len(entry.runs)} runs is {found:.5f}"
    if place and against is not None and against.margin_bpb <= 0:
        yield f"created after {against.row}, which was already better: no record in that order"


# ---------------------------------------------------------------- remarks


def _remarks(entry: Entry, beside: Comparison | None, setting: _Setting) -> Iterator[Remark]:
    row = entry.row
    if row is not None:
        at = Location(path=README, line=row.line, text=row.name)
        yield from _of_table(entry, at)
        if beside is not None:
            yield from _of_numbers(entry, beside, at)
    elif not entry.supports:
        at = Location(path=README)
        yield _said(rules.NOT_ON_LEADERBOARD, f"no row of {README} leads to {entry.folder}", at)
    yield from _of_logs(entry, setting.logs)


def _of_table(entry: Entry, at: Location) -> Iterator[Remark]:
    """The score and the text of a row beside the folder's own claim."""
    row = entry.row
    assert row is not None
    claimed = entry.screening.claimed if entry.screening else None
    score = f"{row.score:.{row.digits}f}"
    if claimed is not None and claimed.val_bpb is not None:
        if not _listed_as(row, claimed.val_bpb):
            own = Location(path=claimed.path, line=claimed.lines.get("val_bpb", 0))
            said = f"listed {score}, claimed val_bpb {claimed.val_bpb:g}"
            yield _said(rules.LEADERBOARD_DIFFERS, said, at, own)
    elif entry.runs:
        near = min(entry.runs, key=lambda run: abs(run.bpb - row.score))
        if not any(_listed_as(row, bpb) for bpb in (near.bpb, mean(entry.runs))):
            own = Location(path=near.path, line=near.line)
            yield _said(rules.LEADERBOARD_DIFFERS, f"listed {score}, logged {near.bpb:g}", at, own)
    for p in row.p_values:
        if p >= FIRST_RULE.p_value:
            yield _said(rules.LEADERBOARD_P_VALUE, f"the row's own text says p = {p:g}", at)


def _listed_as(row: Listed, bpb: float) -> bool:
    """Whether the row's score is that number, rounded at its own digits, perhaps twice over."""
    return abs(bpb - row.score) <= 0.55 * 10.0**-row.digits


def _of_numbers(entry: Entry, beside: Comparison, at: Location) -> Iterator[Remark]:
    """A row beside the next lower one of the table."""
    said = _compared(entry, beside)
    values: dict[str, str | int | float | None] = {
        "runs": len(entry.runs),
        "mean": mean(entry.runs),
        "row": beside.row,
        "row_mean": beside.mean,
        "margin_nats": beside.margin_nats,
        "p": beside.p_better,
        "p_margin": beside.p_margin,
    }
    if len(entry.runs) == 1:
        yield _said(rules.RECORD_SINGLE_RUN, said, at, **values)
    if beside.margin_nats is not None and beside.margin_nats < FIRST_RULE.margin_nats:
        yield _said(rules.RECORD_MARGIN, said, at, **values)
    if beside.p_better is not None and beside.p_better >= FIRST_RULE.p_value:
        text = f"{said}; one-sided p of no improvement {beside.p_better:.4g}"
        yield _said(rules.RECORD_P_VALUE, text, at, **values)
    if beside.p_margin is not None and beside.p_margin >= FIRST_RULE.p_value:
        text = f"{said}; one-sided p of at most 0.005 nats {beside.p_margin:.4g}"
        yield _said(rules.RECORD_P_MARGIN, text, at, **values)


def _compared(entry: Entry, beside: Comparison) -> str:
    nats = ""
    factor = entry.as_runs.nats_per_bpb
    if beside.margin_nats is not None and factor is not None:
        nats = f" = {beside.margin_nats:.6f} nats (×{factor:.4f})"
    return (
        f"n={len(entry.runs)} mean {mean(entry.runs):.8f} against the next lower row {beside.row} "
        f"mean {beside.mean:.8f}: {beside.margin_bpb:.6f} bpb{nats}"
    )


def _logs(entries: Sequence[Entry]) -> dict[str, list[tuple[str, str]]]:
    """Every log's digest and where it lies: (folder, path)."""
    found: dict[str, list[tuple[str, str]]] = {}
    for entry in entries:
        for log in entry.screening.logs if entry.screening else ():
            found.setdefault(log.sha256, []).append((entry.folder, log.path))
    return found


def _of_logs(entry: Entry, logs: Mapping[str, Sequence[tuple[str, str]]]) -> Iterator[Remark]:
    """Logs whose bytes lie in another folder too."""
    for log in entry.screening.logs if entry.screening else ():
        others = [f"{folder}/{path}" for folder, path in logs[log.sha256] if folder != entry.folder]
        if log.sha256 and others:
            said = f"{log.path} has the same bytes as {', '.join(others[:3])}"
            yield _said(rules.SHARED_LOG, said, Location(path=log.path))


def _said(rule: Rule, said: str, *at: Location, **values: str | int | float | None) -> Remark:
    return Remark(rule=rule.id, confidence=Confidence.NOTE, said=said, locations=at, values=values)
