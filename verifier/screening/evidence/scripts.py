"""Can what is shipped be run as shipped? Names, packing, what it imports, what was not counted."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator

from verifier.screening.evidence.gathering import Evidence, Script
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

RULES = (
    *(NAME, MISSING, EMPTY, PACKED, WRAPPER, NEWER),
    *(BASELINE, REQUIREMENTS, UNCOUNTED),
)

BASELINES = frozenset(
    {
        "e77cf46e4a37cdb6ae8de4f82ac4f139674e5e60f16e0533aa6beecefacf3421",
        "c6cae5e767aa0464e8767620f3bbdb08048c99f4b7ae0f0e146dd9b17e68e673",
    }
)
"""sha256 of the competition's own train_gpt.py, before and after it could be scored by parts."""

PROVIDED = frozenset(
    {
        *("numpy", "tqdm", "torch", "huggingface_hub", "kernels", "setuptools", "triton"),
        *("typing_extensions", "datasets", "tiktoken", "sentencepiece", "pkg_resources"),
        *("packaging", "requests", "yaml", "jinja2", "torchvision"),
    }
)
"""Modules that the competition's requirements, or what they bring along, provide."""

_CODE = (".cpp", ".cc", ".c", ".cu", ".cuh", ".h", ".so", ".rs", ".zig")
_IMPORT = re.compile(
    r"^([ \t]*)(?:[^#\n]{0,200}?[;:])?"
    r"(?:import ([\w., \t]{1,300})|from ([A-Za-z_]\w{0,60})[\w.]{0,80} import)",
    re.M,
)
LONGEST_TEXT = 1_000_000


def check(evidence: Evidence) -> Iterator[Remark]:
    """Every remark about the scripts as files."""
    yield from _named(evidence)
    yield from _run(evidence)
    yield from _requirements(evidence)
    yield from _uncounted(evidence)


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
        line = newer_line(unit.text)
        if line:
            said = f"{unit.path} needs Python 3.12 from line {line} on"
            text = unit.rows()[line - 1][:200] if line <= len(unit.rows()) else ""
            place = Location(path=unit.path, line=line, text=text, layer=unit.layer)
            yield note(NEWER, said, place, line=line)


_F_STRING = re.compile(r"[fF][rR]?(\"|')")


def newer_line(text: str) -> int:
    """The first line of an f-string that reuses its own quote inside braces (PEP 701), 0: none.

    Looks at one-line strings only, and gives up on a line after 400 of its f-strings.
    """
    for number, row in enumerate(text.split("\n"), 1):
        if "{" not in row or len(row) > 20_000:
            continue
        for found in list(_F_STRING.finditer(row))[:400]:
            before = row[found.start() - 1 : found.start()]
            triple = row.startswith(found.group(1) * 3, found.end() - 1)
            opens = not triple and not before.isalnum() and before != "_"
            if opens and _reuses(row, found.end(), found.group(1)):
                return number
    return 0


def _reuses(row: str, at: int, quote: str) -> bool:
    """Whether a string that opens before `at` has its quote inside its braces."""
    depth = 0
    while at < len(row):
        letter = row[at]
        if letter == "\\" or (letter == "{" and depth == 0 and row.startswith("{{", at)):
            at += 1
        elif letter == "{":
            depth += 1
        elif letter == "}":
            depth = max(0, depth - 1)
        elif letter == quote:
            return depth > 0 and _closes(row, at, quote)
        at += 1
    return False


def _closes(row: str, at: int, quote: str) -> bool:
    """Whether the string really goes on after the quote at `at`: brace and quote still follow."""
    brace = row.find("}", at)
    return brace > 0 and row.find(quote, at + 1, brace) > 0 and row.find(quote, brace) > 0


def imports_of(script: Script) -> Iterator[tuple[str, int, bool]]:
    """(top module, line, whether a `try` guards it) of each import."""
    text = script.text[:LONGEST_TEXT]
    rows = text.split("\n")
    line = counted = 0
    for found in _IMPORT.finditer(text):
        line += text.count("\n", counted, found.start())
        counted = found.start()
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
        for top, line, guarded in imports_of(script):
            known = top in PROVIDED or top in sys.stdlib_module_names or top in own
            if known or top.startswith("_"):
                continue
            at = first.setdefault(top, line)
            if guarded or any(place.path == script.path for place in lacking.get(top, ())):
                continue
            text = script.text.split("\n")[at - 1][:200]
            place = Location(path=script.path, line=at, text=text, layer=script.layer)
            lacking.setdefault(top, []).append(place)
    if lacking:
        said = f"imports {', '.join(sorted(lacking))}, and there is no requirements.txt"
        places = [place for name in sorted(lacking) for place in lacking[name]]
        yield note(REQUIREMENTS, said[:300], *places, packages=", ".join(sorted(lacking))[:200])


def _uncounted(evidence: Evidence) -> Iterator[Remark]:
    """Files that run beside the entry, against the room that the log's total leaves."""
    program = evidence.program
    if program is None:
        return
    tree, entry = evidence.tree, program.entry.path
    units = {unit.path: unit.text for unit in program.units}
    helpers = {unit.path for unit in program.units if unit.path != entry and not unit.main}
    helpers |= _beside(evidence, [Script(path=entry, text=program.entry.text)])
    texts = [*units.values(), *(tree.text(path) or "" for path in helpers if path in tree.files)]
    for path in tree.paths:
        name = path.rsplit("/", 1)[-1]
        if path.endswith(_CODE) and any(name in text for text in texts):
            helpers.add(path)
    size = sum(tree.size(path) for path in helpers)
    over = [
        (log, total)
        for log in evidence.backing
        if (total := log.log.last("total_bytes")) is not None
        and total.value + size > evidence.policy.size.cap_bytes >= total.value
    ]
    if not helpers or not over:
        return
    most = int(max(total.value for _, total in over)) + size
    said = f"{', '.join(sorted(helpers)[:6])} run and have {size} bytes; with them {most}"
    places = [log.at(total.quote) for log, total in over]
    places += [Location(path=path) for path in sorted(helpers)]
    places += [*_mentions(evidence, helpers), *_imported(evidence, helpers)]
    yield note(UNCOUNTED, said, *places, helpers=size, total=most)


def _beside(evidence: Evidence, scripts: list[Script]) -> set[str]:
    """Files beside the script that it imports, and those that they import."""
    found: set[str] = set()
    while scripts:
        script = scripts.pop()
        above = script.path.rpartition("/")[0]
        for top, _, _ in imports_of(script):
            path = f"{above}/{top}.py" if above else f"{top}.py"
            if path in evidence.tree.files and path not in found and path != script.path:
                found.add(path)
                scripts.append(Script(path=path, text=evidence.tree.text(path) or ""))
    return found


def _imported(evidence: Evidence, helpers: set[str]) -> Iterator[Location]:
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


def _mentions(evidence: Evidence, helpers: set[str]) -> list[Location]:
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
