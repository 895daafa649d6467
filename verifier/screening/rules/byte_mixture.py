"""Is a token's probability spread over its bytes and mixed with a model of bytes? (C2)

The share of each realised byte, p(token) to the power 1/length, is no distribution over the 256
bytes: nothing is left for the bytes of other tokens. Must stay silent on models that are made of
bytes, and on sums over every token that begins with a byte.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from verifier.screening.finding import Confidence, Location, Remark
from verifier.screening.native import blanked, natives
from verifier.screening.rule import Rule
from verifier.screening.rules.places import at, functions_with, rows_of
from verifier.screening.rules.running import seen_running
from verifier.source.program import Function, Program
from verifier.source.tree import Tree

SPREAD = Rule(
    id="token-spread-over-bytes",
    sentence=(
        "A token's probability is shared out over the bytes that occurred and mixed with a model "
        "of bytes; over all bytes it does not sum to 1."
    ),
    clause="C2",
    at_most=Confidence.VIOLATION,
    classes=("PPM_C2",),
    clear=(
        "Give every byte its probability: sum the tokens that begin with it, given the bytes of "
        "the token so far; or mix over tokens."
    ),
)
RULES = (SPREAD,)

_UNIFORM = re.compile(r"\b1(?:\.0*)?\s*/\s*256(?:\.0*)?\b|/\s*256(?:\.0*)?\b|\b255(?:\.0*)?\s*\*")
_NATIVE_SHARE = re.compile(r"\b(\w+)\s*\[\s*\w+\s*\]\s*/\s*(?:\(\s*\w+\s*\)\s*)?\(?\s*(\w+)\b")
_NATIVE_LENGTH = r"\b{name}\s*=[^;]*(?:\blen|\blens?\s*\[|_len|\[)"
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_COMMON = (
    frozenset(("val", "eval", "bpb", "byte", "bytes", "token", "tokens", "model", "score", "main"))
    | frozenset(("update", "predict", "true", "and", "conf", "init", "run", "for", "build", "lib"))
    | frozenset(("native", "get", "prob", "sliding"))
)
"""Words of names that any print may use."""
_TOTALS = re.compile(r"sum|total|count|num_tokens")
_LOGARITHM = re.compile(r"\blog(?:f|2|1p)?\s*\(")


def check(program: Program, tree: Tree) -> Iterator[Remark]:
    """One remark: where the token is spread, beside a model of bytes."""
    models = [one for one in functions_with(program, _UNIFORM, "256", "255") if _counts_bytes(one)]
    near = _near(program, models) if models else []
    spreads = [(one, place) for one in near for place in _spread(program, one)]
    native = list(_native(program, tree))
    if not spreads and not native:
        return
    live = [place for one, place in spreads if program.reachable(one)]
    places = live or [place for _, place in spreads]
    used = bool(live) or bool(native and _compiles(program))
    if not used:
        about = _about(models)
        seen = (seen_running(program, one, tree, about) for one in near)
        ran = next((place for place in seen if place is not None), None)
        used = ran is not None
        places = [ran, *places] if ran is not None else places
    yield Remark(
        rule=SPREAD.id,
        confidence=Confidence.VIOLATION if used else Confidence.NOTE,
        said="the token's share per byte is mixed with counts of bytes",
        locations=tuple(dict.fromkeys([*places, *native]))[:6],
    )


def _counts_bytes(function: Function) -> bool:
    """Whether a function with a uniform byte also keeps or reads counts in mappings."""
    body = "\n".join(rows_of(function))
    return ".get(" in body or ".values()" in body or "defaultdict" in body or "Counter" in body


def _near(program: Program, models: list[Function]) -> list[Function]:
    """The models of bytes, what names them, and what those call by name."""
    near: dict[Function, None] = dict.fromkeys(models)
    names = _called(models)
    for caller in functions_with(program, _any_word(names), *names):
        near[caller] = None
        words = set(re.findall(r"\b([A-Za-z_]\w*)\(", "\n".join(rows_of(caller))))
        near.update(
            dict.fromkeys(
                one
                for one in program.functions
                if one.unit is caller.unit and one.name.rpartition(".")[2] in words
            )
        )
    return list(near)


def _about(models: list[Function]) -> re.Pattern[str]:
    """The words that a print about one of these models would use."""
    words = {word.lower() for one in models for word in _WORDS.findall(one.name)}
    words = {word for word in words if len(word) > 2} - _COMMON
    return re.compile("|".join(map(re.escape, sorted(words))) or "(?!)", re.IGNORECASE)


def _called(models: list[Function]) -> list[str]:
    """What the models of bytes, and their classes, are called by."""
    names = {one.name.rpartition(".")[2] for one in models} - {"__init__", "forward", "update"}
    names |= {one.name.split(".")[0] for one in models}
    return sorted(names)


def _any_word(names: list[str]) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{'|'.join(map(re.escape, names))})\b")


def _spread(program: Program, function: Function) -> Iterator[Location]:
    """Where a value is divided by, or rooted with, the number of bytes of one token."""
    lengths = {name for name in _lengths(function) if not _TOTALS.search(name)}
    found = [node for node in _divisions(function) if _by_length(node, lengths)]
    if found:
        yield at(program, function, min(found, key=lambda node: node.lineno))


def _divisions(function: Function) -> Iterator[ast.BinOp]:
    for node in ast.walk(function.node):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div | ast.Pow):
            yield node


def _lengths(function: Function) -> set[str]:
    """Names of byte lengths: of len(…), of parameters so called, of repeats of such."""
    found = {
        name
        for name in function.parameters
        if re.search(r"byte_?len|n_?bytes|num_bytes|lens?$", name)
    }
    mappings = _mappings(function)
    for _ in range(3):
        for node in ast.walk(function.node):
            match node:
                case (
                    ast.Assign(targets=[ast.Name(id=name)], value=value)
                    | ast.Assign(targets=[ast.Subscript(value=ast.Name(id=name))], value=value)
                ):
                    if _is_length(value, found) and not _names(value) & mappings:
                        found.add(name)
                case _:
                    continue
    return found


def _mappings(function: Function) -> set[str]:
    """Names whose length is how many keys they have: `d` of `d.values()` and `d.get(…)`."""
    return {
        node.func.value.id
        for node in ast.walk(function.node)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.attr in ("values", "get", "items", "keys")
    }


def _is_length(value: ast.expr, known: set[str]) -> bool:
    """`len(piece)`, `len(piece) + space`, `lengths[t]`, `np.repeat(lengths, …)`, `int(length)`."""
    match value:
        case ast.Call(func=ast.Name(id="len"), args=[ast.Name() | ast.Subscript() | ast.Call()]):
            return True
        case ast.Name(id=name):
            return name in known
        case ast.BinOp(op=ast.Add(), left=left, right=right):
            return _is_length(left, known) or _is_length(right, known)
        case ast.Subscript(value=inner):
            return _is_length(inner, known)
        case ast.Call(func=ast.Attribute(value=inner), args=arguments):
            return any(_is_length(each, known) for each in [inner, *arguments])
        case ast.Call(args=arguments):
            return any(_is_length(each, known) for each in arguments)
        case _:
            return False


def _by_length(node: ast.BinOp, lengths: set[str]) -> bool:
    """`logp / n` of one token, or `p ** (1 / n)`; not a mean over how many there were."""
    match node:
        case ast.BinOp(op=ast.Pow(), right=ast.BinOp(op=ast.Div(), right=divisor)):
            return bool(_names(divisor) & lengths)
        case ast.BinOp(op=ast.Div(), left=left, right=ast.Name() | ast.Subscript() | ast.Call()):
            return bool(_names(node.right) & lengths) and not _totals(left)
        case _:
            return False


def _totals(node: ast.expr) -> bool:
    """A sum, or a number: divided by a count that makes a mean."""
    match node:
        case ast.Constant():
            return True
        case ast.Name(id=name):
            return bool(_TOTALS.search(name))
        case ast.Call(func=ast.Attribute(attr=name)):
            return name in ("sum", "mean", "item")
        case ast.Call(func=ast.Name(id=name)):
            return name in ("sum", "len")
        case ast.UnaryOp(operand=inner):
            return _totals(inner)
        case ast.BinOp(left=left):
            return _totals(left)
        case _:
            return False


def _names(node: ast.expr) -> set[str]:
    return {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}


def _native(program: Program, tree: Tree) -> Iterator[Location]:
    """The same in C: a loss of one token divided by its bytes, beside a uniform byte."""
    for native in natives(program, tree):
        code = blanked(native.text)
        if not _UNIFORM.search(code) or not _LOGARITHM.search(code):
            continue
        for share in _NATIVE_SHARE.finditer(code):
            length = re.compile(_NATIVE_LENGTH.format(name=re.escape(share.group(2))))
            if length.search(code, max(0, share.start() - 2_000), share.start()):
                yield native.location(share.start())
                break


def _compiles(program: Program) -> bool:
    return any(
        "ctypes" in unit.text or "load_inline" in unit.text or "cffi" in unit.text
        for unit in program.units
    )
