"""What does this clone not know, that a reader of the result would take it to know?

A clone has no states and no days of opening, and may lack the heads of what was accepted. Must
never be silent about what was assumed in its place.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from verifier.history.chain import Chain, Entry
from verifier.submission.pull_request import number_of
from verifier.submission.repository import HEADS_COMMAND, Repository

NAMED = 5


def absent(repository: Repository, chain: Chain, heads: Collection[int]) -> tuple[str, ...]:
    """A sentence where rows of the table came by pull requests whose heads are not here."""
    rows = [entry for entry in chain.entries if entry.row and entry.number not in heads]
    missing = [number for entry in rows if (number := _brought_by(repository, entry, heads))]
    if not missing:
        return ()
    count = "1 accepted row has" if len(missing) == 1 else f"{len(missing)} accepted rows have"
    named = ", ".join(f"#{number}" for number in missing[:NAMED])
    more = " …" if len(missing) > NAMED else ""
    command = HEADS_COMMAND.format(path=repository.path)
    return (
        f"{count} no pull request here ({named}{more}): their dates are the table's and their "
        f"folders', their places in the order and what was compared with them may be wrong. "
        f"Fetch them: {command}",
    )


def of_choice(
    *, states: Collection[str], since: str, pulls: bool, stateless: int, undated: int
) -> Iterator[str]:
    """Sentences about what was asked for; `stateless` and `undated` count what only a forge knows.

    Those without a state are kept, or are those that main has not merged.
    """
    ask = "--forge owner/repo asks GitHub"
    if states and stateless:
        asked = " or ".join(sorted(states))
        kept = "left out" if states == {"merged"} else "all kept"
        yield (
            f"--state {asked}: a clone does not know whether a pull request is open or closed. The "
            f"{stateless:,} that main has not merged are {kept}; {ask}"
        )
    if since and undated:
        yield (
            f"--since {since}: a clone does not know when a pull request was opened. For "
            f"{undated:,} the date is that of the commit which brought the folder; {ask}"
        )
    if since or pulls:
        yield "Lineage is looked for among these and main's folders: others were not read"


def _brought_by(repository: Repository, entry: Entry, heads: Collection[int]) -> int:
    """The number of an entry's pull request, where there is one and its head is not here."""
    if entry.number or not entry.folder:
        return entry.number
    number = 0
    for commit in repository.first_parents():
        if repository.trees.at(commit.tree, entry.folder.encode()) is None:
            break
        number = number_of(commit.subject)
    return 0 if number in heads else number
