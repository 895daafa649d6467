"""What does a rule of screening say, in Markdown? The words of `verifier explain` and of the docs.

Rules are ours, so nothing is escaped here. Must never say more than the registry.
"""

from __future__ import annotations

from collections.abc import Sequence

from verifier.screening import Confidence, Rule

HEADING = "# Screening rules"
INTRODUCTION = """\
`make docs` writes this part from the rules themselves. `verifier screen` and `verifier triage` read
source, claims and logs and run nothing, so a rule proves nothing: what it says is a **violation**
(the broken rule itself is there to be seen), a question for **review**, or a **note** (true, and
nothing to answer for; what no entry point reaches is never more). No number of them verifies or
refutes a submission, and none of them clears it: the best word is *nothing found*.
"""

_AT_MOST = {
    Confidence.VIOLATION: "a violation: the broken rule itself is in the source or the logs",
    Confidence.REVIEW: "a question: a person must look before it counts",
    Confidence.NOTE: "a note: nothing to answer for",
}

_SCRIPT_ONLY = "A `scorer/1` submission leaves this to the verifier, and is not asked."


def explained(rule: Rule, level: int = 2) -> str:
    """The section of one rule under a heading of `level`; ends with a line break."""
    classes = ", ".join(f"`{name}`" for name in rule.classes)
    lines = [
        f"{'#' * level} {rule.id}",
        "",
        f"- **Looked for** {rule.sentence}",
        f"- **Rule** {rule.clause}" + (f"; class {classes}" if classes else ""),
        f"- **At most** {_AT_MOST[rule.at_most]}.",
        *([f"- **Only of scripts** {_SCRIPT_ONLY}"] if rule.script_only else []),
        f"- **Clear yourself** {rule.clear}",
    ]
    return "\n".join(lines) + "\n"


def section(rules: Sequence[Rule]) -> str:
    """All rules, one after the other, as docs/audits.md carries them; ends with a line break."""
    return "\n".join([f"{HEADING}\n\n{INTRODUCTION}", *(explained(rule, 3) for rule in rules)])
