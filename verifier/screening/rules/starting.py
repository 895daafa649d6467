"""Which process does a call start, and was what it runs read? No rules here."""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from verifier.screening.native import SUFFIXES
from verifier.screening.rules.mentions import Mention
from verifier.source.program import UNKNOWN, Program
from verifier.source.tree import Tree
from verifier.source.unit import relative
from verifier.source.values import words
from verifier.source.world import absolute

_STARTERS = words(
    "run call check_call check_output getoutput getstatusoutput Popen system popen execv execvp "
    "execve execl execlp execvpe spawnv spawnl spawnvp posix_spawn create_subprocess_exec "
    "create_subprocess_shell spawn"
)
_INTERPRETER = re.compile(
    r"(?:python[\d.]*|pypy[\d.]*|bash|sh|zsh|dash|perl|ruby|node|lua|env|sudo|nohup|xargs|timeout"
    r"|torchrun|accelerate|deepspeed|mpirun|julia)"
)
_WORDS = 64


def holds(tree: Tree, path: str) -> bool:
    """Whether a file is shipped, read or not."""
    return path in tree.files or path in tree.unread


def listed(value: object) -> Sequence[object]:
    """The arguments of a process: a list, or a command line taken apart."""
    if isinstance(value, str):
        try:
            return shlex.split(value[:4096])[:_WORDS]
        except ValueError:
            return [value]
    if isinstance(value, list | tuple):
        return value[:_WORDS]
    return [value] if isinstance(value, PurePosixPath) else []


def not_followed(program: Program, tree: Tree, mention: Mention, value: object) -> str:
    """Why what a starting call runs was not read, "" where it was or is none of the submission."""
    if mention.word not in _STARTERS or mention.call is None:
        return ""
    given = listed(value)
    if not given:
        return "starts a process that is not known before it runs"
    if program.targets(mention.at, mention.call):
        return ""
    first = given[0]
    if first is UNKNOWN:
        plain = all(isinstance(each, str) and each.startswith("-") for each in given[1:])
        return "" if plain and given[1:] else "starts a program that is not known"
    shipped = next(_shipped(given, tree), None)
    if shipped is not None:
        return f"starts {shipped}, which was not followed"
    name = posixpath.basename(str(first))
    if _INTERPRETER.fullmatch(name):
        return _interpreted(name, given[1:], tree)
    return ""


def _shipped(given: Sequence[object], tree: Tree) -> Iterator[str]:
    for each in given:
        inside = relative(absolute(each))
        if inside is not None and holds(tree, inside) and not inside.endswith(SUFFIXES):
            yield inside


def _interpreted(name: str, given: Sequence[object], tree: Tree) -> str:
    """What an interpreter is told to run."""
    after = list(given)
    if "-c" in after:
        return f"gives {name} a text to run"
    if "-m" in after and after.index("-m") + 1 < len(after):
        module = after[after.index("-m") + 1]
        inside = f"{module}".replace(".", "/")
        own = any(holds(tree, path) for path in (f"{inside}.py", f"{inside}/__main__.py"))
        if module is not UNKNOWN and not own:
            return ""
        return f"starts {name} -m {'what is not known' if module is UNKNOWN else module}"
    if any(each is UNKNOWN for each in after) or "-" in after:
        return f"starts {name} with what is not known before it runs"
    return ""
