"""Where does live code name one of a few words, and which dotted name does it mean by it?

Only the lines that hold a word are looked at, so that a long script costs no more than the few
places where it reaches beyond its own text. Judges nothing.
"""

from __future__ import annotations

import ast
import unicodedata
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from verifier.source.children import children
from verifier.source.functions import Function
from verifier.source.program import Program
from verifier.source.steps import Body
from verifier.source.unit import Unit
from verifier.source.values import Imported, words

_AROUND = 8
_ALIASES = 64
REACHING = words(
    "exec eval __import__ import_module run_path run_module builtins __builtins__ __loader__ "
    "__spec__ __subclasses__ __globals__ __code__ __getattribute__ _getframe f_globals f_locals "
    "FunctionType LambdaType CodeType settrace setprofile meta_path path_hooks _pickle "
    "getattr setattr globals locals vars __dict__ attrgetter methodcaller modules "
    "CDLL PyDLL LoadLibrary load_library dlopen load_inline load loads read_pickle "
    "Unpickler run call check_call check_output getoutput getstatusoutput Popen system popen "
    "execv execvp execve execl execlp execvpe spawnv spawnl spawnvp posix_spawn "
    "create_subprocess_exec create_subprocess_shell spawn patch "
    "__torch_function__ __torch_dispatch__ TorchFunctionMode TorchDispatchMode "
    "backward hash "
    "md5 sha1 sha224 sha256 sha384 sha512 blake2b blake2s sha3_256 crc32 adler32 xxh64 xxh3_64"
)
"""Names by which a script reaches beyond its own text, or turns text into code."""


@dataclass(frozen=True, slots=True, eq=False)
class Mention:
    """A live name or attribute, where it stands, and what is around it, the nearest first."""

    node: ast.Name | ast.Attribute
    at: Function
    around: tuple[ast.AST, ...]

    @property
    def word(self) -> str:
        """The name, or the last part of the dotted name."""
        return self.node.id if isinstance(self.node, ast.Name) else self.node.attr

    @property
    def call(self) -> ast.Call | None:
        """The call that it is the function of, None where it is used as a value."""
        match self.around:
            case (ast.Call() as call, *_) if call.func is self.node:
                return call
        return None


@lru_cache(maxsize=2)
def reaching(program: Program) -> tuple[Mention, ...]:
    """The live mentions of REACHING. Kept for who asks again."""
    return tuple(mentions(program, REACHING))


def mentions(program: Program, of: frozenset[str]) -> Iterator[Mention]:
    """The live mentions of the words `of` in source order, whatever a unit imports them as."""
    for unit in program.units:
        if unit.tree is None:
            continue
        known = of | _aliases(unit, of)
        lines = _lines(unit, known)
        module = program.of(unit.tree)
        if lines and module is not None:
            for node, at, around in on_lines(program, unit.tree, module, lines):
                word = _word(node)
                if word in known and program.live(at, node):
                    assert isinstance(node, ast.Name | ast.Attribute)
                    yield Mention(node, at, around)


def on_lines(
    program: Program, tree: ast.Module, module: Function, lines: list[int]
) -> Iterator[tuple[ast.AST, Function, tuple[ast.AST, ...]]]:
    """Every node that touches one of the sorted `lines`: the function it is in, what is around."""
    waiting: list[tuple[ast.AST, Function, tuple[ast.AST, ...]]] = [(tree, module, ())]
    while waiting:
        node, at, around = waiting.pop()
        yield node, at, around
        inside = at
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            inside = program.of(node) or at
        around = (node, *around[:_AROUND])
        below = [each for each in children(node) if _touches(each, lines)]
        waiting.extend((each, inside, around) for each in reversed(below))


def _word(node: ast.AST) -> str:
    match node:
        case ast.Name():
            return node.id
        case ast.Attribute():
            return node.attr
    return ""


def _touches(node: ast.AST, lines: list[int]) -> bool:
    first = getattr(node, "lineno", None)
    if first is None:
        return True
    index = bisect_left(lines, first)
    last = getattr(node, "end_lineno", None) or first
    return index < len(lines) and lines[index] <= last


def dotted(program: Program, node: ast.expr, at: Function) -> str:
    """What an expression names, as it would be imported: "os.system"; "" where that is unknown."""
    match node:
        case ast.Attribute():
            base = dotted(program, node.value, at)
            return f"{base}.{node.attr}" if base else ""
        case ast.Call(func=ast.Name(id="__import__"), args=[ast.Constant(value=str() as module)]):
            return module
        case ast.Call(func=ast.Attribute(attr="import_module"), args=[ast.Constant() as module]):
            return str(module.value)
        case ast.Subscript(value=ast.Attribute(attr="modules"), slice=ast.Constant() as module):
            return str(module.value)
    value = program.value(node, at)
    if isinstance(value, Imported):
        return value.dotted
    return _imported(at, node.id) if isinstance(node, ast.Name) else ""


def own(at: Function, name: str) -> bool:
    """Whether `name` is bound by the program itself at `at`, so that it is no builtin there."""
    body: Body | None = at.body
    while body is not None:
        if isinstance(body.node, ast.FunctionDef | ast.AsyncFunctionDef):
            arguments = body.node.args
            given = (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)
            if any(each.arg == name for each in given):
                return True
        if any(step.name == name for step in body.bindings) or _defines(body, name):
            return True
        body = body.outer
    return False


def _defines(body: Body, name: str) -> bool:
    return any(
        isinstance(step.node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        and step.node.name == name
        for step in body.defined
    )


def _imported(at: Function, name: str) -> str:
    body: Body | None = at.body
    while body is not None:
        for step in body.imports:
            if dotted_name := imports(step).get(name):
                return dotted_name
        body = body.outer
    return ""


def imports(step: ast.Import | ast.ImportFrom) -> Mapping[str, str]:
    """Local name → dotted name of what an import binds."""
    if isinstance(step, ast.Import):
        return {
            each.asname or each.name.partition(".")[0]: each.name
            if each.asname
            else each.name.partition(".")[0]
            for each in step.names
        }
    prefix = f"{step.module}." if step.module else ""
    return {each.asname or each.name: prefix + each.name for each in step.names}


def _aliases(unit: Unit, of: frozenset[str]) -> frozenset[str]:
    found = {
        local
        for body in unit.bodies
        for step in body.imports
        for local, name in imports(step).items()
        if name.rpartition(".")[2] in of
    }
    return frozenset(sorted(found)[:_ALIASES])


def _lines(unit: Unit, of: frozenset[str]) -> list[int]:
    """The lines that hold a word; identifiers are compared as Python does, in NFKC."""
    text = unit.text
    if not text.isascii():
        rows = text.split("\n")
        text = "\n".join(r if r.isascii() else unicodedata.normalize("NFKC", r) for r in rows)
    lines: list[int] = []
    line, last = 1, 0
    for found in sorted(place for word in of for place in _places(text, word)):
        line += text.count("\n", last, found)
        last = found
        if not lines or lines[-1] != line:
            lines.append(line)
    return lines


def _places(text: str, word: str) -> Iterator[int]:
    """Where `word` stands by itself; looking for one word after the other is the fastest way."""
    at = text.find(word)
    while at >= 0:
        end = at + len(word)
        if not _in_word(text[at - 1 : at]) and not _in_word(text[end : end + 1]):
            yield at
        at = text.find(word, end)


def _in_word(mark: str) -> bool:
    return mark.isalnum() or mark == "_"
