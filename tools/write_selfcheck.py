"""`make docs`: write what is probed into docs/selfcheck.md, as the probes say it."""

from __future__ import annotations

from pathlib import Path

from verifier.report.selfcheck_page import page

PAGE = Path(__file__).resolve().parent.parent / "docs" / "selfcheck.md"

if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
