"""`make cheats`: every cheat and every honest example, what was expected and what came.

Cheats run on 24 documents. Each example is verified once for real on all documents, and then its
artifact with 20 nonces on 24 documents each, so that batch plans and companions differ every time.
Takes about an hour; rows are kept under `out/cheats/` by what the verifier is made of and what they
are given, and a re-run goes on where it stopped. Ends with 1 if any row is wrong.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.cheats.catalog import CHEATS, Cheat
from tests.cheats.running import DOCUMENTS, cheats_policy, composed, own_store, run
from tests.tested import commit, folder_digest, verdict_inputs
from verifier import installed, pipeline
from verifier import policy as policies
from verifier.records import Answer, Outcome, Verdict
from verifier.watch import Unwatched

NONCES = 20
SCORERS = 2
REUSE = """\"\"\"Leaves the artifact that was trained before.\"\"\"

import os
import shutil

shutil.copytree("trained", os.environ["OUT"], dirs_exist_ok=True)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One printed row; `wrong` is "" where all is well."""

    name: str
    expected: str
    got: str
    bpb: float | None
    seconds: float
    wrong: str
    commit: str = field(default_factory=commit)


class Kept:
    """Rows that were run before on this version of the verifier, by name and inputs."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        self._rows = {row["key"]: Line(**row["line"]) for row in map(json.loads, lines)}

    def once(self, key: str, row: Callable[[], Line]) -> Line:
        """The row, run unless it was."""
        if key not in self._rows:
            self._rows[key] = row()
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"key": key, "line": asdict(self._rows[key])}) + "\n")
        return self._rows[key]


def cheat_line(cheat: Cheat, place: Path) -> Line:
    """One cheat's row."""
    row = run(cheat, place, scorers=SCORERS)
    caught = {f.audit: f.outcome for f in row.verdict.findings}
    named = [name for name, outcome in caught.items() if outcome is Outcome.BROKEN]
    got = row.verdict.answer.value + (f" ({', '.join(named)})" if named else "")
    audit = f" ({cheat.audit})" if cheat.audit else ""
    return Line(
        name=cheat.name,
        expected=f"{cheat.answer.value}{audit}",
        got=got,
        bpb=row.verdict.bpb,
        seconds=row.seconds,
        wrong=row.wrong,
    )


def examples() -> list[Path]:
    """The honest submissions that ship with the verifier."""
    return sorted(path.parent for path in installed.path("examples").glob("*/verify.yaml"))


def whole_line(example: Path, out: Path) -> Line:
    """One example, trained, scored and replayed on all documents under the default policy."""
    began = time.monotonic()
    request = pipeline.Request(
        reference=str(example), policy=policies.load("local_cpu"), out=out, scorers=SCORERS
    )
    report = pipeline.verify(request, Unwatched())
    (trained,) = report.folder.glob("seed-*")
    packed = trained / "packed"
    artifact = packed if any(packed.iterdir()) else trained / "trained"
    shutil.copytree(artifact, out / example.name / "trained", dirs_exist_ok=True)
    return honest_line(example.name, report.verdict, time.monotonic() - began)


def honest_line(name: str, verdict: Verdict, seconds: float) -> Line:
    """An example's row: nothing but VERIFIED will do."""
    open_findings = [
        f"{f.audit} {f.outcome.value}: {f.reason}"
        for f in verdict.findings
        if f.audit in verdict.required and f.outcome is not Outcome.KEPT
    ]
    return Line(
        name=name,
        expected=Answer.VERIFIED.value,
        got=verdict.answer.value,
        bpb=verdict.bpb,
        seconds=seconds,
        wrong="; ".join(open_findings),
    )


def nonce_line(example: Path, out: Path, number: int, place: Path) -> Line:
    """The artifact of `whole_line` again, under another key, on other documents."""
    began = time.monotonic()
    folder = place / example.name
    shutil.copytree(example, folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(out / example.name / "trained", folder / "trained")
    (folder / "reuse.py").write_text(REUSE, encoding="utf-8")
    manifest = (folder / "verify.yaml").read_text(encoding="utf-8").splitlines()
    kept = [line for line in manifest if not line.startswith(("train:", "pack:", "sealed_start:"))]
    text = "\n".join([*kept, "train: [python3, reuse.py]", ""])
    (folder / "verify.yaml").write_text(text, encoding="utf-8")
    claims = json.loads((folder / "submission.json").read_text(encoding="utf-8"))
    # Other documents, another number: the claim is about all of them.
    claims["val_bpb"] = 8.0
    (folder / "submission.json").write_text(json.dumps(claims), encoding="utf-8")
    with own_store(place / "store"):
        request = pipeline.Request(
            reference=str(folder),
            policy=cheats_policy(),
            out=place / "out",
            key=place / "key.pem",
            scorers=SCORERS,
            documents=DOCUMENTS,
            documents_salt=f"set {number}",
        )
        verdict = pipeline.verify(request, Unwatched()).verdict
    return honest_line(f"{example.name} · nonce {number}", verdict, time.monotonic() - began)


def lines(out: Path, only: list[str]) -> Iterator[Line]:
    """Every row, in order; `only` names the cheats and examples wanted, all if empty."""
    kept = Kept(out / f"{verdict_inputs()}.jsonl")

    def wanted(name: str) -> bool:
        return not only or name in only

    for cheat in filter(lambda cheat: wanted(cheat.name), CHEATS):
        with tempfile.TemporaryDirectory(prefix="gv-cheat-") as name:
            folder = composed(cheat, Path(name) / "composed")
            key = f"{cheat.name} {folder_digest(folder)}"
            yield kept.once(key, lambda c=cheat, n=name: cheat_line(c, Path(n) / "row"))  # type: ignore[misc]
    for example in filter(lambda path: wanted(path.name), examples()):
        digest = folder_digest(example)
        yield kept.once(f"{example.name} {digest}", lambda e=example: whole_line(e, out))  # type: ignore[misc]
        for number in range(NONCES):
            with tempfile.TemporaryDirectory(prefix="gv-nonce-") as name:
                yield kept.once(
                    f"{example.name} {digest} {number}",
                    lambda e=example, i=number, n=name: nonce_line(e, out, i, Path(n)),  # type: ignore[misc]
                )


def main() -> int:
    """Run and print; 1 if any row is wrong."""
    console = Console()
    table = Table("row", "expected", "got", "bpb", "seconds", "wrong", title=f"commit {commit()}")
    wrong = 0
    out = Path(os.environ.get("OUT", "out")) / "cheats"
    for line in lines(out, sys.argv[1:]):
        wrong += bool(line.wrong)
        bpb = "–" if line.bpb is None else f"{line.bpb:.4f}"
        cells = (line.name, line.expected, line.got, bpb, f"{line.seconds:.1f}", line.wrong)
        table.add_row(*cells)
        console.print(" · ".join(cells[:5]) + (f"  WRONG: {line.wrong}" if line.wrong else ""))
    console.print(table)
    console.print(f"{table.row_count} rows, {wrong} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
