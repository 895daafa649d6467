"""`make docs`: write what the rules of screening say into docs/audits.md, as `explain` says it."""

from __future__ import annotations

from verifier import installed
from verifier.cli.explaining import every_rule
from verifier.report import explaining
from verifier.report.screening.explained import section

if __name__ == "__main__":
    before, _ = explaining.page()
    text = f"{before.rstrip()}\n\n{section(every_rule())}"
    (installed.path("docs") / "audits.md").write_text(text, encoding="utf-8")
