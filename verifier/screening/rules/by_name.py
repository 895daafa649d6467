"""Is anything called, or set, by a name that is put together while the script runs? (C1 to C4)

Honest scripts look settings and types up by name too; only what is then called, or put in a
module's place, hides from a reader which code runs.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from verifier.screening.finding import Confidence, Location, Remark
from verifier.screening.rule import Rule
from verifier.screening.rules.mentions import Mention, dotted, own, reaching
from verifier.screening.rules.places import at, at_each
from verifier.source.program import UNKNOWN, Program
from verifier.source.tree import Tree
from verifier.source.values import words

BY_NAME = Rule(
    id="called-by-computed-name",
    sentence="Code is picked by a name that does not stand in the source, and then called.",
    clause="C1 to C4",
    at_most=Confidence.REVIEW,
    clear="Call functions by their names, or pick them from a table that is written out.",
)
RULES: tuple[Rule, ...] = (BY_NAME,)

_NAMESPACES = words("globals locals vars")
_ONLY_READ = words("items keys values copy")
_GETTERS = words("operator.attrgetter operator.methodcaller")


def check(program: Program, tree: Tree) -> Iterator[Remark]:
    """One remark with every place."""
    found: dict[Location, str] = {}
    for mention in reaching(program):
        if why := _why(program, mention):
            found.setdefault(at(program, mention.at, mention.node), why)
    yield from at_each(BY_NAME, found)


def _why(program: Program, mention: Mention) -> str:
    node, call = mention.node, mention.call
    name = dotted(program, node, mention.at).removeprefix("builtins.")
    if isinstance(node, ast.Name) and own(mention.at, node.id):
        return ""
    if name == "getattr":
        return "getattr is handed on as a value" if call is None else _got(program, mention, call)
    if name in _NAMESPACES:
        whole = call is not None and _of_module(program, mention, call)
        return _namespace(program, mention, mention.around[1:]) if whole else ""
    if name in _GETTERS and call is not None:
        written = all(isinstance(each, ast.Constant) for each in call.args)
        plain = written and name == "operator.attrgetter"
        return "" if plain else f"{name} makes a call by name"
    if mention.word == "__dict__" and isinstance(node, ast.Attribute):
        return _dictionary(program, mention, node)
    if name == "sys.modules":
        return _namespace(program, mention, mention.around) if _by_unknown(program, mention) else ""
    return ""


def _got(program: Program, mention: Mention, call: ast.Call) -> str:
    """getattr(x, name), where what it gives is called, or x is all of Python's builtins."""
    if len(call.args) < 2:
        return "getattr is given what is not written out" if call.args or call.keywords else ""
    held = call.args[1]
    base = dotted(program, call.args[0], mention.at)
    if base in ("builtins", "__builtins__"):
        return "picks a builtin by name"
    if isinstance(held, ast.Constant) or not _called(mention, call):
        return ""
    if program.value(held, mention.at) is UNKNOWN:
        return "calls what getattr gives for a name that is not known"
    return "calls what getattr gives for a name that is put together"


def _called(mention: Mention, call: ast.Call) -> bool:
    """Whether the value of a call is called at once, or by the name it is bound to."""
    match mention.around[1:]:
        case (ast.Call() as outer, *_):
            return outer.func is call
        case (ast.Assign(targets=[ast.Name(id=name)]), *_):
            return any(
                isinstance(each.func, ast.Name) and each.func.id == name
                for each in mention.at.body.calls
            )
        case (ast.NamedExpr(), ast.Call() as outer, *_):
            return outer.func is mention.around[1]
    return False


def _of_module(program: Program, mention: Mention, call: ast.Call) -> bool:
    """Whether a namespace is a module's (or a function's own), not some object's settings."""
    return not call.args or bool(dotted(program, call.args[0], mention.at))


def _namespace(program: Program, mention: Mention, around: tuple[ast.AST, ...]) -> str:
    """What is done with a namespace; `around` begins with what holds it."""
    why = "a namespace is handed on as a value"
    match around:
        case (ast.Subscript() as part, *above):
            unknown = program.value(part.slice, mention.at) is UNKNOWN
            called = bool(above) and isinstance(above[0], ast.Call) and above[0].func is part
            if isinstance(part.ctx, ast.Store | ast.Del):
                why = "a name is bound by a text, not by an assignment"
            elif called or unknown:
                why = "a function is looked up in a namespace by a text"
            else:
                why = ""
        case (ast.Attribute(attr="get"), ast.Call() as got, *above):
            called = bool(above) and isinstance(above[0], ast.Call) and above[0].func is got
            why = "calls what a namespace holds under a text" if called else ""
        case (ast.Attribute(attr=attr), *_) if attr in _ONLY_READ:
            why = ""
        case (ast.Compare() | ast.For() | ast.comprehension(), *_):
            why = ""
        case (ast.Call(func=ast.Name(id="exec" | "eval" | "len" | "dict" | "list" | "sorted")), *_):
            why = ""
    return why


def _dictionary(program: Program, mention: Mention, node: ast.Attribute) -> str:
    """x.__dict__ of a module, or of an object where what it holds is called."""
    if dotted(program, node.value, mention.at):
        return _namespace(program, mention, mention.around)
    match mention.around:
        case (ast.Subscript() as part, ast.Call() as call, *_) if call.func is part:
            return "calls what __dict__ holds under a text"
    return ""


def _by_unknown(program: Program, mention: Mention) -> bool:
    """sys.modules with a name that is not known; the rest is a matter of replacing modules."""
    match mention.around:
        case (ast.Subscript(slice=ast.Attribute(attr="name"), ctx=ast.Store()), *_):
            return False  # as importlib's documentation has it: sys.modules[spec.name] = module
        case (ast.Subscript() as part, *_):
            return program.value(part.slice, mention.at) is UNKNOWN
        case (ast.Attribute() | ast.Compare() | ast.For() | ast.comprehension(), *_):
            return False
    return True
