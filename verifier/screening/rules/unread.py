"""Is there anything on the live path that reading did not follow? Then it must not say nothing.

"Nothing found" means something only where all that runs was read. These are questions for a
person, never more: an honest script can be hard to read too.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TypeGuard

from verifier.screening.dataflow import follow
from verifier.screening.finding import Confidence, Location, Remark
from verifier.screening.rule import Rule
from verifier.screening.rules.mentions import Mention, dotted, mentions, own, reaching
from verifier.screening.rules.places import at, at_each
from verifier.screening.story import read_story
from verifier.source.functions import Function, last_name
from verifier.source.program import UNKNOWN, Barrier, Program
from verifier.source.tree import Tree
from verifier.source.values import words

NOT_FOLLOWED = Rule(
    id="could-not-be-followed",
    sentence="Something that runs under the command could not be read, so silence says nothing.",
    clause="R4, R5, C1 to C4",
    at_most=Confidence.REVIEW,
    clear="Write the code out: no text that is made while it runs, no import by a computed name, "
    "no nesting beyond what a person reads.",
)
RULES: tuple[Rule, ...] = (NOT_FOLLOWED,)

_EVALUATED = 2000
_IMPORTERS = words("__import__ importlib.import_module importlib.__import__ runpy.run_module")
_RUNNERS = words("exec runpy.run_path")
_INSIDE = words(
    "__subclasses__ __globals__ __code__ __getattribute__ _getframe f_globals f_locals __loader__ "
    "__spec__ settrace setprofile meta_path path_hooks __torch_function__ __torch_dispatch__ "
    "TorchFunctionMode TorchDispatchMode"
)
_MADE = words("types.FunctionType types.LambdaType types.CodeType")


def check(program: Program, tree: Tree) -> Iterator[Remark]:
    """One remark with every place, and why each was not followed."""
    found: dict[Location, str] = {}
    readers = (*read_story(program).unfollowed, *follow(program).unfollowed)
    for each in (*program.unfollowed, *readers):
        limit = "a bound of this reader: " if each.barrier is Barrier.LIMIT else ""
        found.setdefault(Location(**each.location), limit + each.why)  # type: ignore[arg-type]
    known = {(place.path, place.layer, place.line) for place in found}
    for mention in reaching(program):
        why = _why(program, mention)
        place = at(program, mention.at, mention.node)
        if why and (place.path, place.layer, place.line) not in known:
            found.setdefault(place, why)
    found |= _passed_by(program)
    yield from at_each(NOT_FOLLOWED, found)


def _passed_by(program: Program) -> dict[Location, str]:
    """Functions that take a gradient and are reached, and that the story never came into.

    What starts them (a thread, an exit handler, an operator) then hides when they learn. A switch
    that nobody knows is no such thing: the story may have taken it for off.
    """
    world = read_story(program).world
    found: dict[Location, str] = {}
    if world is None or not any("backward" in unit.text for unit in program.units):
        return found
    for mention in reaching(program):
        function = mention.at
        passed = mention.word in ("backward", "grad") and mention.call is not None
        if not passed or isinstance(function.node, ast.Module):
            continue
        hidden = (
            function.name.rpartition(".")[2] != "backward"
            and id(function.node) not in world.entered
            and not _switched(program, function)
        )
        if hidden:
            why = f"{function.name} takes a gradient, and nothing shows when it is called"
            found.setdefault(at(program, function, mention.node), why)
    return found


def _switched(program: Program, function: Function) -> bool:
    """Whether every live mention of a function stands under a setting that is not known.

    What nothing live mentions is an alternative that is off, but for what Python calls itself.
    """
    name = function.name.rpartition(".")[2]
    if name.startswith("__"):
        return False
    named = [
        mention
        for mention in mentions(program, frozenset([name]))
        if isinstance(mention.node.ctx, ast.Load)
    ]
    return all(
        any(
            _is_open(program, mention.at, above)
            for above in program.around(mention.at, mention.node)
        )
        for mention in named
    )


def _is_open(program: Program, function: Function, above: ast.AST) -> bool:
    """Whether a branch depends on a setting, and nobody knows which way it goes."""
    return (
        isinstance(above, ast.If | ast.IfExp)
        and program.value(above.test, function) is UNKNOWN
        and any(
            last_name(each) in program.settings for each in ast.walk(above.test) if _is_name(each)
        )
    )


def _is_name(node: ast.AST) -> TypeGuard[ast.expr]:
    return isinstance(node, ast.Name | ast.Attribute)


def _why(program: Program, mention: Mention) -> str:
    """Why a mention cannot be followed, "" where it can."""
    node, call, word = mention.node, mention.call, mention.word
    name = dotted(program, node, mention.at).removeprefix("builtins.")
    if isinstance(node, ast.Name) and own(mention.at, node.id):
        return ""
    why = ""
    if word in _INSIDE and not isinstance(node.ctx, ast.Store):
        why = f"{word} reaches into the interpreter"
    elif word in ("builtins", "__builtins__"):
        why = _of_builtins(mention)
    elif name in ("exec", "eval", *_IMPORTERS) and call is None:
        why = f"{name} is handed on as a value"
    elif call is None:
        why = ""
    elif name in _RUNNERS:
        why = "" if program.targets(mention.at, call) else f"what {name} is given was not followed"
    elif name == "eval":
        why = _evaluated(program, mention, call)
    elif name in _IMPORTERS:
        given = program.value(call.args[0], mention.at) if call.args else UNKNOWN
        why = "" if isinstance(given, str) else "imports a module by a name that is not known"
    elif name in _MADE:
        why = f"{name} makes a function of code that is not text"
    return why


def _of_builtins(mention: Mention) -> str:
    """`builtins.print` is a plain name; anything else picks a builtin by what is not written."""
    match mention.around:
        case (ast.Attribute(), *_):
            return ""
    return "builtins are reached other than by name"


def _evaluated(program: Program, mention: Mention, call: ast.Call) -> str:
    """Whether eval is given a text that is known and calls nothing."""
    text = program.value(call.args[0], mention.at) if call.args else UNKNOWN
    if not isinstance(text, str) or len(text) > _EVALUATED:
        return "evaluates a text that is not known before it runs"
    try:
        parsed = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return "evaluates a text that does not parse"
    calls = any(isinstance(each, ast.Call | ast.Attribute) for each in ast.walk(parsed))
    return "evaluates a text that calls something" if calls else ""
