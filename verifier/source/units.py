"""Which Python texts does running one script execute? Unpacks and follows them; runs none.

From the entry: what `exec` is given, unpacked to a fixed point; siblings that are imported, run,
started or read and executed. Bounded in number, depth and bytes; what stays closed is said.
"""

from __future__ import annotations

import ast
import shlex
from collections.abc import Iterator

from verifier.source.bodies import bodies
from verifier.source.decoding import layer_of
from verifier.source.folding import fold
from verifier.source.functions import last_name
from verifier.source.parsing import TEXT_BYTES, Parsed, parse
from verifier.source.steps import Body
from verifier.source.tracing import Trace
from verifier.source.tree import Tree
from verifier.source.unfollowed import Barrier, unfollowed
from verifier.source.unit import Closed, Gathered, Unit, relative
from verifier.source.values import FOLDER, UNKNOWN, Environment, words
from verifier.source.world import Does, Event, World, absolute

UNITS = 64
LAYERS = 8
NODES = 300_000
"""Of the syntax of all texts together; people write 100,000."""
FUNCTIONS = 5_000
"""Functions and classes of all texts together; people write 200."""
_CALLS = 8
_EXECUTING = (Does.EXECUTES, Does.RUNS, Does.STARTS, Does.LOADS, Does.BUILDS)
_STARTERS = words(
    "exec eval run_path run_module spec_from_file_location SourceFileLoader import_module "
    "__import__ run call check_call check_output Popen system popen execv execvp execve execl "
    "CDLL LoadLibrary load_library load_inline load open read_text read_bytes fromfile memmap "
    "SentencePieceProcessor glob save savez write_text write_bytes"
)


def gather(tree: Tree, entry: str, environment: Environment) -> Gathered:
    """Every unit that running `entry` executes. Raises KeyError where `entry` was not read."""
    return _Gathering(tree, environment).gathered(entry)


def gathered_nothing(entry: str, source: bytes) -> Gathered:
    """The entry alone, as a text that is nested too deep to be followed."""
    text = source[:TEXT_BYTES].decode("utf-8", "replace")
    fault = "is nested, or stands for itself, deeper than is followed"
    unit = Unit(entry, "", text, None, fault=fault, main=True, barrier=Barrier.LIMIT)
    return Gathered(World(Environment()), [unit])


class _Gathering:
    def __init__(self, tree: Tree, environment: Environment) -> None:
        self._tree = tree
        files: dict[str, bytes | str] = {
            f"{FOLDER}/{path}": content for path, content in tree.files.items()
        }
        self._made = Gathered(World(environment, files))
        self._seen: dict[tuple[str, str, int], Unit] = {}
        self._closed: dict[int, Closed] = {}
        self._nodes = NODES
        self._functions = FUNCTIONS
        self._folders: dict[str, str] = {}
        self._bytes: dict[str, bytes] = {}
        self._shipped: dict[bytes, list[str]] = {}
        for path, content in tree.files.items():
            if path.endswith(".py"):
                self._shipped.setdefault(content, []).append(path)
        self._by_name: dict[int, dict[str, list[ast.Call]]] = {}

    def gathered(self, entry: str) -> Gathered:
        folder = absolute(entry.rpartition("/")[0] or ".")
        self._made.world.search.insert(0, folder or FOLDER)
        self._take(entry, "", self._tree.files[entry], main=True, names={}, depth=0)
        self._made.closed = [
            closed for key, closed in self._closed.items() if key not in self._made.leads
        ]
        return self._made

    def _take(
        self,
        path: str,
        layer: str,
        source: bytes,
        *,
        main: bool,
        names: dict[str, object],
        depth: int,
    ) -> Unit | None:
        key = (path, layer, hash(source))
        if key in self._seen:
            return self._seen[key]
        if len(self._made.units) >= UNITS or depth > LAYERS:
            self._cut_short(path)
            return None
        unit = self._unit(path, layer, parse(source, self._nodes), main=main, names=names)
        self._seen[key] = unit
        self._made.units.append(unit)
        if unit.tree is None:
            return unit
        found = unit.bodies
        names.setdefault("__name__", "__main__" if main else path.removesuffix(".py"))
        names["__file__"] = f"{FOLDER}/{path}"
        trace = Trace(self._made.world, names)
        self._follow(unit, found[0], trace, depth)
        self._imports(unit, depth)
        for body in found[1:]:
            if acting := _acting_lines(body):
                self._function(unit, body, acting, depth)
        return unit

    def _unit(
        self, path: str, layer: str, parsed: Parsed, *, main: bool, names: dict[str, object]
    ) -> Unit:
        """The unit of a text, without a tree where that has more than is followed."""
        tree, fault, barrier = parsed.tree, parsed.fault, parsed.barrier
        defined = 0
        if tree is not None:
            defined = parsed.text.count("def") + parsed.text.count("class")
            if defined > self._functions:
                defined = sum(map(_is_definition, ast.walk(tree)))
        if defined > self._functions:
            fault = f"has {defined} functions and classes, more than {self._functions} are not read"
            tree, barrier = None, Barrier.LIMIT
        else:
            self._functions -= defined
        self._nodes -= parsed.nodes
        return Unit(
            path,
            layer,
            parsed.text,
            tree,
            fault=fault,
            line=parsed.line,
            main=main,
            newer=parsed.newer,
            barrier=barrier,
            bodies=() if tree is None else tuple(bodies(tree)),
            names=names,
        )

    def _cut_short(self, path: str) -> None:
        """Say once that not every text was read."""
        if not self._made.cut:
            deep = f"leads to more than {UNITS} texts, or through more than {LAYERS} of them"
            first = self._made.units[0]
            self._made.cut.append(unfollowed(Barrier.LIMIT, f"{deep} ({path})", first))

    def _function(self, unit: Unit, body: Body, acting: frozenset[int], depth: int) -> None:
        """What a function that starts or reads something does, for what it is called with."""
        if isinstance(body.node, ast.Module):
            return
        module = Trace(self._made.world, {}, unit.names)
        known = len(self._made.world.events)
        self._called(unit, body, acting, depth, [], {})
        unknown = any(
            event.value is UNKNOWN and event.does in _EXECUTING
            for event in self._made.world.events[known:]
        )
        if not unknown or not body.node.args.args:
            return
        for call in self._calls_of(unit, body.node.name):
            arguments = [fold(each, module) for each in call.args]
            named = {str(each.arg): fold(each.value, module) for each in call.keywords}
            self._called(unit, body, acting, depth, arguments, named)

    def _called(
        self,
        unit: Unit,
        body: Body,
        acting: frozenset[int],
        depth: int,
        arguments: list[object],
        named: dict[str, object],
    ) -> None:
        inner = Trace(self._made.world, {}, unit.names)
        inner.acting, inner.deep = acting, 1
        if not isinstance(body.node, ast.Module):
            inner.bind(body.node, arguments, named)
        self._follow(unit, body, inner, depth)

    def _follow(self, unit: Unit, body: Body, trace: Trace, depth: int) -> None:
        before = len(self._made.world.events)
        trace.follow(body.node.body)
        events = self._made.world.events[before:]
        for event in events:
            if id(event.node) not in self._made.leads:
                self._made.events.append((unit, body, event))
                self._lead(unit, trace, event, depth)

    def _lead(self, unit: Unit, trace: Trace, event: Event, depth: int) -> None:
        match event.does:
            case Does.EXECUTES:
                self._executes(unit, trace, event, depth)
            case Does.RUNS:
                self._runs(unit, event, absolute(event.value), depth, main=True)
            case Does.STARTS:
                script = _script(event.value)
                if script is not None:
                    self._runs(unit, event, absolute(script), depth, main=True)
            case Does.IMPORTS if isinstance(event.value, str):
                self._module(unit, event.node, event.value, depth)

    def _executes(self, unit: Unit, trace: Trace, event: Event, depth: int) -> None:
        match event.value:
            case str() | bytes() as text:
                content = self._encoded(text)
            case _:
                why = event.why or "what it executes is not known before it runs"
                if not _evaluates(event.node):
                    self._closed.setdefault(id(event.node), Closed(unit, event.node, why))
                return
        if _evaluates(event.node):
            return
        shipped = (name for name in self._shipped.get(content, ()) if name != unit.path)
        path = next(shipped, unit.path)
        layer = layer_of(event.value)
        if path == unit.path:
            layer = "+".join(filter(None, (unit.layer, layer or "exec")))
        names = trace.names if path == unit.path else {}
        found = self._take(path, layer, content, main=unit.main, names=names, depth=depth + 1)
        self._leads_to(event.node, found)

    def _runs(self, unit: Unit, event: Event, path: str | None, depth: int, *, main: bool) -> None:
        content = self._made.world.files.get(path or "")
        if path is None or content is None:
            if event.does is Does.RUNS:
                why = "the file it runs is not known before it runs"
                if path is not None:
                    why = f"runs {relative(path) or path}, which is not in the submission"
                self._closed.setdefault(id(event.node), Closed(unit, event.node, why))
            return
        known = relative(path)
        if known is not None and known in self._tree.files:
            name, layer = known, ""
        else:
            name, layer = self._written(unit, path, content)
        source = self._encoded(content)
        found = self._take(name, layer, source, main=main, names={}, depth=depth + 1)
        self._leads_to(event.node, found)

    @staticmethod
    def _written(unit: Unit, path: str, content: bytes | str) -> tuple[str, str]:
        """Path and layer of a file that the script itself has written before it runs it."""
        layer = "+".join(filter(None, (unit.layer, layer_of(content))))
        return unit.path, f"{layer}:{path.rpartition('/')[2]}"

    def _leads_to(self, node: ast.AST, unit: Unit | None) -> None:
        if unit is not None:
            leads = self._made.leads.setdefault(id(node), [])
            if unit not in leads:
                leads.append(unit)

    def _encoded(self, content: str | bytes) -> bytes:
        """The bytes of a text, the same object for the same text: its hash is kept with it."""
        if isinstance(content, bytes):
            return content
        if content not in self._bytes:
            self._bytes[content] = content.encode("utf-8", "surrogatepass")
        return self._bytes[content]

    def _calls_of(self, unit: Unit, name: str) -> list[ast.Call]:
        """The first calls of a function by its plain name in a unit."""
        if id(unit) not in self._by_name:
            made: dict[str, list[ast.Call]] = {}
            for body in unit.bodies:
                for call in body.calls:
                    if isinstance(call.func, ast.Name):
                        made.setdefault(call.func.id, []).append(call)
            self._by_name[id(unit)] = made
        return self._by_name[id(unit)].get(name, [])[:_CALLS]

    def _folder(self, path: str) -> str:
        """A folder of the submission where it stands while paths are followed."""
        if path not in self._folders:
            self._folders[path] = absolute(path) or FOLDER
        return self._folders[path]

    # -- imports -----------------------------------------------------------------------------

    def _imports(self, unit: Unit, depth: int) -> None:
        for body in unit.bodies:
            for node in body.imports:
                for module in _modules(node):
                    self._module(unit, node, module, depth, level=getattr(node, "level", 0))

    def _module(
        self, unit: Unit, node: ast.AST, dotted: str, depth: int, *, level: int = 0
    ) -> None:
        inside = unit.path.split("/")[:-1]
        if level:
            folders = [self._folder("/".join(inside[: len(inside) - level + 1]))]
        else:
            folders = [*self._made.world.search, self._folder("/".join(inside))]
        tail = dotted.replace(".", "/")
        for folder in dict.fromkeys(folders):
            for name in (f"{folder}/{tail}.py", f"{folder}/{tail}/__init__.py"):
                content = self._made.world.files.get(name)
                if content is not None:
                    known = relative(name)
                    path, layer = (known, "") if known else self._written(unit, name, content)
                    source = self._encoded(content)
                    found = self._take(path, layer, source, main=False, names={}, depth=depth + 1)
                    self._leads_to(node, found)
                    if found is not None:
                        self._made.modules.setdefault(dotted, found)
                    return


def _is_definition(node: ast.AST) -> bool:
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)


def _acting_lines(body: Body) -> frozenset[int]:
    """The lines of a function on which something may be started, read or written."""
    return frozenset(
        line
        for call in body.calls
        if last_name(call.func) in _STARTERS
        for line in range(call.lineno, (call.end_lineno or call.lineno) + 1)
    )


def _modules(node: ast.Import | ast.ImportFrom) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (each.name for each in node.names)
    else:
        if node.module:
            yield node.module
        prefix = f"{node.module}." if node.module else ""
        yield from (f"{prefix}{each.name}" for each in node.names)


def _evaluates(node: ast.Call) -> bool:
    return isinstance(node.func, ast.Name) and node.func.id == "eval"


def _script(value: object) -> str | None:
    """The Python file that a process is started with, None for another program."""
    if isinstance(value, str):
        try:
            value = shlex.split(value[:4096])
        except ValueError:
            return None
    if not isinstance(value, list | tuple):
        return None
    for each in value[:64]:
        if each is not UNKNOWN and str(each).endswith(".py"):
            return str(each)
    return None
