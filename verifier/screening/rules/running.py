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
from verifier.source.program import Function, Program
from verifier.source.tree import Tree

_LONG = 10
_LOG_BYTES = 8_000_000
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
        for text in texts:
            at = content.find(text) if content.startswith(text) else content.find(b"\n" + text)
            if at >= 0:
                at += not content.startswith(text)
                end = content.find(b"\n", at)
                row = content[at : end if end >= 0 else None][:200].decode("utf-8", "replace")
                return Location(path=path, line=content.count(b"\n", 0, at) + 1, text=row)
    return None


def _printed(program: Program, function: Function) -> Iterator[str]:
    """The literal beginnings of what the ruled-out code of the function prints."""
    for node in ast.walk(function.node):
        if not isinstance(node, ast.Call) or not node.args or program.live(function, node):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        if isinstance(node.func, ast.Name):
            name = node.func.id
        if name in _PRINTS:
            match node.args[0]:
                case ast.Constant(value=str() as text):
                    yield text.split("\n")[0]
                case ast.JoinedStr(values=[ast.Constant(value=str() as text), *_]):
                    yield text.split("\n")[0]
                case _:
                    continue
