"""How well does screening tell labelled submissions apart? For `make labels CLONE= LABELS=`.

Reads a table of labelled scripts (`pr,ref,path,label,class,source`) and a clone that has those
refs, screens the folder of each, and prints recall and precision per class and overall, the rows
that were missed and the valid ones that were flagged. It judges by the class of a rule only, runs
nothing of a submission, and writes nothing.
"""

from __future__ import annotations

import argparse
import gc
import re
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from verifier.history import rules
from verifier.policy import Policy, load
from verifier.screening import Confidence, Remark, Rule
from verifier.screening.screen import screen
from verifier.submission.contents import contents_of
from verifier.submission.labelled import Label, folder_of, read_labels
from verifier.submission.repository import Repository

DOCS = Path(__file__).resolve().parents[1] / "docs" / "audits.md"
SECTION = "# Screening rules: classes that source or logs can show"
RECALL, FLAGGED = 0.85, 0.15
"""What must be reached: of invalid rows, and at most of valid ones."""
POLICY = "track_10min_16mb"
ASKS = (Confidence.VIOLATION, Confidence.REVIEW)


@dataclass(slots=True)
class Labelled:
    """One row of the table, and what screening said of it."""

    row: Label
    remarks: tuple[Remark, ...] = ()
    seconds: float = 0.0
    fault: str = ""
    classes: dict[str, Confidence] = field(default_factory=dict)

    @property
    def number(self) -> int:
        """The pull request's."""
        return self.row.number

    @property
    def label(self) -> str:
        """What people ruled."""
        return self.row.label

    @property
    def kind(self) -> str:
        """Its class, or "-"."""
        return self.row.kind

    @property
    def valid(self) -> bool:
        """Whether people ruled that it stands."""
        return self.row.valid

    def asked_for(self, kind: str) -> bool:
        """Whether a remark of a class asks for a person; a note does not."""
        return self.classes.get(kind) in ASKS

    @property
    def asks(self) -> list[Remark]:
        """The remarks that ask for a person."""
        return [remark for remark in self.remarks if remark.confidence in ASKS]


def covered_classes() -> list[str]:
    """The classes that docs/audits.md says screening can show."""
    text = DOCS.read_text(encoding="utf-8")
    section = text.partition(SECTION)[2].partition("\n# ")[0]
    return re.findall(r"^\| `([A-Z0-9_]+)`", section, re.MULTILINE)


def every_rule() -> dict[str, Rule]:
    """Every rule by its id."""
    return {rule.id: rule for rule in rules.ALL}


def read_rows(table: Path) -> list[Labelled]:
    """The rows of the table."""
    return [Labelled(row) for row in read_labels(table)]


def screened(repository: Repository, row: Labelled, known: dict[str, Rule], policy: Policy) -> None:
    """Screen one row."""
    folder = folder_of(repository, row.row)
    if folder is None:
        row.fault = "not in the clone"
        return
    contents = contents_of(repository, folder)
    began = time.monotonic()
    told = screen(contents.tree, folder=folder.path, digest=contents.digest, policy=policy)
    row.seconds = time.monotonic() - began
    row.remarks = told.remarks
    for remark in told.remarks:
        for kind in known[remark.rule].classes if remark.rule in known else ():
            before = row.classes.get(kind, Confidence.NOTE)
            strongest = min(before, remark.confidence, key=[*ASKS, Confidence.NOTE].index)
            row.classes[kind] = strongest


def told(row: Labelled) -> str:
    """What screening said of a row, in one line."""
    found = [f"{each.rule} ({each.confidence.value})" for each in row.remarks]
    return ", ".join(dict.fromkeys(found)) or "nothing"


def per_class(rows: list[Labelled], covered: list[str]) -> None:
    """Recall and precision of each class that any row has, or any remark names."""
    print(f"{'class':22}{'invalid':>8}{'found':>7}{'disputed':>10}{'found':>7}{'on valid':>10}")
    kinds = sorted({row.kind for row in rows if row.kind != "-"} | set(covered))
    for kind in kinds:
        invalid = [row for row in rows if row.kind == kind and row.label == "invalid"]
        disputed = [row for row in rows if row.kind == kind and row.label == "disputed"]
        wrong = [row for row in rows if row.valid and row.asked_for(kind)]
        if not (invalid or disputed or wrong):
            continue
        print(
            f"{kind:22}{len(invalid):8}{sum(row.asked_for(kind) for row in invalid):7}"
            f"{len(disputed):10}{sum(row.asked_for(kind) for row in disputed):7}"
            f"{len(wrong):10}{'' if kind in covered else '   not covered'}"
        )


def confused(rows: Iterable[Labelled]) -> None:
    """Which other classes the rows of a class were flagged with."""
    for row in rows:
        others = [k for k, sure in row.classes.items() if k != row.kind and sure in ASKS]
        if others and not row.valid:
            print(f"  {row.number} {row.kind}: also {', '.join(sorted(others))}")


def summary(rows: list[Labelled], covered: list[str]) -> bool:
    """The figures that decide; whether all are reached."""
    invalid = [row for row in rows if row.label == "invalid" and row.kind in covered]
    found = [row for row in invalid if row.asked_for(row.kind)]
    valid = [row for row in rows if row.valid]
    accused = [
        row for row in valid if any(r.confidence is Confidence.VIOLATION for r in row.remarks)
    ]
    flagged = [row for row in valid if row.asks]
    noted = sum(row.kind in row.classes for row in invalid) - len(found)
    print(
        f"\ninvalid of covered classes with a remark of the class that asks for a person:"
        f" {len(found)}/{len(invalid)}, {noted} more with a note"
    )
    for row in invalid:
        if row not in found:
            print(f"  missed {row.number} {row.kind}: {row.fault or told(row)}")
    print(f"valid with a violation: {len(accused)}/{len(valid)}")
    print(f"valid with anything that asks for a person: {len(flagged)}/{len(valid)}")
    for row in flagged:
        for remark in row.asks:
            place = remark.locations[0] if remark.locations else None
            where = "" if place is None else f" {place.path}:{place.line}"
            print(f"  {row.number} {remark.rule} ({remark.confidence.value}){where} {remark.said}")
    return (
        len(found) >= RECALL * len(invalid) and not accused and len(flagged) <= FLAGGED * len(valid)
    )


def main(arguments: list[str]) -> int:
    """Screen every row and print the figures; 0 when all are reached, 1 when not."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clone", type=Path)
    parser.add_argument("labels", type=Path)
    parser.add_argument("--rows", action="store_true", help="print what was said of every row")
    asked = parser.parse_args(arguments)
    gc.set_threshold(200_000)
    policy = load(POLICY).policy
    rows, known, covered = read_rows(asked.labels), every_rule(), covered_classes()
    with Repository.at(asked.clone) as repository:
        for row in rows:
            screened(repository, row, known, policy)
            if asked.rows:
                print(f"{row.number} {row.label} {row.kind}: {row.fault or told(row)}")
    per_class(rows, covered)
    print("\nflagged with other classes too:")
    confused(rows)
    reached = summary(rows, covered)
    seconds = sorted(row.seconds for row in rows)
    print(f"seconds per row: median {seconds[len(seconds) // 2]:.3f}, most {seconds[-1]:.3f}")
    return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
