"""Which settings does a script have, and what are they under its command?

From classes (Hyperparameters), command-line arguments and the constants of the module, with the
values they have once the top level of the script has been followed under the environment.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass

from verifier.source.tracing import Routine
from verifier.source.units import Gathered, Unit
from verifier.source.values import UNKNOWN, Imported, Members

_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]{1,60}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One setting. `value` is UNKNOWN where it is known only at run time.

    `variable` is the environment variable that sets it, "" for none; `line` where it stands.
    """

    name: str
    value: object
    variable: str
    unit: Unit
    line: int


def read_settings(gathered: Gathered) -> dict[str, Setting]:
    """Every setting by the name that the script uses, those of a class before plain constants."""
    made: dict[str, Setting] = {}
    for unit in gathered.units:
        if unit.tree is None:
            continue
        for node in unit.tree.body:
            if isinstance(node, ast.ClassDef):
                _of_class(unit, node, made)
    for unit in gathered.units:
        if unit.tree is not None:
            _constants(unit, unit.tree.body, made)
    return made


def _of_class(unit: Unit, node: ast.ClassDef, made: dict[str, Setting]) -> None:
    members = unit.names.get(node.name)
    if not isinstance(members, Members):
        return
    held = {
        name: value
        for name, value in members.values.items()
        if not isinstance(value, Routine | Members) and not name.startswith("__")
    }
    places = _places(node) if held else {}
    for name, value in held.items():
        if name not in made:
            line, variable = places.get(name, (node.lineno, ""))
            made[name] = Setting(name=name, value=value, variable=variable, unit=unit, line=line)


def _places(node: ast.ClassDef) -> dict[str, tuple[int, str]]:
    places: dict[str, tuple[int, str]] = {}
    statements = [*node.body]
    for each in node.body:
        if isinstance(each, ast.FunctionDef) and each.name == "__init__":
            statements.extend(each.body)
    for statement in statements:
        if isinstance(statement, ast.Assign | ast.AnnAssign) and statement.value is not None:
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            for target in targets:
                name = getattr(target, "id", None) or getattr(target, "attr", None)
                if isinstance(name, str):
                    places.setdefault(name, (statement.lineno, _variable(statement.value)))
    return places


def _variable(value: ast.expr) -> str:
    """The environment variable that an expression reads, "" for none."""
    for node in ast.walk(value):
        if isinstance(node, ast.Call) and node.args:
            first = node.args[0]
            text = first.value if isinstance(first, ast.Constant) else None
            if isinstance(text, str) and _VARIABLE.fullmatch(text):
                return text
    return ""


def _constants(unit: Unit, statements: list[ast.stmt], made: dict[str, Setting]) -> None:
    for node in statements:
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                if isinstance(target, ast.Name) and target.id not in made:
                    value = unit.names.get(target.id, UNKNOWN)
                    if not isinstance(value, Imported | Members | Routine):
                        made[target.id] = Setting(
                            name=target.id,
                            value=value,
                            variable=_variable(node.value),
                            unit=unit,
                            line=node.lineno,
                        )
