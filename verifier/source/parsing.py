"""What syntax tree does a Python text have, whatever interpreter reads it?

tree-sitter reads the text first: it bounds the nesting before CPython's parser sees any of it, and
finds what Python 3.12 and 3.13 can say and 3.11 cannot (quotes, backslashes and comments inside
f-strings, type parameters, `type` statements). `newer.py` rewrites those in place, line for line,
so that every interpreter parses the same text. Nothing is compiled further than its tree.
"""

from __future__ import annotations

import ast
import re
import warnings
from dataclasses import dataclass

import tree_sitter

from verifier.source.newer import PYTHON, Held, Rewritten, TooMany, put_back, rewritten
from verifier.source.unfollowed import Barrier

TEXT_BYTES = 700_000
"""Of one text; people ship 346,000."""
NODES = 200_000
"""Of the concrete syntax of one text; people write 100,000."""
DEPTH = 150
"""Levels of the concrete syntax. People write 45; whoever walks a tree takes four calls a level."""

_FSTRINGS_DEEP = 8
_CHUNK = 1_024
_READS = 2_000
_READS_A_CHUNK = 40
"""How often tree-sitter may ask for a part of a text: twice, unless it looks far ahead each time.
"""
_COMMENTS = re.compile(rb"(?m)(?:^[ \t]{0,200}#[^\n]*\n(?:[ \t]{0,200}\n)*){40,}")
"""Many lines of comments on end: tree-sitter's time for them grows with their square."""
_CODING = re.compile(rb"^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]{1,40})")
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True, eq=False)
class Parsed:
    """A text and its tree. `tree` is None where there is none; then `fault` and `barrier` say why.

    `line` is 1-based, 0 where the fault is the whole text's. `newer` is the first line that
    Python 3.11 could not read as it stands, 0 for none.
    """

    text: str
    tree: ast.Module | None
    fault: str = ""
    line: int = 0
    newer: int = 0
    barrier: Barrier = Barrier.UNREADABLE
    nodes: int = 0
    """Of its concrete syntax."""


def parse(source: bytes, nodes: int = NODES) -> Parsed:
    """The tree of a Python text of at most so many nodes. Never raises, whatever the bytes are."""
    if len(source) > TEXT_BYTES:
        return _limit("", f"is {len(source)} bytes long, more than {TEXT_BYTES} are not read")
    text, fault, line = _decoded(source)
    if fault:
        return Parsed(text, None, fault, line)
    return _parsed(text, text.encode(), min(nodes, NODES))


def _parsed(text: str, source: bytes, nodes: int) -> Parsed:
    root = _syntax(_COMMENTS.sub(_blank, source))
    if root is None:
        return _limit(text, "takes too long to parse: it makes the parser look ahead all the time")
    count = root.descendant_count
    if count > nodes:
        return _limit(text, f"has {count} parts of syntax, more than {nodes} are not read")
    if deep := _too_deep(root):
        return _limit(text, f"is nested deeper than {DEPTH} levels", deep)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            made = rewritten(source, root)
            tree = _tree(made)
    except TooMany:
        return _limit(text, "has more expressions in f-strings than are read")
    except SyntaxError as wrong:
        return Parsed(text, None, f"does not parse: {wrong.msg}", wrong.lineno or 0)
    except (RecursionError, MemoryError):
        return _limit(text, "is nested deeper than is read")
    except ValueError as wrong:
        return Parsed(text, None, f"does not parse: {str(wrong)[:120] or type(wrong).__name__}")
    return Parsed(text, tree, newer=made.newer, nodes=count)


def _syntax(source: bytes) -> tree_sitter.Node | None:
    """The concrete syntax of a text, None where finding it would take more than its length."""
    left = _READS + _READS_A_CHUNK * len(source) // _CHUNK

    def read(at: int, _: object) -> bytes:
        nonlocal left
        left -= 1
        return source[at : at + _CHUNK] if left > 0 else b""

    try:
        found = tree_sitter.Parser(PYTHON).parse(read, progress_callback=lambda *_: left <= 0)
    except ValueError:
        return None
    return found.root_node if left > 0 else None


def _limit(text: str, fault: str, line: int = 0) -> Parsed:
    return Parsed(text, None, fault, line, barrier=Barrier.LIMIT)


def _blank(found: re.Match[bytes]) -> bytes:
    """As many lines of as many bytes, with nothing on them."""
    return b"\n".join(b" " * len(row) for row in found[0].split(b"\n"))


def _tree(made: Rewritten) -> ast.Module:
    tree = ast.parse(made.source)
    if made.held:
        put_back(tree, {held.name: _expression(held, 1) for held in made.held})
    return tree


def _expression(held: Held, deep: int) -> ast.expr:
    """The tree of an expression taken out of an f-string."""
    if deep > _FSTRINGS_DEEP:
        raise SyntaxError("f-strings inside f-strings, too deep", ("", held.line, 0, ""))
    source = b"(" + held.source + b"\n)"
    root = _syntax(source)
    if root is None:
        raise TooMany
    made = rewritten(source, root)
    try:
        tree = ast.parse(made.source, mode="eval")
    except SyntaxError as wrong:
        raise SyntaxError(f"f-string: {wrong.msg}", ("", held.line, 0, "")) from None
    if made.held:
        put_back(tree, {each.name: _expression(each, deep + 1) for each in made.held})
    ast.increment_lineno(tree, held.line - 1)
    return tree.body


def _decoded(source: bytes) -> tuple[str, str, int]:
    """Text, fault and its line. Line ends become "\\n", as CPython's own reader makes them."""
    if nul := source.find(b"\0") + 1:
        return "", "holds a NUL character", source.count(b"\n", 0, nul) + 1
    encoding = "utf-8"
    for row in source.removeprefix(_BOM).split(b"\n", 2)[:2]:
        if found := _CODING.match(row):
            encoding = found[1].decode("ascii", "replace").lower().replace("_", "-")
            break
        if row.strip() and not row.lstrip().startswith(b"#"):
            break
    if encoding not in ("utf-8", "utf8", "ascii", "us-ascii", "latin-1", "iso-8859-1"):
        return "", f"declares the encoding {encoding!r}, which is not read", 1
    try:
        text = source.removeprefix(_BOM).decode("utf-8" if encoding == "utf8" else encoding)
    except UnicodeDecodeError as wrong:
        return "", f"is not {encoding}", source.count(b"\n", 0, wrong.start) + 1
    return text.replace("\r\n", "\n").replace("\r", "\n"), "", 0


def _too_deep(root: tree_sitter.Node) -> int:
    """The 1-based line of a node deeper than DEPTH, 0 where there is none.

    A node with few descendants cannot be deep, so nearly all of the tree is never visited.
    """
    waiting = [(root, 0)]
    while waiting:
        node, depth = waiting.pop()
        if depth + node.descendant_count <= DEPTH:
            continue
        if depth > DEPTH:
            return node.start_point.row + 1
        nests = node.type == "if_statement"  # each elif is one level deeper in CPython's tree
        waiting.extend(
            (child, depth + 1 + (index if nests else 0))
            for index, child in enumerate(node.children)
        )
    return 0
