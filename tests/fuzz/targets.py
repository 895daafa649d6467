"""What is fuzzed, and what must hold for any input: one function for each reader, of bytes.

A target raises where a promise is broken. It takes no time worth saying for inputs of this size,
so a fuzzer's own time-out is a finding too.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping

from tests.fuzz import guests, handed
from tests.fuzz.grammar import written
from tests.screening.rules.scripts import PARTS
from verifier.screening import Confidence
from verifier.screening.claimed import read_claimed
from verifier.screening.rules import registry
from verifier.source import UNKNOWN, Program, Tree, find_launches, read_closure, read_program
from verifier.source.bodies import bodies
from verifier.source.decoding import DECODERS, OUTPUT_BYTES, Refused
from verifier.source.logs import read_log
from verifier.source.minifying import minified
from verifier.source.parsing import parse
from verifier.source.printed import printed_settings

_DECODERS = sorted(DECODERS)
_NODES = 3_000
_STRENGTH = (Confidence.NOTE, Confidence.REVIEW, Confidence.VIOLATION)


def unpack(data: bytes) -> None:
    """Every decoder gives at most OUTPUT_BYTES, or refuses."""
    name = _DECODERS[data[0] % len(_DECODERS)] if data else _DECODERS[0]
    for given in (data[1:], data[1:].decode("latin-1")):
        try:
            made = DECODERS[name](given)
        except Refused:
            continue
        assert isinstance(made, bytes | str)
        assert len(made) <= OUTPUT_BYTES


def parse_text(data: bytes) -> None:
    """A text has a tree or a fault, and its lines are within it."""
    parsed = parse(data)
    lines = parsed.text.count("\n") + 1
    assert (parsed.tree is None) is bool(parsed.fault)
    assert 0 <= parsed.newer <= lines
    if parsed.tree is not None:
        for body in bodies(parsed.tree):
            for call in body.calls:
                assert 1 <= call.lineno <= lines


def script(data: bytes) -> None:
    """A script is read, and everything that rules ask of it has an answer."""
    tree = Tree(files={"train_gpt.py": data, "other.py": data[::2], "kernel.cu": data[:50]})
    program = read_program(tree)
    assert program is not None
    asked(program)
    read_closure(program, tree)


def grammar(data: bytes) -> None:
    """The same for scripts that parse, which `data` chooses."""
    script(written(data).encode())


def rules(data: bytes) -> None:
    """Every rule of source reads a script that parses, and says no more than it may."""
    text = f"{PARTS}\n{written(data)}\nmain()\n"
    tree = Tree(files={"train_gpt.py": text.encode(), "README.md": data})
    program = read_program(tree)
    assert program is not None
    for family in registry.FAMILIES:
        known = {rule.id: rule for rule in family.RULES}
        for remark in family.check(program, tree):
            assert _STRENGTH.index(remark.confidence) <= _STRENGTH.index(known[remark.rule].at_most)
            assert all(place.line >= 0 and len(place.text) <= 200 for place in remark.locations)


def launch(data: bytes) -> None:
    """A README, a shell script, a manifest, claims and a log have commands, or the default."""
    for name in ("README.md", "run.sh", "verify.yaml", "submission.json", "train.log"):
        tree = Tree(files={"train_gpt.py": b"", name: data})
        for each in find_launches(tree):
            assert each.script in tree.files
            assert each.processes is None or 0 <= each.processes < 1000
        printed_settings(tree)


def minify(data: bytes) -> None:
    """What is minified is never longer, and stays what it is when done again."""
    short = minified(data)
    assert len(short) <= len(data) + 1
    assert minified(short) == short


def claims(data: bytes) -> None:
    """Any submission.json is read into a record."""
    claimed = read_claimed(Tree(files={"submission.json": data}))
    assert claimed is not None


def log(data: bytes) -> None:
    """Any log is read."""
    read_log(data)


def asked(program: Program) -> None:
    """Ask a program everything there is to ask, within a bound."""
    for function in program.functions:
        program.callees(function)
        program.callers(function)
        for call, _ in program.calls(function):
            assert program.live(function, call)
            program.location(function, call)
            program.targets(function, call)
        program.heldout.names(function)
        program.training.names(function)
        for index, node in enumerate(ast.walk(function.node)):
            if index > _NODES:
                break
            program.live(function, node)
            if isinstance(node, ast.expr):
                value = program.value(node, function)
                assert value is UNKNOWN or not isinstance(value, type)
    assert sum(1 for _ in program.sequence(5_000)) <= 5_000


TARGETS: Mapping[str, Callable[[bytes], None]] = {
    "unpack": unpack,
    "parse": parse_text,
    "script": script,
    "grammar": grammar,
    "rules": rules,
    "launch": launch,
    "minify": minify,
    "claims": claims,
    "log": log,
    **handed.TARGETS,
    **guests.TARGETS,
}
