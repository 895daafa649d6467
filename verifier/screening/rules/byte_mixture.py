"""Is a token's probability spread over its bytes and mixed with a model of bytes? (C2)

The share of each realised byte, p(token) to the power 1/length, is no distribution over the 256
bytes: nothing is left for the bytes of other tokens. Must stay silent on models that are made of
bytes, and on sums over every token that begins with a byte.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from verifier.screening.finding import Confidence, Location, Remark
from verifier.screening.native import blanked, natives
from verifier.screening.rule import Rule
from verifier.screening.rules.byte_products import mixed_products
from verifier.screening.rules.byte_shares import shares
from verifier.screening.rules.claimed_run import left_out, only_shown
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
PRODUCT = Rule(
    id="byte-products-mixed",
    sentence=(
        "The product of a token's byte probabilities is mixed with the token's own probability; "
        "over all tokens it does not sum to 1."
    ),
    clause="C2",
    at_most=Confidence.VIOLATION,
    classes=("PPM_C2",),
    clear=(
        "Divide by the sum of the products of every token, or mix byte by byte with the model's "
        "own distribution over the next byte."
    ),
)
RULES = (SPREAD, PRODUCT)

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
_LOGARITHM = re.compile(r"\blog(?:f|2|1p)?\s*\(")


@dataclass(frozen=True, slots=True)
class Found:
    """What one rule has found beside models of bytes: in functions, and in C that is `compiled`."""

    rule: Rule
    said: str
    places: tuple[tuple[Function, ast.expr], ...]
    native: tuple[Location, ...] = ()
    compiled: bool = False


def check(program: Program, tree: Tree) -> Iterator[Remark]:
    """At most one remark a rule: where a token is spread, or its bytes multiplied."""
    models = [one for one in functions_with(program, _UNIFORM, "256", "255") if _counts_bytes(one)]
    near = _near(program, models) if models else []
    native = tuple(_native(program, tree))
    for found in (
        Found(
            SPREAD,
            "the token's share per byte is mixed with counts of bytes",
            tuple((one, node) for one in near for node in shares(one)),
            native,
            bool(native) and _compiles(program),
        ),
        Found(
            PRODUCT,
            "the product of the bytes' probabilities is mixed with the probability of the token",
            tuple((one, node) for one in near for node in islice(mixed_products(one), 1)),
        ),
    ):
        if found.places or found.native:
            yield _judged(program, tree, found, models, near)


def _judged(
    program: Program, tree: Tree, found: Found, models: list[Function], near: list[Function]
) -> Remark:
    """A violation where what was found is reached or a log shows it running, else a note."""
    live = [pair for pair in found.places if program.live(*pair)]
    places = [at(program, *pair) for pair in live or found.places]
    used = bool(live) or found.compiled
    if not used:
        about = _about(models)
        seen = (seen_running(program, one, tree, about) for one in near)
        ran = next((place for place in seen if place is not None), None)
        used = ran is not None
        places = [ran, *places] if ran is not None else places
    said = found.said
    if used and live and all(left_out(program, one, tree) for one, _ in live):
        used, said = False, f"{said}; the logs do not show it running"
    elif used and only_shown(program, [one for one, _ in live], tree):
        used, said = False, f"{said}; what it gives is printed, and is not claimed"
    return Remark(
        rule=found.rule.id,
        confidence=Confidence.VIOLATION if used else Confidence.NOTE,
        said=said,
        locations=tuple(dict.fromkeys([*places, *found.native]))[:6],
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
