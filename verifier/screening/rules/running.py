"""Did the logs of a submission see code run that its default settings leave out?

What a script prints in a branch is evidence that the branch was taken, whatever the command in
the README says. Only lines that begin with literal text of some length count: logs often hold the
source too.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from verifier.screening.finding import Location
from verifier.screening.rules.places import functions_with
from verifier.source import UNKNOWN
from verifier.source.program import Function, Program
from verifier.source.tree import Tree

_LONG = 10
_LOG_BYTES = 8_000_000
_LEVELS = 3
_CALLERS = 8
_PRINTS = frozenset(["print", "log", "log0", "log_fn", "logger", "info", "write"])


def seen_running(
    program: Program, function: Function, tree: Tree, about: re.Pattern[str] | None = None
) -> Location | None:
    """The line of a log that only ruled-out code of `function` prints; None where there is none.

    `about`: what the printed text must mention.
    """
    texts = {
        text.encode()
        for text in _printed(program, function)
        if len(text) >= _LONG and (about is None or about.search(text))
    }
    for path in tree.paths if texts else ():
        content = tree.files.get(path)
        if content is None or not path.endswith((".log", ".txt")) or len(content) > _LOG_BYTES:
            continue
        for text in sorted(texts):
            at = content.find(text) if content.startswith(text) else content.find(b"\n" + text)
            if at >= 0 and not _printed_anyway(program, text.decode()):
                at += not content.startswith(text)
                end = content.find(b"\n", at)
                row = content[at : end if end >= 0 else None][:200].decode("utf-8", "replace")
                return Location(path=path, line=content.count(b"\n", 0, at) + 1, text=row)
    return None


def seen_above(program: Program, function: Function, tree: Tree) -> Location | None:
    """The same of what calls `function`, where no switch that is known to be off lies between."""
    level, seen = [function], {function}
    for _ in range(_LEVELS):
        above = [one for each in level for one in _reaching(program, each) if one not in seen]
        level = list(dict.fromkeys(above))[:_CALLERS]
        seen.update(level)
        for caller in level:
            found = None if program.reachable(caller) else seen_running(program, caller, tree)
            if found is not None:
                return found
    return None


def _reaching(program: Program, function: Function) -> Iterator[Function]:
    """The functions that call `function` by its name, in no branch that is known to be left out."""
    name = function.name.rpartition(".")[2]
    pattern = re.compile(rf"\b(?<!def ){re.escape(name)}\(")
    for caller in functions_with(program, pattern, f"{name}("):
        for node in ast.walk(caller.node):
            called = isinstance(node, ast.Call) and _called(node) == name
            if called and not _ruled_out(program, caller, node):
                yield caller
                break


def _ruled_out(program: Program, caller: Function, call: ast.AST) -> bool:
    """Whether a branch around the call has a test that is known to go the other way."""
    inner: ast.AST = call
    for outer in program.around(caller, call):
        if isinstance(outer, ast.If) and inner is not outer.test:
            value = program.value(outer.test, caller)
            taken = any(inner is statement for statement in outer.body)
            if value is not UNKNOWN and bool(value) is not taken:
                return True
        inner = outer
    return False


def _called(call: ast.Call) -> str:
    match call.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return ""


def _printed_anyway(program: Program, text: str) -> bool:
    """Whether live code prints a line that begins so."""
    pattern = re.compile(re.escape(text))
    return any(
        program.reachable(function) and text in _printed(program, function, live=True)
        for function in functions_with(program, pattern, text)
    )


def _printed(program: Program, function: Function, *, live: bool = False) -> Iterator[str]:
    """The literal beginnings of what the ruled-out, or the live, code of the function prints."""
    for node in ast.walk(function.node):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        if _called(node) in _PRINTS and program.live(function, node) is live:
            match node.args[0]:
                case ast.Constant(value=str() as text):
                    yield text.split("\n")[0]
                case ast.JoinedStr(values=[ast.Constant(value=str() as text), *_]):
                    yield text.split("\n")[0]
                case _:
                    continue
