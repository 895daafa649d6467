"""Does anything run that is not source: a shipped library, a pickle, another program? (C1 to C4)

Native sources that are shipped, or stand in a string, and are built by the script can be read and
are read. What comes compiled, pickled or in an archive cannot. Must stay silent on what the script
itself writes and reads back: its model.
"""

from __future__ import annotations

import ast
import posixpath
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

from verifier.screening.finding import Confidence, Location, Remark
from verifier.screening.native import SUFFIXES, natives
from verifier.screening.rule import Rule
from verifier.screening.rules.mentions import Mention, dotted, imports, reaching
from verifier.screening.rules.places import at, at_each
from verifier.screening.rules.starting import holds, listed, not_followed
from verifier.source.program import UNKNOWN, Program
from verifier.source.tree import Tree
from verifier.source.unit import relative
from verifier.source.values import words
from verifier.source.world import Does, absolute

BINARY = Rule(
    id="binary-code",
    sentence="Something runs that is not source: a library, a pickle, or a file that is started.",
    clause="R1, C1 to C4",
    at_most=Confidence.REVIEW,
    clear="Ship the source and build it in the script; load weights with weights_only=True.",
)
RULES: tuple[Rule, ...] = (BINARY,)

_PARTS = 60
_LOADERS = words(
    "ctypes.CDLL ctypes.PyDLL ctypes.cdll.LoadLibrary ctypes.pydll.LoadLibrary "
    "numpy.ctypeslib.load_library torch.ops.load_library torch.classes.load_library"
)
_BUILDERS = words("torch.utils.cpp_extension.load torch.utils.cpp_extension.load_inline")
_UNPICKLERS = words(
    "pickle.load pickle.loads pickle.Unpickler _pickle.load _pickle.loads dill.load dill.loads "
    "cloudpickle.load cloudpickle.loads joblib.load pandas.read_pickle torch.load torch.jit.load "
    "torch.export.load numpy.load"
)
_LOADED = (".so", ".pyd", ".dll", ".dylib", ".pyc", ".pyo")
_LIBRARY = (".so", ".pyd", ".dll", ".dylib", ".bin", ".o", ".a")
_PICKLED = (".pkl", ".pickle", ".pt", ".pth", ".dill", ".joblib", ".pck", ".p", ".jit", ".pt2")
_ARCHIVES = (".zip", ".whl", ".egg", ".pyz")
_ARRAYS = (".npz", ".npy")
_TEXTS = (
    *(".py", ".json", ".txt", ".log", ".md", ".model", ".vocab", ".csv", ".yaml", ".yml"),
    *SUFFIXES,
)
_STARTED = words("subprocess os pty asyncio asyncio.subprocess posix")
_NAME_CHARACTERS = 300


def check(program: Program, tree: Tree) -> Iterator[Remark]:
    """One remark with every place."""
    reading = _Reading(program, tree)
    found: dict[Location, str] = {}
    for mention in reaching(program):
        if mention.call is not None and (why := reading.why(mention, mention.call)):
            found.setdefault(at(program, mention.at, mention.node), why)
    for place, why in reading.imported():
        found.setdefault(place, why)
    yield from at_each(BINARY, found)


@dataclass(eq=False)
class _Reading:
    """What of a tree a program loads; its files are asked for once."""

    program: Program
    tree: Tree

    def why(self, mention: Mention, call: ast.Call) -> str:
        """Why what a call loads or starts cannot be read, "" where it can."""
        name = dotted(self.program, mention.node, mention.at)
        module, _, last = name.rpartition(".")
        if name in _LOADERS or last == "dlopen":
            return self._loads(self._value(mention, call))
        if name in _BUILDERS:
            given = self._value(mention, call)
            known = isinstance(given, list) and UNKNOWN not in given
            return "" if known or self._native else "builds native code that is not known"
        if name in ("marshal.load", "marshal.loads"):
            return "loads compiled Python (marshal)"
        if name in _UNPICKLERS:
            return self._unpickles(name, mention, call)
        if module in _STARTED:
            return not_followed(self.program, self.tree, mention, self._value(mention, call))
        return ""

    def imported(self) -> Iterator[tuple[Location, str]]:
        """Compiled modules beside the script that it imports, and archives that it names."""
        compiled = {
            posixpath.basename(path).partition(".")[0]: path
            for path in self.tree.paths
            if path.endswith(_LOADED)
        }
        for function in self.program.functions if compiled else ():
            for step in function.body.imports:
                roots = {name.partition(".")[0] for name in imports(step).values()}
                if roots & set(compiled) and self.program.live(function, step):
                    path = compiled[min(roots & set(compiled))]
                    yield at(self.program, function, step), f"imports the compiled {path}"
        for path in self.tree.paths:
            name = posixpath.basename(path)
            if path.endswith(_ARCHIVES) and any(name in u.text for u in self.program.units):
                yield Location(path=path), f"code may be imported from the archive {path}"

    @cached_property
    def _given(self) -> dict[int, object]:
        given: dict[int, object] = {}
        for does in (Does.LOADS, Does.BUILDS, Does.STARTS, Does.READS):
            for event in self.program.events(does):
                given.setdefault(id(event.node), event.value)
        return given

    def _value(self, mention: Mention, call: ast.Call) -> object:
        """What a call is given: as the events have it, else its first argument."""
        if id(call) in self._given and self._given[id(call)] is not UNKNOWN:
            return self._given[id(call)]
        given = [*call.args, *(each.value for each in call.keywords if each.arg in ("args", "cmd"))]
        return self.program.value(given[0], mention.at) if given else UNKNOWN

    @cached_property
    def _native(self) -> bool:
        return next(natives(self.program, self.tree), None) is not None

    def _loads(self, given: object) -> str:
        if given is None:
            return ""
        path = absolute(given)
        if path is None or len(path) > _NAME_CHARACTERS:
            shipped = any(each.endswith(_LIBRARY) for each in self.tree.paths)
            return "" if self._native and not shipped else "loads a library that is not known"
        inside = relative(path)
        if inside is not None and holds(self.tree, inside):
            return f"loads {inside}, which is shipped compiled"
        if "/" not in str(given):
            return ""
        if path.rpartition("/")[2] in self._built:
            return ""
        system = path.startswith(("/usr/", "/lib", "/opt/"))
        return "" if system else f"loads {inside or path}, which nothing here builds from source"

    @cached_property
    def _built(self) -> frozenset[str]:
        """Last names of what processes are given: a compiler is told where to write."""
        given = {
            each.rpartition("/")[2]
            for does in (Does.STARTS, Does.BUILDS)
            for event in self.program.events(does)
            for each in listed(event.value)
            if isinstance(each, str)
        }
        return frozenset(given - {""})

    def _unpickles(self, name: str, mention: Mention, call: ast.Call) -> str:
        """Unpickling runs code of the file; harmless for what this script wrote itself."""
        options = {each.arg: self.program.value(each.value, mention.at) for each in call.keywords}
        if options.get("weights_only") is True and name == "torch.load":
            return ""
        if name == "numpy.load" and options.get("allow_pickle") is not True:
            return ""
        if any(self._written_out(name, mention, each) for each in call.args):
            return "unpickles bytes that stand in the source, which runs code"
        path = relative(absolute(self._value(mention, call)))
        files = [path] if path is not None and holds(self.tree, path) else self._shipped
        if name != "numpy.load":
            files = [each for each in files if not each.endswith(_ARRAYS)]
        read = next((each for each in files if each not in self._written), None)
        return "" if read is None else f"unpickles, which runs code, where {read} is shipped"

    def _written_out(self, name: str, mention: Mention, given: ast.expr) -> bool:
        """Whether what is given holds bytes, or a text to decode, that stand in the source."""
        decodes = name.endswith(".loads")
        for each in islice(ast.walk(given), _PARTS):
            match each:
                case ast.Constant(value=str()) if decodes:
                    return True
                case ast.Constant() | ast.Name() | ast.Call():
                    if isinstance(self.program.value(each, mention.at), bytes):
                        return True
        return False

    @cached_property
    def _shipped(self) -> list[str]:
        """Files of the tree that are pickles by name, or that are read and no text."""
        read = self._paths(Does.READS)
        return [
            path
            for path in self.tree.paths
            if (path.endswith(_PICKLED) or path in read) and not path.endswith(_TEXTS)
        ]

    @cached_property
    def _written(self) -> frozenset[str]:
        return self._paths(Does.WRITES)

    def _paths(self, does: Does) -> frozenset[str]:
        """The files of the submission that events of a kind name."""
        found = {relative(absolute(event.value)) for event in self.program.events(does)}
        return frozenset(path for path in found if path is not None)
