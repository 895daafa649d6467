"""Which submissions does a table of labels name, and where in a clone do they lie?"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from verifier.errors import BadInput
from verifier.submission.candidates import Folder
from verifier.submission.contents import contents_of
from verifier.submission.pull_request import pull_request
from verifier.submission.repository import Repository
from verifier.submission.submitted import Candidate

COLUMNS = ("pr", "ref", "path", "label", "class")


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """One row: a script at a ref of a clone, and what people ruled. `kind` is its class, or "-"."""

    number: int
    ref: str
    path: str
    label: str
    kind: str

    @property
    def valid(self) -> bool:
        """Whether people ruled that it stands."""
        return self.label.startswith("valid")


def read_labels(table: Path) -> tuple[Label, ...]:
    """The rows of a table. Raises BadInput naming file, line and column."""
    try:
        with table.open(encoding="utf-8", newline="") as lines:
            rows = list(csv.DictReader(lines))
    except (OSError, UnicodeDecodeError, csv.Error) as fault:
        raise BadInput(f"cannot be read as a table: {fault}", file=table) from fault
    missing = [name for name in COLUMNS if not rows or name not in rows[0]]
    if missing:
        raise BadInput(f"has no column {', '.join(missing)}", file=table, place=1)
    made: list[Label] = []
    for line, row in enumerate(rows, 2):
        if not (row["pr"] or "").isdigit() or None in row or None in row.values():
            raise BadInput("is no row of a label table", file=table, place=line)
        made.append(
            Label(
                number=int(row["pr"]),
                ref=row["ref"],
                path=row["path"],
                label=row["label"],
                kind=row["class"],
            )
        )
    return tuple(made)


def folder_of(repository: Repository, row: Label) -> Folder | None:
    """The folder that holds a row's script; what a request adds, where that is the root."""
    path = row.path.rpartition("/")[0]
    if not path:
        return pull_request(repository, row.number).folder
    commit = repository.ancestry.commit(repository.resolve(row.ref))
    leaf = None if commit is None else repository.trees.at(commit.tree, path.encode())
    return None if leaf is None else Folder(path=path, tree=leaf.id, added=True, changed=())


def candidate_of(repository: Repository, row: Label) -> Candidate | None:
    """What a row names, to be read; None where the clone has it not."""
    folder = folder_of(repository, row)
    if folder is None:
        return None
    return Candidate(folder.path, partial(contents_of, repository, folder))
