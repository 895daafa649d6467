"""Make each room faulty and see who notices: `python -m tests.mutants [ROOM…] [--json]`.

Resumable: a verdict is kept under .mutants until the mutated file or the room's tests change.
Ends with 0 if every mutant was noticed or is a listed equivalent, else 1.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import mutmut

from tests.mutants import equivalents
from tests.mutants.keeping import Judged, Mutant, holds, kept, under
from tests.mutants.making import Mutated, mutate
from tests.mutants.rooms import ROOMS, Room, files

ROOT = Path(__file__).parents[2]
ANSWERS = ("killed", "timeout", "equivalent", "survived", "uncovered", "open")
LEFT_OUT = shutil.ignore_patterns(".*", "__pycache__", "out", "dist", "build")


@dataclass(frozen=True)
class Found:
    """What became of a room's mutants; `standing` are the survivors that nobody explained."""

    room: Room
    counts: Counter[str]
    not_made: int
    standing: tuple[tuple[Mutant, str], ...]
    void: tuple[equivalents.Equivalent, ...]


def main() -> int:
    """Judge the rooms asked for, print the table and every survivor."""
    names = {room.name: room for room in ROOMS}
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("rooms", nargs="*", metavar="ROOM", help=", ".join(names))
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--fresh", action="store_true", help="forget every verdict of these rooms")
    parser.add_argument("--kept", action="store_true", help="judge nothing: show what is known")
    parser.add_argument("--place", type=Path, default=ROOT / ".mutants", help="where it works")
    given = parser.parse_args()
    unknown = sorted(set(given.rooms) - set(names))
    if unknown:
        parser.error(f"no room {', '.join(unknown)}; there are {', '.join(names)}")
    rooms = [names[name] for name in given.rooms or names]
    given.place.mkdir(parents=True, exist_ok=True)
    found = [judged(ROOT, room, given) for room in rooms]
    print(json.dumps(_document(found), indent=2) if given.json else _table(found))
    whole = all(not (each.standing or each.void or each.counts["open"]) for each in found)
    return 0 if whole else 1


def judged(root: Path, room: Room, given: argparse.Namespace) -> Found:
    """Have every mutant of `room` judged that has no verdict yet, and sort the verdicts."""
    results = given.place / "results.jsonl"
    sources = [file for file in files(root, room.sources) if file.endswith(".py")]
    made = {file: mutate(file, (root / file).read_text()) for file in sources}
    tests = files(root, (*room.tests, "tests/conftest.py"))
    digests = {file: under(root, file, tests, version("mutmut"), *room.but) for file in made}
    mutants = [mutant for one in made.values() for mutant in one.mutants]
    known = _standing(results, mutants, digests)
    todo = [
        {
            "key": each.key,
            "name": each.name,
            "covers": each.covers,
            "file": each.file,
            "by": known[each.key][0].by if each.key in known else "",
        }
        for each in mutants
        if given.fresh or each.key not in known or not known[each.key][1]
    ]
    if todo and not given.kept:
        _judge(
            root,
            room,
            made,
            {"mutants": todo, "workers": given.workers, "digests": digests},
            given.place,
        )
        known = _standing(results, mutants, digests)
    return _sorted(room, mutants, known, sum(one.not_made for one in made.values()))


def _standing(
    results: Path, mutants: list[Mutant], digests: dict[str, dict[str, str]]
) -> dict[str, tuple[Judged, bool]]:
    """The last verdict on each mutant, and whether it still holds."""
    last = kept(results)
    return {
        each.key: (last[each.key], holds(last[each.key], digests[each.file]))
        for each in mutants
        if each.key in last
    }


def _judge(
    root: Path, room: Room, made: dict[str, Mutated], job: dict[str, Any], place: Path
) -> None:
    """Write the mutated tree and let `judging` work in it, with progress on stderr."""
    tree, log = (place / f"tree-{room.name}").resolve(), place / f"{room.name}.log"
    shutil.rmtree(tree, ignore_errors=True)
    shutil.copytree(root, tree, ignore=LEFT_OUT, symlinks=True)
    for file, one in made.items():
        (tree / file).write_text(one.code)
    results = (place / "results.jsonl").resolve()
    before = results.stat().st_size if results.exists() else 0
    tests = [*room.tests, *(f"--deselect={each}" for each in room.but)]
    job |= {"tests": tests, "results": str(results)}
    (tree / "job.json").write_text(json.dumps(job))
    with log.open("w") as out:
        command = [sys.executable, "-m", "tests.mutants.judging", "job.json"]
        found = Path(mutmut.__file__).resolve().parents[1]
        environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(found)}
        working = subprocess.Popen(command, cwd=tree, stdout=out, stderr=out, env=environment)
        try:
            _watch(working, room, results, before, {each["key"] for each in job["mutants"]})
        finally:
            working.terminate()
            working.wait()
    if working.returncode:
        raise SystemExit(f"{room.name}: its tests fail without a mutant; see {log}")
    shutil.rmtree(tree)


def _watch(
    working: subprocess.Popen[bytes], room: Room, results: Path, before: int, keys: set[str]
) -> None:
    shown = ""
    while True:
        ended = working.poll() is not None
        with results.open("rb") if results.exists() else open(os.devnull, "rb") as file:
            file.seek(before)
            read = [json.loads(line) for line in file if line.endswith(b"\n")]
        done = Counter(each["answer"] for each in read if each["key"] in keys)
        left = done["survived"] + done["uncovered"]
        line = f"{room.name}: {done.total()} of {len(keys)} judged, {left} survived"
        if line != shown:
            end = "\r" if sys.stderr.isatty() else "\n"
            print(line, file=sys.stderr, end=end, flush=True)
            shown = line
        if ended:
            return
        with contextlib.suppress(subprocess.TimeoutExpired):
            working.wait(1 if sys.stderr.isatty() else 20)


def _sorted(
    room: Room, mutants: list[Mutant], known: dict[str, tuple[Judged, bool]], not_made: int
) -> Found:
    answers = dict.fromkeys((each.key for each in mutants), "open")
    answers |= {key: judged.answer for key, (judged, stands) in known.items() if stands}
    alive = [each for each in mutants if answers[each.key] in {"survived", "uncovered"}]
    of_room = {each.file for each in mutants}
    listed = [entry for entry in equivalents.read() if entry.file in of_room]
    standing, equal, void = equivalents.sort(alive, listed)
    counts = Counter(answers.values())
    for mutant in equal:
        counts[answers[mutant.key]] -= 1
        counts["equivalent"] += 1
    rest = tuple((mutant, answers[mutant.key]) for mutant in standing)
    unfinished = {each.file for each in mutants if answers[each.key] == "open"}
    return Found(room, counts, not_made, rest, tuple(e for e in void if e.file not in unfinished))


def _table(found: list[Found]) -> str:
    heads = ("room", "mutants", *ANSWERS, "not made")
    rows = [
        (each.room.name, each.counts.total(), *(each.counts[a] for a in ANSWERS), each.not_made)
        for each in found
    ]
    rows.append(("all", *(sum(column) for column in list(zip(*rows, strict=True))[1:])))
    lines = [""]
    for row in (heads, *rows):
        cells = (str(c).rjust(max(len(head), 6)) for c, head in zip(row, heads, strict=True))
        lines.append("  ".join((str(row[0]).ljust(10), *list(cells)[1:])))
    for each in found:
        lines += [_entry(mutant, answer) for mutant, answer in each.standing]
        lines += [f"\n# an entry that does not hold any more\n{_keys(e)}" for e in each.void]
    return "\n".join(lines)


def _entry(mutant: Mutant, answer: str) -> str:
    return f"\n# {answer} ({mutant.key})\n{_keys(mutant)}"


def _keys(thing: Mutant | equivalents.Equivalent) -> str:
    lines = [f'file = "{thing.file}"', f'function = "{thing.function}"']
    for key in ("before", "after"):
        value = getattr(thing, key)
        quoted = f"'''\n{value}'''" if "\n" in value or "'" in value else f"'{value}'"
        lines.append(f"{key} = {quoted}")
    return "\n".join(("[[equivalent]]", *lines))


def _document(found: list[Found]) -> dict[str, Any]:
    return {
        "rooms": {
            each.room.name: {
                "mutants": each.counts.total(),
                **{answer: each.counts[answer] for answer in ANSWERS},
                "not_made": each.not_made,
            }
            for each in found
        },
        "survivors": [
            asdict(mutant) | {"answer": answer} for f in found for mutant, answer in f.standing
        ],
        "void_equivalents": [asdict(entry) for each in found for entry in each.void],
    }


if __name__ == "__main__":
    sys.exit(main())
