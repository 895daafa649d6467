"""Does a script put something else in the place of a library's function, or of a builtin?

Then the names that a reader, and every rule here, goes by no longer mean what they say. Settings
of a library, and wrappers that still call what they replace, are left alone.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from verifier.screening.finding import Confidence, Location, Remark
from verifier.screening.rule import Rule
from verifier.screening.rules.mentions import dotted, imports, reaching
from verifier.screening.rules.places import at, at_each
from verifier.source.functions import Function
from verifier.source.program import UNKNOWN, Program
from verifier.source.steps import Binding
from verifier.source.tree import Tree
from verifier.source.values import words

REPLACED = Rule(
    id="library-replaced",
    sentence="A function of a library, a builtin or a method is replaced by the submission's own.",
    clause="C1 to C4",
    at_most=Confidence.REVIEW,
    clear="Give your own functions and modules names of their own.",
)
RULES: tuple[Rule, ...] = (REPLACED,)

_BUILTINS = words(
    "exit quit open print hash len sum min max float int abs round isinstance getattr setattr "
    "range zip exec eval sorted enumerate"
)
_SETTABLE = words(
    "sys.argv sys.path sys.stdout sys.stderr sys.excepthook os.environ linecache.cache"
)
_SETTINGS = ("config", "backends", "_dynamo", "_inductor", "rcParams")
_LIBRARIES = words(
    "torch numpy math os sys io time glob json random zlib lzma bz2 brotli zstandard base64 "
    "struct hashlib pathlib subprocess ctypes pickle copy functools itertools collections "
    "sentencepiece triton flash_attn flash_attn_interface einops scipy pandas tqdm datasets "
    "huggingface_hub transformers typing dataclasses contextlib argparse logging re string types "
    "importlib inspect threading multiprocessing tempfile shutil warnings"
)
_STARTUP = words("sitecustomize usercustomize conftest")
_SCRIPT_VALUES = (ast.Lambda, ast.Name, ast.Attribute, ast.Call)


def check(program: Program, tree: Tree) -> Iterator[Remark]:
    """One remark with every place."""
    found: dict[Location, str] = {}
    for place, why in _everything(program, tree):
        found.setdefault(place, why)
    yield from at_each(REPLACED, found)


def _everything(program: Program, tree: Tree) -> Iterator[tuple[Location, str]]:
    yield from _namesakes(program, tree)
    methods = _methods(program)
    for function in program.functions:
        if not program.reachable(function):
            continue
        yield from _stored(program, function, methods)
        yield from _rebound(program, function)
    yield from _set_by_call(program)


def _namesakes(program: Program, tree: Tree) -> Iterator[tuple[Location, str]]:
    """Files beside the script that are imported instead of a library."""
    wanted = {
        name.partition(".")[0]
        for function in program.functions
        for step in function.body.imports
        for name in imports(step).values()
    } & _LIBRARIES
    folder = program.launch.script.rpartition("/")[0]
    for path in tree.paths:
        above, _, last = path.rpartition("/")
        if above not in ("", folder):
            parent, _, package = above.rpartition("/")
            if last != "__init__.py" or parent not in ("", folder):
                continue
            last = f"{package}.py"
        name = last.removesuffix(".py")
        if last.endswith(".py") and name in wanted:
            yield Location(path=path), f"{path} is imported in the place of {name}"
        elif last.endswith(".py") and name in _STARTUP:
            yield Location(path=path), f"{path} is imported by a name that Python itself looks for"


def _methods(program: Program) -> frozenset[str]:
    return frozenset(
        each.name.rpartition(".")[2] for each in program.functions if each.body.owner is not None
    )


def _stored(
    program: Program, function: Function, methods: frozenset[str]
) -> Iterator[tuple[Location, str]]:
    """F.cross_entropy = …, and model.forward = … of a class that has such a method."""
    for store in function.body.stores:
        base = dotted(program, store.target.value, function)
        name = f"{base}.{store.target.attr}"
        outside = bool(base) and not _set_freely(name) and not _own_module(program, base)
        method = not base and store.target.attr in methods and store.value is not None
        if not (outside or method) or not _is_code(program, store.value, function):
            continue
        if program.live(function, store.target):
            what = name if outside else f"the method {store.target.attr}"
            yield at(program, function, store.target), f"{what} is replaced"


def _set_freely(name: str) -> bool:
    return name in _SETTABLE or any(part.startswith(_SETTINGS) for part in name.split("."))


def _own_module(program: Program, base: str) -> bool:
    """Whether a dotted name is of a module of the submission."""
    root = base.partition(".")[0]
    return any(unit.path.rpartition("/")[2] == f"{root}.py" for unit in program.units)


def _is_code(program: Program, value: ast.expr | None, function: Function) -> bool:
    """Whether a value may be a function: not a constant, not a number that is known."""
    if value is None:
        return True
    if not isinstance(value, _SCRIPT_VALUES):
        return False
    known = program.value(value, function)
    return not isinstance(known, bool | int | float | str | bytes | list | tuple | dict | None)


def _rebound(program: Program, function: Function) -> Iterator[tuple[Location, str]]:
    """A builtin's name at the top level, or in a function that calls it."""
    top = isinstance(function.node, ast.Module)
    body = function.body
    bound = {step.name for step in body.bindings} & _BUILTINS
    called = {each.func.id for each in body.calls if bound and isinstance(each.func, ast.Name)}
    for step in body.bindings if bound else ():
        counts = step.name in _BUILTINS and (top or step.name in called)
        if counts and not _wraps(step) and _of_function(program, function, step.node):
            yield (
                at(program, function, step.node),
                f"the builtin {step.name} is given a new meaning",
            )
    for defined in body.defined:
        node = defined.node
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            inside = program.of(node) if not isinstance(node, ast.ClassDef) else None
            method = inside is not None and inside.body.owner is not None
            counts = node.name in _BUILTINS and not method
            if counts and program.live(function, node):
                yield at(program, function, node), f"the builtin {node.name} is given a new meaning"
    for imported in body.imports:
        for local, name in imports(imported).items():
            if local in _BUILTINS and name.rpartition(".")[2] != local:
                yield at(program, function, imported), f"the builtin {local} becomes {name}"


def _of_function(program: Program, function: Function, node: ast.AST) -> bool:
    """Whether a live binding is of the function itself, not of a class inside it."""
    if not program.live(function, node):
        return False
    return not any(isinstance(each, ast.ClassDef) for each in program.around(function, node))


def _wraps(step: Binding) -> bool:
    """print = partial(print, flush=True) is still print; so is a number that is never called."""
    if step.value is None:
        return False
    if isinstance(step.value, ast.Constant):
        return True
    return any(isinstance(each, ast.Name) and each.id == step.name for each in ast.walk(step.value))


def _set_by_call(program: Program) -> Iterator[tuple[Location, str]]:
    """setattr(torch, …), sys.modules[…] = …, mock.patch("torch…")."""
    for mention in reaching(program):
        name = dotted(program, mention.node, mention.at).removeprefix("builtins.")
        call, why = mention.call, ""
        if name == "setattr" and call is not None and len(call.args) == 3:
            base = dotted(program, call.args[0], mention.at)
            attr = program.value(call.args[1], mention.at)
            full = f"{base}.{attr if attr is not UNKNOWN else 'what is not known'}"
            if base and not _set_freely(full) and not _own_module(program, base):
                why = f"{full} is replaced"
        elif name == "sys.modules":
            match mention.around:
                case (ast.Subscript(ctx=ast.Store()) as part, *_):
                    module = program.value(part.slice, mention.at)
                    root = str(module).partition(".")[0]
                    why = f"the module {root} is replaced" if root in _LIBRARIES else ""
                case (ast.Attribute(attr="update" | "setdefault" | "__setitem__"), *_):
                    why = "a module is replaced"
        elif name.startswith(("unittest.mock.patch", "mock.patch")) and call is not None:
            why = "mock replaces what it names"
        if why:
            yield at(program, mention.at, mention.node), why
