"""Whose tokenizer is it, and does a file say how many bytes its tokens are? (R8)

A vocabulary without a lone space spells each space that it cannot join in three bytes; a table of
bytes in a file cannot be seen in the source. Must stay silent on the shared tokenizers.
"""

from __future__ import annotations

import ast
import posixpath
import re
from collections.abc import Iterator

from verifier.screening.finding import Confidence, Location, Remark
from verifier.screening.rule import Rule
from verifier.screening.rules.byte_tables import tables_of
from verifier.screening.rules.places import at, functions_with, rows_of
from verifier.source import UNKNOWN
from verifier.source.program import Function, Program
from verifier.source.tree import Tree

SHIPPED = Rule(
    id="bytes-from-file",
    sentence="The bytes per token are read from a file of the submission's making.",
    clause="R8",
    at_most=Confidence.REVIEW,
    classes=("BYTE_FALLBACK3", "BYTE_DENOM"),
    clear=(
        "Ship the program that makes the file from the tokenizer, and show that the pieces of the "
        "documents add up to their bytes; a lone byte must count 1, not the 3 of U+FFFD."
    ),
)
LONELY = Rule(
    id="bytes-no-lone-space",
    sentence="A tokenizer of one's own is not checked for a token that is a space alone.",
    clause="R8",
    at_most=Confidence.REVIEW,
    classes=("BYTE_NO_U2581",),
    clear=(
        "Assert that the vocabulary holds U+2581 by itself: without it a space falls back to the "
        "marker's three bytes and counts as 3."
    ),
)
RULES = (SHIPPED, LONELY)

_LOADS = re.compile(r"\.load\(|\bload_file\(")
_KEY = re.compile(r"\[\s*[\"']\w*byte")
_LOADERS = ("np", "numpy", "torch", "json", "pickle")
_CHECKED = re.compile(
    r"piece_to_id\(\s*(?:[\"'](?:▁|\\u2581)[\"']|chr\(0x2581\)|\w*SPACE\w*)|PieceToId"
)
_TABLES = (".npz", ".vocab", ".npy")
_SHARED = re.compile(r"fineweb_(?:1024|2048|4096|8192)_bpe\.model$")
_SHARED_BYTES = (370_917,)
"""The size of the shared tokenizer of 8,192 pieces, which holds a space alone."""
_ALONE = b"\n\x03\xe2\x96\x81"
"""The piece U+2581 as a field of a SentencePiece model."""


def check(program: Program, tree: Tree) -> Iterator[Remark]:
    """Remarks of both rules."""
    yield from _shipped(program, tree)
    table = next((one for one in tables_of(program) if one.strips), None)
    if table is not None:
        yield from _lonely(program, tree, at(program, table.function, table.measured))


def _shipped(program: Program, tree: Tree) -> Iterator[Remark]:
    for function in functions_with(program, _LOADS, ".load(", "load_file("):
        keyed = _loaded(function) if any(map(_KEY.search, rows_of(function))) else None
        if keyed is not None:
            used = program.reachable(function) and _own_table(program, tree)
            confidence = Confidence.REVIEW if used else Confidence.NOTE
            said = "bytes per token come from a file, and no tokenizer is asked"
            yield _remark(SHIPPED, confidence, said, at(program, function, keyed))
            return


def _loaded(function: Function) -> ast.Subscript | None:
    """`data["base_bytes"]` of what the function loads from a file."""
    loaded: set[str] = set()
    for node in ast.walk(function.node):
        match node:
            case ast.withitem(context_expr=value, optional_vars=ast.Name(id=name)) if _load(value):
                loaded.add(name)
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if _load(value):
                loaded.add(name)
            case _:
                continue
    for node in ast.walk(function.node):
        match node:
            case ast.Subscript(value=ast.Name(id=name), slice=ast.Constant(value=str() as key)):
                if name in loaded and "byte" in key:
                    return node
            case _:
                continue
    return None


def _load(value: ast.expr) -> bool:
    match value:
        case ast.Call(func=ast.Attribute(value=ast.Name(id=module), attr="load")):
            return module in _LOADERS
        case ast.Call(func=ast.Attribute(attr="load_file") | ast.Name(id="load_file")):
            return True
        case _:
            return False


def _own_table(program: Program, tree: Tree) -> bool:
    """Whether the submission has or names a file of that kind."""
    if any(path.endswith(_TABLES) for path in tree.paths):
        return True
    values = (setting.value for setting in program.settings.values())
    if any(isinstance(value, str) and value.endswith(_TABLES) for value in values):
        return True
    readme = next((tree.text(path) or "" for path in tree.paths if path.lower() == "readme.md"), "")
    return any(suffix in readme for suffix in (".meta.npz", ".vocab"))


def _lonely(program: Program, tree: Tree, measured: Location) -> Iterator[Remark]:
    tokenizer = next(
        (
            setting.value
            for name, setting in program.settings.items()
            if "tokenizer" in name and isinstance(setting.value, str)
        ),
        UNKNOWN,
    )
    if not isinstance(tokenizer, str) or not tokenizer.endswith(".model"):
        return
    name = posixpath.basename(tokenizer)
    shipped = next((path for path in tree.paths if posixpath.basename(path) == name), "")
    if _SHARED.search(name) and (not shipped or tree.size(shipped) in _SHARED_BYTES):
        return
    content = tree.files.get(shipped)
    if content is None and not any(_CHECKED.search(unit.text) for unit in program.units):
        said = f"{name} is not checked for a token that is a space alone"
        yield _remark(LONELY, Confidence.REVIEW, said, measured)
    elif content is not None and _ALONE not in content:
        said = f"{name} has no token that is a space alone"
        yield _remark(LONELY, Confidence.REVIEW, said, Location(path=shipped), measured)


def _remark(rule: Rule, confidence: Confidence, said: str, *locations: Location) -> Remark:
    return Remark(rule=rule.id, confidence=confidence, said=said, locations=locations)
