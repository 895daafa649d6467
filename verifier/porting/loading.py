"""How does the script bring its trained model back? The statements of `load`, as text.

From where the artifact is read to `load_state_dict`, with what makes the model and sets it up
before. Copied, never executed; what cannot be told is a remark.
"""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass

from verifier.porting.finding import contains
from verifier.porting.names import bound, needed, parameters
from verifier.porting.record import Export, Found, Remark, Where
from verifier.source import Function, Program

ARTIFACT, DEVICE, CONTEST = "artifact", "device", "contest"
STATEMENTS = 40
"""More than these are not taken along."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """Statements of a method as text without indentation.

    `names`: what it takes from outside; `uses`: all names that it loads.
    """

    text: str
    names: frozenset[str]
    uses: frozenset[str] = frozenset()


def load_body(program: Program, found: Found, remarks: list[Remark]) -> Body | None:
    """The body of `load(self, artifact, device)`, None with a remark where it was not found."""
    export = found.export
    if export is None:
        _refuse(remarks, "no file that is written after training was found: write `load`")
        return None
    if export.read is None or export.read not in export.at.node.body:
        _refuse(
            remarks, f"nothing reads {export.name} back beside where it is written: write `load`"
        )
        return None
    body = export.at.node.body
    setting = _setting_state(body[body.index(export.read) :]) or _restoring(program, export)
    if setting is None:
        what = "no load_state_dict after the artifact is read: write `load`"
        _refuse(remarks, what, program, found, export.read)
        return None
    last, model = setting
    taken = _taken(export, last, model, _around(found, export.at))
    if taken is None:
        what = "what makes the model is spread too wide: write `load`"
        _refuse(remarks, what, program, found, last)
        return None
    names = needed(taken) - frozenset(name for each in taken for name in bound(each))
    lines = [*_texts(found, export, taken), f"return {model}"]
    if not any(contains(each, path) for each in taken for path in export.paths):
        # Read by a function of the script, which stays as it is in train.py.
        lines.insert(0, f"contest.look_in({ARTIFACT})")
        names |= {CONTEST}
    return Body(
        text="\n".join(lines),
        names=names - {ARTIFACT, DEVICE},
        uses=needed(taken),
    )


def _restoring(program: Program, export: Export) -> tuple[ast.stmt, str] | None:
    """The statement that has a function of the script read the artifact, and the model's name."""
    match export.read:
        case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call()):
            return export.read, name
        case ast.Expr(value=ast.Call() as call):
            made = {
                name
                for each in export.at.node.body
                if isinstance(each, ast.Assign) and _makes_a_module(program, export.at, each)
                for name in bound(each)
            }
            for given in call.args:
                if isinstance(given, ast.Name) and given.id in made:
                    return export.read, given.id
    return None


def _makes_a_module(program: Program, at: Function, assign: ast.Assign) -> bool:
    """Whether an instance of one of the script's own classes is made there."""
    return any(
        target.name.endswith(".__init__")
        for node in ast.walk(assign.value)
        if isinstance(node, ast.Call)
        for target in program.targets(at, node)
    )


def _around(found: Found, at: Function) -> frozenset[str]:
    """The names that the top level of the script gives to a function."""
    if found.unit.tree is None or isinstance(at.node, ast.Module):
        return frozenset()
    inside = frozenset(name for each in at.node.body for name in bound(each))
    given = frozenset(parameters(at.node))
    return frozenset(name for each in found.unit.tree.body for name in bound(each)) - inside - given


def _setting_state(after: list[ast.stmt]) -> tuple[ast.stmt, str] | None:
    """The first statement that loads a state into a model, and that model's name."""
    for each in after:
        for node in ast.walk(each):
            match node:
                case ast.Call(func=ast.Attribute(value=ast.Name(id=model), attr="load_state_dict")):
                    return each, model
    return None


def _taken(
    export: Export, last: ast.stmt, model: str, around: frozenset[str]
) -> list[ast.stmt] | None:
    """`last` and the statements before it that it needs, in order; None where they are too many."""
    body = export.at.node.body
    wanted = set(needed([last])) - around - {DEVICE}
    chosen = {last}
    for each in reversed(body[: body.index(last)]):
        names = bound(each)
        if not names & wanted:
            continue
        chosen.add(each)
        wanted -= names
        # `with … as f` and loops bind what they use; `x = f(x)` wants the x from before.
        itself = frozenset() if isinstance(each, ast.Assign | ast.AugAssign) else names
        wanted |= needed([each]) - around - itself - {DEVICE}
        if model in names:
            ready = set(names) | {DEVICE} | {name for one in chosen for name in bound(one)}
            ready |= _before(body, each)
            tuned = list(_tuning(body[body.index(each) + 1 :], model, ready, around))
            chosen.update(tuned)
            wanted |= needed(tuned) - around - {DEVICE, model}
            wanted -= {name for one in tuned for name in bound(one)}
    inside = isinstance(export.at.node, ast.Module)
    if len(chosen) > STATEMENTS or (wanted and not inside):
        return None
    return [each for each in body if each in chosen]


def _before(body: list[ast.stmt], made: ast.stmt) -> set[str]:
    """Plain values that stand before the model is made: `args = Hyperparameters()`."""
    simple = [each for each in body[: body.index(made)] if isinstance(each, ast.Assign)]
    return {name for each in simple for name in bound(each) if _argument_like(each)}


def _argument_like(assign: ast.Assign) -> bool:
    return isinstance(assign.value, ast.Call) and not assign.value.args


def _tuning(
    after: list[ast.stmt], model: str, ready: set[str], around: frozenset[str]
) -> Iterator[ast.stmt]:
    """What is done to the model right after it is made, up to where it is compiled or wrapped."""
    for each in after:
        uses = needed([each])
        if isinstance(each, ast.Assign | ast.AnnAssign) and model in uses:
            return
        if isinstance(each, ast.FunctionDef | ast.ClassDef):
            return
        own = set(bound(each))
        if model in uses and uses <= ready | around | own:
            yield each


def _texts(found: Found, export: Export, taken: list[ast.stmt]) -> Iterator[str]:
    rows = found.unit.rows()
    for each in taken:
        lines = rows[each.lineno - 1 : each.end_lineno]
        inside = [
            path
            for path in export.paths
            if path.lineno == path.end_lineno
            and each.lineno <= path.lineno <= (each.end_lineno or 0)
        ]
        for path in sorted(inside, key=lambda one: -one.col_offset):
            row = lines[path.lineno - each.lineno].encode()
            place = f"{ARTIFACT} / {export.name!r}".encode()
            row = row[: path.col_offset] + place + row[path.end_col_offset :]
            lines[path.lineno - each.lineno] = row.decode()
        yield textwrap.dedent("\n".join(lines))


def _refuse(
    remarks: list[Remark],
    what: str,
    program: Program | None = None,
    found: Found | None = None,
    at: ast.stmt | None = None,
) -> None:
    line = at.lineno if at is not None else 0
    text = program.line(found.unit, line) if program and found else ""
    remarks.append(Remark(where=Where.SCORER, what=what, line=line, text=text))
