"""Which small faults can a file have? mutmut's operators and trampolines, three rules of ours.

One mutated file holds every mutant of every function beside the original; a trampoline picks the
one that runs. mutmut leaves decorated functions alone; here a decorator is applied by a statement
after the function, which means the same and lets the function be mutated. Wording, a string
literal of several words, is not mutated: a test for it could only repeat the sentence. What carries
it still is: the argument becomes None, or goes. Nor is `astype(np.float64)`, to numpy the same as
`astype(None)`. Must never change what a file means unmutated.
"""

from __future__ import annotations

import difflib
import hashlib
from dataclasses import dataclass

import libcst as cst
import libcst.matchers as m
from mutmut.mutation.file_mutation import Mutation, combine_mutations_to_source, create_mutations
from mutmut.utils.format_utils import orig_function_and_class_names_from_key

from tests.mutants.keeping import Mutant

LEFT_TO_MUTMUT = {"staticmethod", "classmethod"}


@dataclass(frozen=True)
class Mutated:
    """A file's code with all its mutants, and how many were not made by the rules above."""

    code: str
    mutants: tuple[Mutant, ...]
    not_made: int


class _Undecorated(cst.CSTTransformer):
    """`@d` above `def f` becomes `f = d(f)` below it."""

    def leave_FunctionDef(
        self, original_node: cst.FunctionDef, updated_node: cst.FunctionDef
    ) -> cst.FunctionDef | cst.FlattenSentinel:
        decorators = [each.decorator for each in updated_node.decorators]
        plain = all(isinstance(d, cst.Name) and d.value in LEFT_TO_MUTMUT for d in decorators)
        if plain and len(decorators) <= 1:
            return updated_node
        value: cst.BaseExpression = updated_node.name
        for decorator in reversed(decorators):
            value = cst.Call(func=decorator, args=[cst.Arg(value)])
        bound = cst.Assign([cst.AssignTarget(updated_node.name)], value)
        return cst.FlattenSentinel(
            [updated_node.with_changes(decorators=()), cst.SimpleStatementLine([bound])]
        )


def mutate(file: str, source: str) -> Mutated:
    """Every mutant of `source`, the text of `file` (a path from the root of the checkout)."""
    code = cst.parse_module(source).visit(_Undecorated()).code
    module, mutations, _, _ = create_mutations(file, code)
    inside = [each for each in mutations if each.contained_by_top_level_function is not None]
    kept = [each for each in inside if not _says_nothing(each)]
    made = combine_mutations_to_source(module, kept)
    lines = made.code.splitlines()
    home = file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    def text(function: str) -> str:
        span = made.line_span_by_function_name[function]
        return "\n".join(lines[span.start - 1 : span.end])

    mutants = []
    for name in made.mutant_names:
        mangled = name.partition("__mutmut_")[0]
        function, owner = orig_function_and_class_names_from_key(f"{home}.{name}")
        called = f"{owner}.{function}" if owner else function
        original = text(f"{mangled}__mutmut_orig").replace(f"{mangled}__mutmut_orig", function)
        faulty = text(name).replace(name, function)
        before, after = _difference(original, faulty)
        whole = "\0".join((file, called, original, faulty))
        key = hashlib.sha256(whole.encode()).hexdigest()[:16]
        at = f"{home}.{mangled}"
        mutants.append(Mutant(key, f"{home}.{name}", at, file, called, before, after))
    return Mutated(made.code, tuple(mutants), len(inside) - len(kept))


def _says_nothing(mutation: Mutation) -> bool:
    was, now = mutation.original_node, mutation.mutated_node
    if isinstance(was, cst.SimpleString):
        return " " in str(was.evaluated_value).strip()
    same = m.Call(func=m.Attribute(attr=m.Name("astype")), args=[m.Arg(m.Name("None"))])
    cast = m.Call(args=[m.Arg(m.Attribute(value=m.Name("np"), attr=m.Name("float64")))])
    return m.matches(now, same) and m.matches(was, cast)


def _difference(original: str, faulty: str) -> tuple[str, str]:
    gone, come = [], []
    for line in difflib.ndiff(original.splitlines(), faulty.splitlines()):
        if line.startswith("- "):
            gone.append(line[2:].strip())
        elif line.startswith("+ "):
            come.append(line[2:].strip())
    return "\n".join(gone), "\n".join(come)
