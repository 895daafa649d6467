"""Of thousands of pull requests, what does each one show, and where should a person look?

1. what each pull request adds, against main
2. which of them are asked for
3. every folder screened, on all cores, or recalled
4. the repository's own leaderboard: what there is to beat
5. lineage over all sources, and what was inherited
6. one row a pull request
7. what people have ruled

Must never decide about one: each row says what reading showed. Nothing of a submission is run.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from verifier import __version__
from verifier.history.chain import Chain, read_chain
from verifier.history.decisions import Decided, decide
from verifier.history.library import Fault, Library
from verifier.history.lineage import Sources, inherited, marks, parents
from verifier.history.reader import Found
from verifier.policy import PolicyFile
from verifier.screening.screened import Parent, Row, Ruling, Triage
from verifier.screening.written import Mismatch, from_json, to_json
from verifier.submission.candidates import Folder
from verifier.submission.pull_request import PullRequest, Shape, pull_requests
from verifier.submission.repository import Repository
from verifier.watch import Watch

MORE_FOLDERS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One triage. `states` empty: all; `since` is a date, "" for all; `store` keeps results."""

    repository: Path
    policy: PolicyFile
    store: Path
    name: str = ""
    states: frozenset[str] = frozenset()
    since: str = ""
    rulings: Sequence[Ruling] = ()
    readers: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Triaged:
    """A triage, what became of rulings, and the chain that it was compared with."""

    triage: Triage
    decided: Decided
    chain: Chain


def triage(request: Request, watch: Watch) -> Triaged:
    """Screen every pull request of a clone. A fault of one is a row, never the end.

    Raises RequestError when the clone has no heads of pull requests or no main branch.
    """
    began = time.monotonic()
    library = Library(request.repository, request.policy, request.store)
    with Repository.at(request.repository) as repository:
        with watch.phase("pull requests", None):
            everything = pull_requests(repository)  # 1
        chosen = [each for each in everything if _is_asked_for(each, request)]  # 2
        library.read(_folders(everything, chosen), watch, readers=request.readers)  # 3
        chain = read_chain(repository, everything, library, watch)  # 4
    line = _lineage(everything, library, watch)  # 5
    rows = [_row(each, library, line, chain) for each in chosen]  # 6
    decided = decide(rows, request.rulings)  # 7
    found = Triage(
        repository=request.name or str(request.repository),
        main=chain.main,
        policy=request.policy.policy.name,
        verifier_version=__version__,
        rows=decided.rows,
        seconds=round(time.monotonic() - began, 3),
    )
    return Triaged(triage=found, decided=decided, chain=chain)


def state_of(request: PullRequest) -> str:
    """What the clone alone can say of a state: "merged", or "" where only the forge knows."""
    return "merged" if request.shape is Shape.MERGED or request.merge else ""


def _is_asked_for(each: PullRequest, request: Request) -> bool:
    if request.states and (state_of(each) or "open") not in request.states:
        return False
    return not request.since or each.created[:10] >= request.since


def _folders(everything: Sequence[PullRequest], chosen: Sequence[PullRequest]) -> list[Folder]:
    """The submission of each (all of them: lineage needs the earlier ones), and others added."""
    submissions = [each.folder for each in everything if each.folder is not None]
    return submissions + [folder for each in chosen for folder in _more(each)]


def _more(each: PullRequest) -> tuple[Folder, ...]:
    """What else it adds that could be a submission."""
    return tuple(folder for folder in each.folders[1:] if folder.added)[:MORE_FOLDERS]


def _row(each: PullRequest, library: Library, line: Line, chain: Chain) -> Row:
    row = Row(
        number=each.number,
        head=each.head,
        shape=each.shape.value,
        state=state_of(each),
        author=each.author,
        created=each.created,
        noted=each.notes + tuple(_said(folder, library) for folder in _more(each)),
        others=each.others,
    )
    if each.folder is None:
        return row
    read = library.of(each.folder)
    if isinstance(read, Fault):
        return replace(row, fault=read.why)
    parent = line.parents.get(each.number)
    before = line.remarks.get(parent.number, {}) if parent else {}
    remarks = inherited(read.screening.remarks, before, f"#{parent.number}" if parent else "")
    return replace(
        row,
        screening=replace(read.screening, remarks=remarks),
        noted=row.noted + read.notes,
        parent=parent,
        against=chain.against(each.number, read.screening),
    )


def _said(folder: Folder, library: Library) -> str:
    read = library.of(folder)
    if isinstance(read, Fault):
        return f"it also adds {folder.path}: {read.why}"
    rules = sorted({remark.rule for remark in read.screening.remarks})
    shown = f" ({', '.join(rules[:5])})" if rules else ""
    return f"it also adds {folder.path}: {read.screening.answer.value}{shown}"


# ---------------------------------------------------------------- lineage


@dataclass(frozen=True, slots=True)
class Line:
    """The parent of each pull request by its number, and what each could pass on."""

    parents: Mapping[int, Parent]
    remarks: Mapping[int, Mapping[tuple[str, str], str]]


def _lineage(everything: Sequence[PullRequest], library: Library, watch: Watch) -> Line:
    """Over all pull requests in order of number; only the first of equal heads counts twice."""
    members = [
        (each.number, each.folder.path, read)
        for each in everything
        if each.folder is not None
        and isinstance(read := library.of(each.folder), Found)
        and read.screening.source_digest
    ]
    found = _kept_parents(members, library, watch)
    line: dict[int, Parent] = {}
    passed: dict[int, Mapping[tuple[str, str], str]] = {}
    for (number, _, read), parent in zip(members, found, strict=True):
        before = passed.get(parent.number, {}) if parent else {}
        origin = f"#{parent.number}" if parent else ""
        passed[number] = marks(inherited(read.screening.remarks, before, origin))
        if parent:
            line[number] = parent
    return Line(line, passed)


def _kept_parents(
    members: Sequence[tuple[int, str, Found]], library: Library, watch: Watch
) -> list[Parent | None]:
    said = json.dumps([(number, read.screening.source_digest) for number, _, read in members])
    key = f"lineage {hashlib.sha256(said.encode()).hexdigest()}"
    if (kept := library.recalled(key)) is not None:
        try:
            return _parents_from(kept, len(members))
        except Mismatch:
            watch.note("what was kept of the lineage is damaged: it is worked out anew")
    with watch.phase("lineage", None):
        sources = Sources()
        for _, _, read in members:
            sources.add(library.source(read))
        names = [(number, path) for number, path, _ in members]
        found = list(parents(sources, names))
    library.keep(key, json.dumps([each and to_json(each) for each in found]).encode())
    return found


def _parents_from(kept: bytes, count: int) -> list[Parent | None]:
    try:
        said = json.loads(kept)
        found = [each and from_json(Parent, each) for each in said]
    except (ValueError, TypeError) as wrong:
        raise Mismatch(str(wrong)) from wrong
    if len(found) != count:
        raise Mismatch(f"{len(found)} parents of {count}")
    return found
