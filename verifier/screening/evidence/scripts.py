"""Is there a script, under its name, and how does it come to what it runs?"""

from __future__ import annotations

from collections.abc import Iterator

from verifier.screening.evidence.gathering import Evidence
from verifier.screening.evidence.saying import note, remark
from verifier.screening.finding import Confidence, Location, Remark
from verifier.screening.rule import Rule

NAME = Rule(
    id="script-name",
    sentence="There is no train_gpt.py.",
    clause="R9",
    at_most=Confidence.NOTE,
    clear="Call the script that trains and scores train_gpt.py.",
    classes=("FORMAT_MISSING",),
    script_only=True,
)
MISSING = Rule(
    id="script-missing",
    sentence="The submission ships no Python script.",
    clause="R9",
    at_most=Confidence.REVIEW,
    clear="Ship the script that trains and scores.",
    classes=("FORMAT_MISSING",),
)
EMPTY = Rule(
    id="script-empty",
    sentence="A script has no bytes.",
    clause="R9",
    at_most=Confidence.NOTE,
    clear="Ship the script that was meant.",
    classes=("FORMAT_MISSING",),
)
PACKED = Rule(
    id="script-packed",
    sentence="The script unpacks and runs a source that it holds compressed.",
    clause="R1",
    at_most=Confidence.NOTE,
    clear="Nothing: packed code is accepted, and it is read unpacked here.",
)
WRAPPER = Rule(
    id="script-runs-sibling",
    sentence="The script only runs another file beside it.",
    clause="R1, R9",
    at_most=Confidence.NOTE,
    clear="Ship the script itself as train_gpt.py; every file that runs is counted.",
)
NEWER = Rule(
    id="script-needs-python-312",
    sentence="The script needs the grammar of Python 3.12.",
    clause="R9",
    at_most=Confidence.NOTE,
    clear="Say so in the README, or write f-strings without reusing their quotes.",
)
BASELINE = Rule(
    id="script-is-the-baseline",
    sentence="The shipped script is the competition's baseline, unchanged.",
    clause="R9",
    at_most=Confidence.NOTE,
    clear="Ship the script that made the log.",
    classes=("CODE_MISMATCH",),
)
RULES = (NAME, MISSING, EMPTY, PACKED, WRAPPER, NEWER, BASELINE)

BASELINES = frozenset(
    {
        "e77cf46e4a37cdb6ae8de4f82ac4f139674e5e60f16e0533aa6beecefacf3421",
        "c6cae5e767aa0464e8767620f3bbdb08048c99f4b7ae0f0e146dd9b17e68e673",
    }
)
"""sha256 of the competition's own train_gpt.py, before and after it could be scored by parts."""


def check(evidence: Evidence) -> Iterator[Remark]:
    """Every remark about the scripts as files."""
    yield from _named(evidence)
    yield from _run(evidence)


def _named(evidence: Evidence) -> Iterator[Remark]:
    tree = evidence.tree
    scripts = [path for path in tree.paths if path.endswith(".py")]
    if not scripts:
        confidence = Confidence.REVIEW if evidence.is_record else Confidence.NOTE
        said = f"no .py among {len(tree.paths)} files"
        yield remark(MISSING, confidence, said, Location(path=""), files=len(tree.paths))
        return
    if not any(path.rsplit("/", 1)[-1] == "train_gpt.py" for path in scripts):
        top = [path for path in scripts if path.count("/") == scripts[0].count("/")]
        said = f"no train_gpt.py; there is {', '.join(top[:6])}"
        yield note(NAME, said, *(Location(path=path) for path in top[:12]), scripts=len(scripts))
    for path in scripts:
        if not tree.size(path) and not path.endswith("__init__.py"):
            yield note(EMPTY, f"{path} has no bytes", Location(path=path))
        elif tree.sha256(path) in BASELINES and path.endswith("train_gpt.py"):
            said = f"{path} ({tree.size(path)} bytes) is the competition's own script"
            yield note(BASELINE, said, Location(path=path), sha256=tree.sha256(path))


def _run(evidence: Evidence) -> Iterator[Remark]:
    """How the script comes to what it runs."""
    program = evidence.program
    if program is None:
        return
    entry = program.entry
    size = evidence.tree.size(entry.path)
    if entry.layer:
        lines = entry.text.count("\n") + 1
        decoded = len(entry.text.encode("utf-8", "replace"))
        said = f"{entry.path} has {size} bytes; unpacked ({entry.layer}) {decoded}, {lines} lines"
        place = evidence.line_of(entry.path, 1)
        yield note(PACKED, said, place, packed=size, unpacked=decoded, lines=lines)
    first = next((unit for unit in program.units if unit.path != entry.path and unit.main), None)
    if first is not None and not first.layer:
        small = evidence.tree.size(first.path)
        said = f"{first.path} ({small} bytes) runs {entry.path} ({size} bytes)"
        places = (evidence.line_of(first.path, 1), Location(path=entry.path))
        yield note(WRAPPER, said, *places, wrapper=small, runs=size)
    for unit in program.units:
        if unit.newer:
            said = f"{unit.path} needs Python 3.12 from line {unit.newer} on"
            text = unit.rows()[unit.newer - 1][:200] if unit.newer <= len(unit.rows()) else ""
            place = Location(path=unit.path, line=unit.newer, text=text, layer=unit.layer)
            yield note(NEWER, said, place, line=unit.newer)
