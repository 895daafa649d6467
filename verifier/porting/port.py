"""In what order is a script ported? One screen; nothing of the script is ever executed.

1. the text: unpacked, one statement a line
2. what it consists of: evaluation, model, artifact
3. what scorer.py takes from it
4. what goes
5. the files
"""

from __future__ import annotations

import ast
import json
from dataclasses import replace
from pathlib import Path

from verifier.errors import BadSubmission, RequestError, StorageFault
from verifier.porting import writing
from verifier.porting.asking import logits_body
from verifier.porting.dropping import drop, unused
from verifier.porting.editing import Edited, edited, shares_lines
from verifier.porting.finding import find
from verifier.porting.given import Given
from verifier.porting.learning import learning, names_of
from verifier.porting.loading import DEVICE, load_body
from verifier.porting.record import Counts, Found, Port, Remark, Where
from verifier.porting.surroundings import surroundings
from verifier.source import Program, Tree, read_program
from verifier.source.parsing import parse

OURS = ("train.py", "contest.py", "scorer.py", writing.BASE)
CLAIMS = "submission.json"


def port(given: Given) -> Port:
    """The files of a submission that trains as `given` does, and scores by the contract.

    Raises BadSubmission for a script that cannot be read, with its line.
    """
    remarks: list[Remark] = []
    # 1. The text.
    program, layer = _readable(given, remarks)
    # 2. What it consists of.
    found = find(program)
    tree = found.unit.tree
    assert tree is not None
    # 3. What scorer.py takes.
    around = surroundings(program, remarks)
    load = load_body(program, found, remarks)
    learnt = learning(program, found, remarks)
    adapter = learnt.adapters.parameter if learnt.adapters else ""
    asking = logits_body(program, found, adapter, remarks)
    bodies = [load, asking and asking.body, asking and asking.function]
    took = names_of(learnt).union(*(each.names for each in bodies if each))
    if load is not None and DEVICE not in load.uses:
        what = "`load` puts the model where the script runs: make it, and keep it, on `device`"
        remarks.append(Remark(where=Where.SCORER, what=what))
    # 4. What goes.
    dropped = drop(program, found)
    unused(tree, dropped, took)
    remarks += dropped.remarks
    text = edited(found.unit.text, tree, dropped, _wrapped(program, found, remarks))
    _say_what_stays(program, found, remarks)
    # 5. The files.
    counts = _counts(found, text)
    script = writing.plain(given.script)
    files = {
        "train.py": text.text,
        "contest.py": writing.contest(around, given.launch.told_by),
        "scorer.py": writing.scorer(tree, load, asking, learnt, took),
        writing.BASE: writing.base_class(),
        "verify.yaml": writing.manifest(given.launch, learnt),
        CLAIMS: writing.claims(_claimed(given.tree), script),
        "README.md": writing.readme(script, counts, learnt, len(remarks)),
        "TODO.md": writing.todo(remarks, script),
    }
    for name in ("train.py", "scorer.py", "contest.py"):
        _require_python(name, files[name])
    return Port(
        files=files,
        remarks=tuple(remarks),
        counts=counts,
        entry=given.script,
        layer=layer,
        evaluation=found.evaluation.by.name if found.evaluation else "",
        tokens=found.evaluation.tokens if found.evaluation else "",
        adapters=learnt.adapters.klass if learnt.adapters else "",
        copied=_siblings(given.tree, program),
    )


def write(made: Port, folder: Path) -> None:
    """Write a port into a folder that is new or empty.

    Raises RequestError where something lies there, StorageFault where it cannot be written.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise RequestError(
            f"{folder}: something lies there", remedy="name a folder that does not exist yet"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in made.copied.items():
            place = folder / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
        for name, text in made.files.items():
            (folder / name).write_text(text, encoding="utf-8")
    except OSError as fault:
        raise StorageFault(f"{folder}: cannot be written: {fault.strerror}") from fault


# ---------------------------------------------------------------- the text


def _readable(given: Given, remarks: list[Remark]) -> tuple[Program, str]:
    """The program of a text that has one statement a line, and how it was packed, "" for not."""
    program = _program(given.tree, given)
    layer = program.entry.layer
    if layer:
        program = _program(_with(given, program.entry.text), given)
        remarks.append(
            Remark(
                where=Where.TRAIN,
                what=f"the script was packed ({writing.plain(layer)}); train.py is what it unpacks,"
                " and weighs what it weighs",
                needed=False,
            )
        )
    found = find(program)
    tree = found.unit.tree
    assert tree is not None
    if shares_lines(tree, drop(program, found)):
        program = _program(_with(given, ast.unparse(tree)), given)
        remarks.append(
            Remark(
                where=Where.TRAIN,
                what="several statements shared a line; it was written anew, one a line",
                needed=False,
            )
        )
    return program, layer


def _with(given: Given, text: str) -> Tree:
    return Tree(files={**given.tree.files, given.script: text.encode("utf-8", "replace")})


def _program(tree: Tree, given: Given) -> Program:
    program = read_program(tree, replace(given.launch, script=given.script))
    if program is None or program.entry.tree is None:
        fault = program.entry.fault if program else "was not read"
        raise BadSubmission(
            fault or "was not read",
            file=given.script[:200],
            place=(program.entry.line or "") if program else "",
            remedy="a script that Python can read, or `verifier init` without --from",
        )
    return program


def _require_python(name: str, text: str) -> None:
    """What we write parses, whatever it was made of."""
    parsed = parse(text.encode("utf-8", "replace"))
    if parsed.tree is None:
        raise BadSubmission(
            f"what is left of the script {parsed.fault}",
            file=name,
            place=parsed.line or "",
            remedy="port it by hand: `verifier init` without --from",
        )


# ---------------------------------------------------------------- what is said


def _wrapped(program: Program, found: Found, remarks: list[Remark]) -> dict[int, ast.expr]:
    """The expressions that name the artifact, where the text has them where the tree says."""
    kept: dict[int, ast.expr] = {}
    for each in () if found.export is None else found.export.paths:
        # Inside an f-string, and where a newer Python's text was rewritten, places may be off.
        segment = ast.get_source_segment(found.unit.text, each) or ""
        try:
            same = ast.dump(ast.parse(segment.strip(), mode="eval").body) == ast.dump(each)
        except (SyntaxError, ValueError):
            same = False
        if same and each.lineno == each.end_lineno:
            kept[id(each)] = each
        else:
            line = program.line(found.unit, each.lineno)
            what = "the artifact's path: put contest.out(…) around it"
            remarks.append(Remark(where=Where.TRAIN, what=what, line=each.lineno, text=line))
    return kept


def _say_what_stays(program: Program, found: Found, remarks: list[Remark]) -> None:
    """What a person has to see to in what is left."""
    export, unit = found.export, found.unit

    def remark(what: str, node: ast.stmt | None = None, *, needed: bool = True) -> None:
        line = node.lineno if node is not None else 0
        text = program.line(unit, line)
        remarks.append(Remark(where=Where.TRAIN, what=what, line=line, text=text, needed=needed))

    if export is None:
        remark("leave the artifact in $OUT: which file it is was not found")
    elif not export.paths:
        remark(f"write {export.name} to contest.out({export.name!r})", export.wrote)
    if export is not None and isinstance(export.at.node, ast.Module):
        remark("it trains as soon as it is imported: put that under a function", export.wrote)
    for closed in program.closed[:10]:
        node = closed.node if isinstance(closed.node, ast.stmt) else None
        remark(f"what this executes cannot be read: {closed.why[:200]}", node)
    if "cuda" in unit.text:
        remark("it trains on a GPU: a policy without one cannot run it", needed=False)
    if program.launch.processes is not None:
        said = f"{program.launch.processes} processes, as {program.launch.told_by} says"
        remarks.append(Remark(where=Where.MANIFEST, what=f"it is started by {said}", needed=False))
    remarks.append(
        Remark(
            where=Where.CLAIMS,
            what="say whose it is, and claim what `verifier verify` measures: the script's own "
            "number was another evaluation's",
            needed=False,
        )
    )


def _counts(found: Found, text: Edited) -> Counts:
    total = len(found.unit.text.rstrip("\n").split("\n"))
    ours = sum(1 for number, _ in text.rows if number == 0)
    stayed = {number for number, _ in text.rows if 0 < number <= total}
    return Counts(
        kept=len(stayed - text.changed),
        changed=len(stayed & text.changed),
        dropped=total - len(stayed),
        added=ours,
    )


def _claimed(tree: Tree) -> dict[str, object]:
    try:
        said = json.loads(tree.files.get(CLAIMS, b"{}"))
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def _siblings(tree: Tree, program: Program) -> dict[str, bytes]:
    """The files of the script's own that it imports. Raises BadSubmission where one is in ours'
    place."""
    found = {}
    for unit in program.units:
        if unit is program.entry or unit.layer or unit.path not in tree.files:
            continue
        if unit.path in OURS:
            raise BadSubmission(
                "a file of that name is written by the port",
                file=unit.path,
                remedy="rename the module, and its import",
            )
        found[unit.path] = tree.files[unit.path]
    return found
