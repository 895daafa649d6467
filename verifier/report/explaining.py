"""What does an id in a report mean? An audit's section of docs/audits.md, or a rule of screening.

Must never explain what there is not: a misspelt id gets the nearest one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import get_close_matches

from verifier import bundle
from verifier.errors import RequestError
from verifier.report.screening.explained import HEADING, explained
from verifier.screening import Rule


def explain(name: str, rules: Sequence[Rule]) -> str:
    """Markdown about the audit or the rule called `name`. Raises RequestError for any other."""
    sections = {rule.id: explained(rule) for rule in rules} | _audits()
    if name not in sections:
        close = get_close_matches(name, sections, 1)
        hint = f"did you mean {close[0]}?" if close else f"one of {', '.join(sections)}"
        raise RequestError(f"there is no audit or rule {name!r}", remedy=hint)
    return sections[name]


def page() -> tuple[str, str]:
    """docs/audits.md: what stands before the rules of screening, and they."""
    text = (bundle.path("docs") / "audits.md").read_text(encoding="utf-8")
    before, heading, rules = text.partition(f"\n{HEADING}\n")
    return before, f"{heading.lstrip()}{rules}"


def _audits() -> dict[str, str]:
    before, _ = page()
    parts = re.split(r"^## ", before, flags=re.MULTILINE)[1:]
    sections = (text.partition("\n# ")[0] for text in parts)
    return {text.partition("\n")[0].strip(): f"## {text.strip()}\n" for text in sections}
