"""What do C, C++ and CUDA texts of a submission show, in files and in strings of its scripts?

They are read as text, comments and literals blanked, loops found by their braces; nothing is
compiled. What this cannot see is no finding.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from verifier.screening.finding import Location
from verifier.source.program import Program
from verifier.source.tree import Tree

SUFFIXES = (".c", ".cc", ".cpp", ".cxx", ".cu", ".cuh", ".h", ".hpp")
_CHARACTERS = 400_000
_LOOPS = 120
_BODY_CHARACTERS = 40_000
_LINE_CHARACTERS = 200

_NOISE = re.compile(r"//[^\n]*|/\*.*?\*/|\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'", re.DOTALL)
_FOR = re.compile(r"\bfor\s*\(([^;{}]{0,200});([^;{}]{0,200});([^{};]{0,200}?)\)\s*\{")
_COUNTER = re.compile(r"(\w+)\s*=[^=]")
_ELEMENT = re.compile(r"\b(\w+)\s*=(?!=)[^;{}=]{0,80}?\b(\w+)\s*\[\s*(\w+)\s*\]\s*\)*\s*[;,]")
_CALLED = re.compile(r"\b([A-Za-z_]\w*)\s*\(([^(){};]{0,300})\)")
_FUNCTION = re.compile(r"\b([A-Za-z_]\w*)\s*\(([^(){};]{0,3000})\)\s*(?:const\s*)?\{")
_BRACE = re.compile(r"[{}]")
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Native:
    """One such text. `first` is the line of its first line in the file at `path`."""

    path: str
    text: str
    layer: str = ""
    first: int = 1

    def location(self, offset: int) -> Location:
        """Where the character at `offset` stands."""
        line = self.text.count("\n", 0, offset)
        row = self.text.split("\n")[line].strip()[:_LINE_CHARACTERS]
        return Location(path=self.path, line=self.first + line, text=row, layer=self.layer)


@dataclass(frozen=True, slots=True)
class Loop:
    """A counted loop. `code` is the whole blanked text, `start` and `end` the loop's body in it.

    `elements` maps a name to (the array it is an element of, the name that indexes it).
    """

    code: str
    start: int
    end: int
    counter: str
    elements: Mapping[str, tuple[str, str]]

    @property
    def body(self) -> str:
        """The text between the braces."""
        return self.code[self.start : self.end]

    def depth(self, name: str) -> int:
        """How many look-ups lead from the counter to `name`: 0 the counter, -1 none do."""
        for steps in range(8):
            if name == self.counter:
                return steps
            if name not in self.elements:
                return -1
            name = self.elements[name][1]
        return -1


def natives(program: Program, tree: Tree) -> Iterator[Native]:
    """Every text of that kind: files of the tree, then strings of the program's units."""
    for path in tree.paths:
        if path.endswith(SUFFIXES):
            text = tree.text(path)
            if text is not None:
                yield Native(path, text[:_CHARACTERS])
    for unit in program.units:
        if "#include" not in unit.text or unit.tree is None:
            continue
        for node in ast.walk(unit.tree):
            match node:
                case ast.Constant(value=str() as text) if "#include" in text:
                    yield Native(unit.path, text[:_CHARACTERS], unit.layer, node.lineno)
                case _:
                    continue


def blanked(text: str) -> str:
    """`text` with comments and literals replaced by spaces, so that offsets and lines stay."""
    return _NOISE.sub(lambda found: re.sub(r"[^\n]", " ", found.group()), text)


def loops(code: str) -> Iterator[Loop]:
    """Every counted loop with a body in braces, outer ones too."""
    for count, head in enumerate(_FOR.finditer(code)):
        counter = _COUNTER.search(head.group(1))
        if count >= _LOOPS:
            return
        if counter is None:
            continue
        end = closing(code, head.end() - 1)
        body = code[head.end() : end]
        elements = {
            name: (array, index)
            for name, array, index in reversed(_ELEMENT.findall(body))
            if name != index
        }
        yield Loop(code, head.end(), end, counter.group(1), elements)


def closing(code: str, opening: int) -> int:
    """The offset of the brace that closes the one at `opening`, or as far as is read for it."""
    depth, end = 0, min(len(code), opening + _BODY_CHARACTERS)
    for found in _BRACE.finditer(code, opening, end):
        depth += 1 if found.group() == "{" else -1
        if depth == 0:
            return found.start()
    return end


def function_at(code: str, offset: int) -> tuple[str, tuple[str, ...]]:
    """Name and parameter names of the function whose body holds `offset`; ("", ()) for none."""
    for head in reversed(list(_FUNCTION.finditer(code, 0, offset))):
        if head.group(1) in ("for", "while", "if", "switch"):
            continue
        if closing(code, head.end() - 1) >= offset:
            words = [_WORD.findall(each) for each in head.group(2).split(",")]
            return head.group(1), tuple(each[-1] for each in words if each)
    return "", ()


def calls_with(body: str, names: frozenset[str]) -> Iterator[re.Match[str]]:
    """Calls of named functions that are handed one of `names` as a whole argument."""
    for call in _CALLED.finditer(body):
        arguments = {argument.strip() for argument in call.group(2).split(",")}
        if arguments & names and call.group(1) not in ("if", "while", "for", "switch", "return"):
            yield call
