"""What does a script need beside itself that nothing names, or nothing counted?"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator

from verifier.screening.evidence.gathering import Evidence, Script
from verifier.screening.evidence.saying import note
from verifier.screening.finding import Confidence, Location, Remark
from verifier.screening.rule import Rule
from verifier.source.closure import Role, read_closure

REQUIREMENTS = Rule(
    id="requirements-missing",
    sentence="The script imports packages that neither the competition nor the folder names.",
    clause="R9",
    at_most=Confidence.NOTE,
    clear="Add a requirements.txt that pins them.",
)
UNCOUNTED = Rule(
    id="helper-code-not-counted",
    sentence="Files that run beside the script were not counted; with them it is over the cap.",
    clause="R1",
    at_most=Confidence.NOTE,
    clear="Count every file that runs, and make it fit.",
    classes=("SIZE_EXTRA_SRC",),
)

RULES = (REQUIREMENTS, UNCOUNTED)

PROVIDED = frozenset(
    {
        *("numpy", "tqdm", "torch", "huggingface_hub", "kernels", "setuptools", "triton"),
        *("typing_extensions", "datasets", "tiktoken", "sentencepiece", "pkg_resources"),
        *("packaging", "requests", "yaml", "jinja2", "torchvision"),
    }
)
"""Modules that the competition's requirements, or what they bring along, provide."""

_IMPORT = re.compile(
    r"^([ \t]*)(?:[^#\n]{0,200}?[;:][ \t]*)?"
    r"(?:import ([\w., \t]{1,300})|from ([A-Za-z_]\w{0,60})[\w.]{0,80} import)"
)
LONGEST_TEXT = 1_000_000


def check(evidence: Evidence) -> Iterator[Remark]:
    """Every remark about what a script needs."""
    yield from _requirements(evidence)
    yield from _uncounted(evidence)


def imports_of(script: Script) -> Iterator[tuple[str, int, bool]]:
    """(top module, line, whether a `try` guards it) of each import."""
    text = script.text[:LONGEST_TEXT]
    rows = text.split("\n")
    for line, row in enumerate(rows):
        # The word first: the pattern tries every place of a line for a statement's beginning.
        found = _IMPORT.match(row) if "import" in row else None
        if found is None:
            continue
        guarded = _guarded(rows, line, len(found.group(1)))
        names = [found.group(3)] if found.group(3) else (found.group(2) or "").split(",")
        for name in names:
            top = name.strip().split(".")[0].split(" ")[0]
            if top.isidentifier():
                yield top, line + 1, guarded


def _guarded(rows: list[str], at: int, indent: int) -> bool:
    """Whether the line at index `at` stands directly under a `try:`, or behind one."""
    if rows[at].lstrip().startswith("try:"):
        return True
    for row in reversed(rows[max(0, at - 40) : at]):
        stripped = row.lstrip()
        if stripped and len(row) - len(stripped) < indent:
            return stripped.startswith(("try:", "except"))
    return False


def _requirements(evidence: Evidence) -> Iterator[Remark]:
    paths = evidence.tree.paths
    if any("requirements" in path.lower() or path.endswith("pyproject.toml") for path in paths):
        return
    own = {path.rsplit("/", 1)[-1].removesuffix(".py") for path in paths if path.endswith(".py")}
    own |= {part for path in paths for part in path.split("/")[:-1]}
    lacking: dict[str, list[Location]] = {}
    for script in evidence.scripts:
        if not script.path.rsplit("/", 1)[-1].startswith("train"):
            continue
        first: dict[str, int] = {}
        rows = script.text.split("\n")
        for top, line, guarded in imports_of(script):
            known = top in PROVIDED or top in sys.stdlib_module_names or top in own
            if known or top.startswith("_"):
                continue
            at = first.setdefault(top, line)
            if guarded or any(place.path == script.path for place in lacking.get(top, ())):
                continue
            text = rows[at - 1][:200]
            place = Location(path=script.path, line=at, text=text, layer=script.layer)
            lacking.setdefault(top, []).append(place)
    if lacking:
        said = f"imports {', '.join(sorted(lacking))}, and there is no requirements.txt"
        places = [place for name in sorted(lacking) for place in lacking[name]]
        yield note(REQUIREMENTS, said[:300], *places, packages=", ".join(sorted(lacking))[:200])


_CODE = (".py", ".c", ".cc", ".cpp", ".cxx", ".cu", ".cuh", ".h", ".hpp", ".so", ".rs")
_RUN = frozenset({Role.EXECUTED, Role.BUILT, Role.LOADED})


def _uncounted(evidence: Evidence) -> Iterator[Remark]:
    """Files that run beside the entry, against the room that the logs' totals leave."""
    program, tree = evidence.program, evidence.tree
    if program is None:
        return
    cap = evidence.policy.size.cap_bytes
    entry = program.entry.path
    beside = [path for path in tree.paths if path.endswith(_CODE) and path != entry]
    most = sum(tree.size(path) for path in beside)
    totals = [
        (log, total)
        for log in evidence.backing
        if (total := log.log.last("total_bytes")) is not None and total.value <= cap
    ]
    if not any(total.value + most > cap for _, total in totals):
        return
    mains = {unit.path for unit in program.units if unit.main}
    taken = read_closure(program, tree).files
    helpers = sorted(path for path, role in taken.items() if role in _RUN and path not in mains)
    size = sum(tree.size(path) for path in helpers if path in beside)
    over = [(log, total) for log, total in totals if total.value + size > cap]
    if not helpers or not over:
        return
    largest = int(max(total.value for _, total in over)) + size
    said = f"{', '.join(helpers[:6])} run and have {size} bytes; with them {largest}"
    places = [log.at(total.quote) for log, total in over]
    places += [Location(path=path) for path in helpers]
    places += [*_mentions(evidence, helpers), *_imported(evidence, helpers)]
    yield note(UNCOUNTED, said, *places, helpers=size, total=largest)


def _imported(evidence: Evidence, helpers: list[str]) -> Iterator[Location]:
    """Where the entry imports a helper."""
    program = evidence.program
    if program is None:
        return
    entry = program.entry
    names = {path.rsplit("/", 1)[-1].removesuffix(".py") for path in helpers}
    for top, line, _ in imports_of(Script(path=entry.path, text=entry.text)):
        if top in names:
            row = entry.rows()[line - 1][:200]
            yield Location(path=entry.path, line=line, text=row, layer=entry.layer)


def _mentions(evidence: Evidence, helpers: list[str]) -> list[Location]:
    """Lines of submission.json that name a helper."""
    claimed = evidence.claimed
    if claimed is None:
        return []
    rows = (evidence.tree.text(claimed.path) or "").split("\n")[:2_000]
    names = {path.rsplit("/", 1)[-1] for path in helpers}
    return [
        evidence.line_of(claimed.path, at)
        for at, row in enumerate(rows, 1)
        if any(name in row for name in names)
    ][:4]
