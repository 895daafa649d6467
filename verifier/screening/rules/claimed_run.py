"""Did the run that is claimed do what the shipped script can do? By what its logs print.

What a script prints beside a call is printed where the call is made. Logs that have other lines of
the same printer, and none of these, are of runs with another setting. Must never take silence for
an answer where nothing would have been printed.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterable, Iterator
from itertools import islice

from verifier.screening.finding import Location
from verifier.screening.rules.places import holds, span
from verifier.source.program import Function, Program
from verifier.source.tree import Tree

_PRINTS = frozenset(["print", "log", "log0", "log_fn", "logger", "info"])
_LONG = 8
_LEVELS = 3
_SITES = 8
_LOG_BYTES = 8_000_000
_LEAST_HEARD = 2
_RANKS = re.compile(r"rank|master|main_process|verbose", re.IGNORECASE)
_NUMBER = re.compile(rb"(?<![\w.])\d\.\d{4,10}(?!\d)")
_SCORE = re.compile(rb"val_bpb:[ \t]?(\d\.\d{3,10})")
_WORD = re.compile(r"[A-Za-z]\w{3,60}")
_NEAR = 0.01
"""Seeds of one configuration differ by less, in bits per byte."""
_SEEN_LINES = 50
_WRITTEN_AT_MOST = 400
_WRITTEN = re.compile(
    rf"\b({'|'.join(sorted(_PRINTS))})\(\s{{0,40}}f?[\"']([^\"'{{}}\\\n]{{{_LONG},80}})"
)
"""A call that prints, and how what it prints begins."""

Said = tuple[str, bytes]
"""The name of what prints, and the first long piece of what it prints."""


def left_out(program: Program, function: Function, tree: Tree) -> bool:
    """Whether nothing that is printed beside the calls of `function` stands in any log."""
    logs = tuple(log for log in _logs(tree) if _is_its_own(program, log))
    claimed = _claimed(tree) if logs else []
    finals = [float(_SCORE.findall(log)[-1]) for log in logs]
    if not any(abs(final - one) < _NEAR for final in finals for one in claimed):
        return False
    heard = _heard(program, logs)
    return bool(heard) and _silent(program, function, logs, heard, _LEVELS)


def only_shown(program: Program, functions: Iterable[Function], tree: Tree) -> bool:
    """Whether the logs print results of `functions`, and none of them is a claimed number."""
    claimed = _claimed(tree)
    logs = _logs(tree)
    printed = [
        number
        for function in functions
        for _, text in _said(ast.walk(function.node), live=(program, function))
        for log in logs
        for line in _lines(log, text)
        for number in _NUMBER.findall(line)
    ]
    return bool(claimed and printed) and not any(
        abs(float(number) - one) < _NEAR for number in set(printed) for one in claimed
    )


def function_of(program: Program, place: Location) -> Function | None:
    """The innermost function that holds a line of the script."""
    found = [
        one
        for one in program.functions
        if (one.unit.path, one.unit.layer) == (place.path, place.layer) and holds(one, place.line)
    ]
    return max(found, key=lambda one: span(one)[0], default=None)


# ---------------------------------------------------------------- what is printed where


def _silent(
    program: Program,
    function: Function,
    logs: tuple[bytes, ...],
    heard: frozenset[str],
    levels: int,
) -> bool:
    body = function.node.body
    own = [text for name, text in _said(_steps(body)) if name in heard]
    if own:
        return not _stands(own, logs)
    sites = list(_sites(program, function))
    if not levels or not sites or len(sites) > _SITES:
        return False
    for caller, call in sites:
        if _told(program, caller, call):
            return False
        beside = [text for name, text in _said(_beside(program, caller, call)) if name in heard]
        if beside and _stands(beside, logs):
            return False
        if not beside and not _silent(program, caller, logs, heard, levels - 1):
            return False
    return True


def _sites(program: Program, function: Function) -> Iterator[tuple[Function, ast.Call]]:
    for caller in program.callers(function):
        for call, target in program.calls(caller):
            if target is function or function in program.targets(caller, call):
                yield caller, call


def _told(program: Program, caller: Function, call: ast.Call) -> bool:
    """Whether a switch around the call is set by the command that the submission tells."""
    tests = (one.test for one in program.around(caller, call) if isinstance(one, ast.If))
    names = {
        each.attr if isinstance(each, ast.Attribute) else each.id
        for test in tests
        for each in ast.walk(test)
        if isinstance(each, ast.Attribute | ast.Name)
    }
    settings = (program.settings.get(name) for name in names)
    told = program.launch.environment
    return any(setting is not None and setting.variable in told for setting in settings)


def _beside(program: Program, caller: Function, call: ast.Call) -> Iterator[ast.AST]:
    """The steps that are taken wherever the call is, up to the branch or loop around it."""
    inner: ast.AST = call
    for outer in program.around(caller, call):
        for block in (getattr(outer, "body", None), getattr(outer, "orelse", None)):
            if isinstance(block, list) and any(inner is statement for statement in block):
                yield from _steps(block)
        branch = isinstance(outer, ast.If) and not _RANKS.search(ast.unparse(outer.test))
        if branch or isinstance(outer, ast.For | ast.While | ast.FunctionDef | ast.Module):
            return
        inner = outer


def _steps(block: list[ast.stmt]) -> Iterator[ast.AST]:
    """The calls that stand in a block as statements, whatever the rank."""
    for statement in block:
        if isinstance(statement, ast.Expr):
            yield statement.value
        elif isinstance(statement, ast.If) and _RANKS.search(ast.unparse(statement.test)):
            yield from _steps(statement.body)


def _said(nodes: Iterable[ast.AST], live: tuple[Program, Function] | None = None) -> Iterator[Said]:
    """What the calls among some nodes print, as far as it is written out."""
    for node in nodes:
        if not isinstance(node, ast.Call) or not node.args:
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        name = node.func.id if isinstance(node.func, ast.Name) else name
        if name not in _PRINTS or (live is not None and not live[0].live(live[1], node)):
            continue
        first = node.args[0]
        parts = first.values if isinstance(first, ast.JoinedStr) else [first]
        texts = [part.value for part in parts if isinstance(part, ast.Constant)]
        lines = [text.split("\n")[0] for text in texts if isinstance(text, str)]
        long = next((line for line in lines if len(line.strip()) >= _LONG), None)
        if long is not None:
            yield name, long.encode("utf-8", "replace")


# ---------------------------------------------------------------- what the logs have


def _logs(tree: Tree) -> tuple[bytes, ...]:
    """The logs of runs that came to a score."""
    found = (
        tree.files[path]
        for path in tree.paths
        if path.endswith((".log", ".txt")) and path in tree.files
    )
    return tuple(log for log in found if len(log) <= _LOG_BYTES and _SCORE.search(log))


def _is_its_own(program: Program, log: bytes) -> bool:
    """Whether the script has the word by which the log calls its last score."""
    at = log.rfind(b"val_bpb:")
    words = _WORD.findall(log[log.rfind(b"\n", 0, at) + 1 : at][:200].decode("utf-8", "replace"))
    return bool(words) and any(words[0] in unit.text for unit in program.units)


def _heard(program: Program, logs: tuple[bytes, ...]) -> frozenset[str]:
    """The printers of which the logs have several different lines."""
    found: dict[str, set[bytes]] = {}
    for unit in program.units:
        for name, text in islice(_WRITTEN.findall(unit.text), _WRITTEN_AT_MOST):
            heard = found.setdefault(name, set())
            line = text.encode("utf-8", "replace")
            if len(heard) < _LEAST_HEARD and line not in heard and _stands([line], logs):
                heard.add(line)
    return frozenset(name for name, texts in found.items() if len(texts) >= _LEAST_HEARD)


def _stands(texts: list[bytes], logs: tuple[bytes, ...]) -> bool:
    return any(next(_lines(log, text), None) is not None for log in logs for text in texts)


def _lines(log: bytes, text: bytes) -> Iterator[bytes]:
    """The lines of a log that have a text, its own source left out."""
    at = log.find(text)
    for _ in range(_SEEN_LINES):
        if at < 0:
            return
        if log[at - 1 : at] not in (b'"', b"'"):
            end = log.find(b"\n", at)
            yield log[at : end if end >= 0 else None][:400]
        at = log.find(text, at + len(text))


def _claimed(tree: Tree) -> list[float]:
    """The numbers of submission.json that may be scores."""
    try:
        document = json.loads(tree.text("submission.json") or "null")
    except (ValueError, RecursionError):
        return []
    found: list[float] = []
    open_ = [document]
    while open_ and len(found) < 400:
        value = open_.pop()
        if isinstance(value, dict):
            open_ += value.values()
        elif isinstance(value, list):
            open_ += value
        elif isinstance(value, float) and 0 < value < 10:
            found.append(value)
    return found
