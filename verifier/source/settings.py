"""Which settings does a script have, and what are they under its command?

From classes (Hyperparameters), command-line arguments and the constants of the module, with the
values they have once the top level of the script has been followed under the environment.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from verifier.source.folding import fold
from verifier.source.launch import Launch
from verifier.source.printed import Printed, as_value
from verifier.source.tracing import Trace
from verifier.source.unit import Gathered, Unit
from verifier.source.values import UNKNOWN, Imported, Members
from verifier.source.world import Routine, World

_DEEP = 3
_NAMED = 5
"""A shorter name may stand for anything in a log."""
_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]{1,60}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One setting. `value` is UNKNOWN where it is known only at run time.

    `variable` is the environment variable that sets it, "" for none; `line` where it stands.
    `printed`: the value is what the logs print, as neither command nor script has the last word.
    """

    name: str
    value: object
    variable: str
    unit: Unit
    line: int
    printed: bool = False


def read_settings(gathered: Gathered, launch: Launch, printed: Printed) -> dict[str, Setting]:
    """Every setting by the name that the script uses, those of a class before plain constants.

    `printed` is what the logs print; the command that the submission tells goes before it.
    """
    given = launch.arguments if launch.told else None
    made: dict[str, Setting] = {}
    for unit in gathered.units:
        if unit.tree is None:
            continue
        for node in unit.tree.body:
            if isinstance(node, ast.ClassDef):
                _of_class(unit, node, made)
    for unit in gathered.units:
        _arguments(unit, gathered.world, given, made)
    for unit in gathered.units:
        if unit.tree is not None:
            _constants(unit, unit.tree.body, made)
    for name, setting in made.items():
        listed = printed.listed
        if name in listed and setting.variable not in {*launch.environment, *launch.unknown}:
            value = as_value(listed[name], setting.value)
            if setting.variable and value != setting.value:
                made[name] = replace(setting, value=value, printed=True)
    _switch(made, launch, printed)
    seen: set[tuple[int, int]] = set()
    for unit in gathered.units:
        for held in unit.names.values():
            _update(held, made, 0, seen)
    return made


def _switch(made: dict[str, Setting], launch: Launch, printed: Printed) -> None:
    """Turn on or off what the logs name so, where neither a list nor the command does."""
    told = {*launch.environment, *launch.unknown}
    asked = [
        name
        for name, setting in made.items()
        if setting.variable and setting.variable not in told and not setting.printed
        if setting.value in (False, True, "") and len(name) >= _NAMED
    ]
    for name, text in printed.switches(asked).items():
        before = made[name].value
        value = as_value(text, before)
        of_its_kind = isinstance(value, str) == isinstance(before, str) and value is not UNKNOWN
        if of_its_kind and value != before:
            made[name] = replace(made[name], value=value, printed=True)


def _update(
    held: object, made: Mapping[str, Setting], deep: int, seen: set[tuple[int, int]]
) -> None:
    """Give the classes that hold settings the values that the logs print."""
    if not isinstance(held, Members) or deep > _DEEP or (id(held), deep) in seen:
        return
    seen.add((id(held), deep))
    for name, value in held.values.items():
        if isinstance(value, Members):
            _update(value, made, deep + 1, seen)
        elif name in made and made[name].printed:
            held.values[name] = made[name].value


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


def _arguments(
    unit: Unit, world: World, given: Sequence[str] | None, made: dict[str, Setting]
) -> None:
    """The options that argparse is told of: their defaults, or what the command gives."""
    if "add_argument" not in unit.text:
        return
    for body in unit.bodies:
        for node in body.calls:
            if getattr(node.func, "attr", "") == "add_argument":
                _argument(
                    unit,
                    node,
                    Trace(World(world.environment, budget=world.budget), {}, unit.names),
                    given,
                    made,
                )


def _argument(
    unit: Unit, node: ast.Call, scope: Trace, given: Sequence[str] | None, made: dict[str, Setting]
) -> None:
    names = [each for each in (fold(arg, scope) for arg in node.args) if isinstance(each, str)]
    keywords = {str(each.arg): each.value for each in node.keywords}
    dest = fold(keywords.get("dest"), scope)
    longest = max(names, key=len, default="").lstrip("-").replace("-", "_")
    name = dest if isinstance(dest, str) else longest
    if not name or name in made:
        return
    value = fold(keywords["default"], scope) if "default" in keywords else None
    match fold(keywords.get("action"), scope):
        case "store_true" | "store_false" as action:
            said = None if given is None else any(each in given for each in names)
            value = UNKNOWN if said is None else (action == "store_true") is said
        case _:
            text = _given(names, given or ())
            if text is not None:
                kind = fold(keywords.get("type"), scope)
                value = _converted(text, kind.dotted if isinstance(kind, Imported) else "str")
            elif value is None and fold(keywords.get("required"), scope) is True:
                value = UNKNOWN
    made[name] = Setting(name=name, value=value, variable="", unit=unit, line=node.lineno)


def _given(names: Sequence[str], given: Sequence[str]) -> str | None:
    for index, word in enumerate(given):
        option, equals, value = word.partition("=")
        if option in names:
            return value if equals else given[index + 1] if index + 1 < len(given) else None
    return None


def _converted(text: str, kind: str) -> object:
    try:
        match kind:
            case "int":
                return int(text[:40])
            case "float":
                return float(text[:40])
            case "str":
                return text
    except ValueError:
        pass
    return UNKNOWN
