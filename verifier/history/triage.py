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
from dataclasses import dataclass, field, replace
from pathlib import Path

from verifier import __version__
from verifier.errors import RequestError
from verifier.history.chain import Chain, read_chain
from verifier.history.kept import LINEAGE, code
from verifier.history.library import Fault, Library
from verifier.history.lineage import Sources, inherited, marks
from verifier.history.parentage import every_parent
from verifier.history.reader import Found
from verifier.history.requests import every_request
from verifier.history.rulings import Decided, decide
from verifier.history.unknown import absent, of_choice
from verifier.policy import PolicyFile
from verifier.screening.finding import Remark
from verifier.screening.screened import Parent, Row, Ruling, Triage
from verifier.screening.written import Mismatch, from_json, to_json
from verifier.submission.candidates import Folder
from verifier.submission.forge import ForgeFacts
from verifier.submission.pull_request import PullRequest, Shape
from verifier.submission.repository import HEADS_COMMAND, Repository
from verifier.watch import Watch

MORE_FOLDERS = 3
_UNMERGED = frozenset({"open", "closed"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One triage. `states` and `pulls` empty: all; `since` is a date, "" for all.

    `store` keeps results. `facts` are the forge's, by number; without them a state is known for
    what main has merged, and the rest may be open or closed. With `since` or `pulls` no folder of
    another pull request is read.
    """

    repository: Path
    policy: PolicyFile
    store: Path
    name: str = ""
    states: frozenset[str] = frozenset()
    since: str = ""
    pulls: Sequence[range] = ()
    facts: Mapping[int, ForgeFacts] = field(default_factory=dict)
    rulings: Sequence[Ruling] = ()
    readers: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Triaged:
    """A triage, what became of rulings, and the chain that it was compared with.

    `notes` say what was assumed where the clone does not know.
    """

    triage: Triage
    decided: Decided
    chain: Chain
    notes: tuple[str, ...] = ()


def triage(request: Request, watch: Watch) -> Triaged:
    """Screen every pull request of a clone. A fault of one is a row, never the end.

    Raises RequestError when the clone has no heads of pull requests, none that is asked for by its
    number, or no main branch.
    """
    began = time.monotonic()
    library = Library(request.repository, request.policy, request.store)
    with Repository.at(request.repository) as repository:
        with watch.phase("pull requests", None):
            everything = every_request(repository, library)  # 1
        chosen = _chosen(everything, request)  # 2
        earlier = chosen if request.since or request.pulls else everything
        library.read(_folders(earlier, chosen), watch, readers=request.readers)  # 3
        chain = read_chain(repository, everything, library, watch)  # 4
        heads = {each.number: each.head for each in everything}
        notes = (*_assumed(everything, request), *absent(repository, chain, heads))
    line = _lineage(everything, chain, library, watch, request.readers)  # 5
    rows = [_row(each, library, line, chain) for each in chosen]  # 6
    rows = [_told(row, request.facts.get(row.number)) for row in rows]
    decided = decide(rows, request.rulings, heads)  # 7
    found = Triage(
        repository=request.name or str(request.repository),
        main=chain.main,
        policy=request.policy.policy.name,
        verifier_version=__version__,
        rows=decided.rows,
        seconds=round(time.monotonic() - began, 3),
    )
    return Triaged(triage=found, decided=decided, chain=chain, notes=notes)


def _state(each: PullRequest, facts: Mapping[int, ForgeFacts]) -> str:
    """ "open", "closed", "merged", or "" where only the forge could say."""
    if each.number in facts:
        return facts[each.number].state
    return "merged" if each.shape is Shape.MERGED or each.merge else ""


def _chosen(everything: Sequence[PullRequest], request: Request) -> list[PullRequest]:
    """Which are asked for. Raises RequestError when a number is not in the clone."""
    heads = {each.number for each in everything}
    for some in request.pulls:
        if heads.isdisjoint(some):
            said = f"#{some[0]}" if len(some) == 1 else f"#{some[0]} to #{some[-1]}"
            raise RequestError(
                f"{request.repository} has no head of pull request {said}",
                remedy=HEADS_COMMAND.format(path=request.repository),
            )
    return [each for each in everything if _is_asked_for(each, request)]


def _is_asked_for(each: PullRequest, request: Request) -> bool:
    if request.pulls and not any(each.number in some for some in request.pulls):
        return False
    state = _state(each, request.facts)
    if request.states and not request.states & ({state} if state else _UNMERGED):
        return False
    known = request.facts.get(each.number)
    created = known.created if known and known.created else each.created
    return not request.since or created[:10] >= request.since


def _assumed(everything: Sequence[PullRequest], request: Request) -> tuple[str, ...]:
    """What was assumed to tell which are asked for."""
    facts = request.facts
    return tuple(
        of_choice(
            states=request.states,
            since=request.since,
            pulls=bool(request.pulls),
            stateless=sum(not _state(each, facts) for each in everything),
            undated=sum(
                not (told := facts.get(each.number)) or not told.created for each in everything
            ),
        )
    )


def _folders(earlier: Sequence[PullRequest], chosen: Sequence[PullRequest]) -> list[Folder]:
    """The submission of each (lineage needs the earlier ones), and others that they add."""
    submissions = [each.folder for each in earlier if each.folder is not None]
    return submissions + [folder for each in chosen for folder in _more(each)]


def _more(each: PullRequest) -> tuple[Folder, ...]:
    """What else it adds that could be a submission."""
    return tuple(folder for folder in each.folders[1:] if folder.added)[:MORE_FOLDERS]


def _row(each: PullRequest, library: Library, line: Line, chain: Chain) -> Row:
    row = Row(
        number=each.number,
        head=each.head,
        shape=each.shape.value,
        state=_state(each, {}),
        author=each.author,
        created=each.created,
        noted=each.notes + tuple(_said(folder, library) for folder in _more(each)),
        others=each.others,
    )
    if each.folder is None:
        return replace(row, fault=each.fault)
    read = library.of(each.folder)
    if isinstance(read, Fault):
        return replace(row, fault=read.why)
    remarks = line.inherited(each.number, read.screening.remarks)
    return replace(
        row,
        screening=replace(read.screening, remarks=remarks),
        noted=row.noted + read.notes,
        parent=line.parents.get(each.number),
        against=chain.against(each.number, read.screening),
    )


def _told(row: Row, facts: ForgeFacts | None) -> Row:
    """A row with what the forge says of it."""
    if facts is None:
        return row
    pushed = ("it was pushed to since this clone was fetched",) if facts.head != row.head else ()
    return replace(
        row,
        state=facts.state,
        title=facts.title,
        author=facts.author or row.author,
        created=facts.created or row.created,
        noted=row.noted + (pushed if facts.head else ()),
    )


def _said(folder: Folder, library: Library) -> str:
    read = library.of(folder)
    if isinstance(read, Fault):
        return f"it also adds {folder.path}: {read.why}"
    rules = sorted({remark.rule for remark in read.screening.remarks})
    shown = f" ({', '.join(rules[:5])})" if rules else ""
    return f"it also adds {folder.path}: {read.screening.answer.value}{shown}"


# ---------------------------------------------------------------- lineage


_Member = tuple[int, str, Found]
"""Number, folder, and what was read there."""


@dataclass(frozen=True, slots=True)
class Line:
    """The parent of each pull request by its number, and what each could pass on."""

    parents: Mapping[int, Parent]
    remarks: Mapping[tuple[int, str], Mapping[tuple[str, str], str]]

    def inherited(self, number: int, remarks: Sequence[Remark]) -> tuple[Remark, ...]:
        """The remarks of a pull request, those of its parent named as such."""
        parent = self.parents.get(number)
        if parent is None:
            return tuple(remarks)
        before = self.remarks.get((parent.number, parent.folder), {})
        return inherited(remarks, before, _called(parent))


def _lineage(
    everything: Sequence[PullRequest],
    chain: Chain,
    library: Library,
    watch: Watch,
    readers: int,
) -> Line:
    """Over what main began with, then all pull requests in order of number."""
    members: list[_Member] = [(0, path, found) for path, found in chain.unnumbered]
    members += [
        (each.number, each.folder.path, read)
        for each in everything
        if each.folder is not None and isinstance(read := library.known(each.folder), Found)
    ]
    members = [member for member in members if member[2].screening.source_digest]
    parents_found: dict[int, Parent] = {}
    passed: dict[tuple[int, str], Mapping[tuple[str, str], str]] = {}
    line = Line(parents_found, passed)
    for (number, folder, read), parent in zip(
        members, _kept_parents(members, library, watch, readers), strict=True
    ):
        if parent and number:
            parents_found[number] = parent
        passed[number, folder] = marks(line.inherited(number, read.screening.remarks))
    return line


def _called(parent: Parent) -> str:
    return f"#{parent.number}" if parent.number else parent.folder


def _kept_parents(
    members: Sequence[_Member], library: Library, watch: Watch, readers: int
) -> list[Parent | None]:
    said = json.dumps([(number, read.screening.source_digest) for number, _, read in members])
    key = f"lineage {code(LINEAGE)} {hashlib.sha256(said.encode()).hexdigest()}"
    if (kept := library.recalled(key)) is not None:
        try:
            return _parents_from(kept, len(members))
        except Mismatch:
            watch.note("what was kept of the lineage is damaged: it is worked out anew")
    with watch.phase("lineage", len(members)) as progress:
        sources = Sources()
        for _, _, read in members:
            sources.add(library.source(read))
        names = [(number, path) for number, path, _ in members]
        found = every_parent(sources, names, progress, readers=readers)
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
