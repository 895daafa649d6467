"""What program does a submission run, as rules may ask about it?"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from types import MappingProxyType

from verifier.source.barriers import barriers
from verifier.source.children import children
from verifier.source.dead import dead_nodes
from verifier.source.flowing import Flow, Seeds
from verifier.source.folding import fold
from verifier.source.functions import Function
from verifier.source.launch import Launch, find_launch
from verifier.source.meaning import Meanings
from verifier.source.printed import Printed, printed_settings
from verifier.source.reaching import Reached, Reaching
from verifier.source.scoping import Local
from verifier.source.seeding import HELDOUT, TRAINING, seeds_of
from verifier.source.settings import Setting, read_settings
from verifier.source.steps import Binding
from verifier.source.tree import Tree
from verifier.source.unfollowed import Barrier, Unfollowed
from verifier.source.unit import Closed, Gathered, Unit, relative
from verifier.source.units import gather, gathered_nothing
from verifier.source.values import UNKNOWN, Environment, Unknown
from verifier.source.world import Does, Event

_LINE_CHARACTERS = 200
_CHAIN = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """One call where it happens: in `at`, reached along `chain` (the entry first, `at` last)."""

    call: ast.Call
    at: Function
    targets: tuple[Function, ...]
    chain: tuple[Function, ...]


class Program:
    """One script with everything it executes, indexed once and asked many times."""

    def __init__(self, gathered: Gathered, launch: Launch, printed: Printed) -> None:
        """Made by `read_program`."""
        self._gathered = gathered
        self.launch = launch
        self.closed: tuple[Closed, ...] = tuple(gathered.closed)
        """What is executed and cannot be read before it runs."""
        self.units: tuple[Unit, ...] = _entry_first(gathered)
        self.entry: Unit = self.units[0]
        self._functions = Meanings(gathered)
        self.functions: tuple[Function, ...] = tuple(self._functions.all)
        self.settings: Mapping[str, Setting] = MappingProxyType(
            read_settings(gathered, launch, printed)
        )
        values = {name: setting.value for name, setting in self.settings.items()}
        self._reaching = Reaching(gathered, self._functions, values)
        self._callers: dict[Function, list[Function]] | None = None
        self._dead: dict[Function, frozenset[int]] = {}
        self._assigned: dict[Function, dict[str, list[Binding]]] = {}
        self._parents: dict[Function, dict[int, ast.AST]] = {}

    def forget(self) -> None:
        """Drop everything: a program and what is known of it hold each other.

        For those who read thousands: finding such rings anew takes a fifth of their time. Nothing
        may be asked of the program afterwards.
        """
        vars(self).clear()

    def function(self, name: str) -> Function | None:
        """The first function of that qualified name, the entry's before the others'."""
        found = [each for each in self.functions if each.name == name]
        return min(found, key=lambda each: self.units.index(each.unit), default=None)

    def of(self, node: ast.Module | ast.FunctionDef | ast.AsyncFunctionDef) -> Function | None:
        """The function of a definition, or of a unit's tree for its top level."""
        return self._functions.by_node.get(id(node))

    def callees(self, function: Function) -> tuple[Function, ...]:
        """What `function` calls, starts or hands on to be called, live under the settings."""
        state = self._reaching.reached.get(function)
        return () if state is None else tuple(state.targets)

    def callers(self, function: Function) -> tuple[Function, ...]:
        """The reached functions that have `function` among their callees."""
        if self._callers is None:
            self._callers = {}
            for caller, state in self._reaching.reached.items():
                for target in state.targets:
                    self._callers.setdefault(target, []).append(caller)
        return tuple(self._callers.get(function, ()))

    def calls(self, function: Function) -> tuple[tuple[ast.Call, Function | None], ...]:
        """The live calls in `function` in source order, each with what it calls.

        None where that is not in the program, or could be several. Of several definitions of one
        name it is the last.
        """
        return tuple((node, _one(found)) for node, found in self._state(function).calls)

    def targets(self, function: Function, node: ast.Call) -> tuple[Function, ...]:
        """Everything that a live call in `function` may call."""
        return self._state(function).targets_of.get(id(node), ())

    def reachable(self, function: Function) -> bool:
        """Whether the entry reaches `function` under the default settings."""
        return function in self._reaching.reached

    def live(self, function: Function, node: ast.AST) -> bool:
        """Whether `node` of a reached `function` is under no branch that the settings rule out."""
        if not self.reachable(function):
            return False
        if function not in self._dead:
            state = self._state(function)
            self._dead[function] = dead_nodes(function.node.body, state.decided, state.cut)
        return id(node) not in self._dead[function]

    def value(self, expression: ast.expr, function: Function) -> object | Unknown:
        """What an expression of `function` stands for under the settings, or UNKNOWN."""
        state = self._reaching.reached.get(function)
        if state is None:
            return fold(expression, Local(self._reaching, Reached(function)))
        return fold(expression, self._reaching.scope(state))

    @property
    def unfollowed(self) -> tuple[Unfollowed, ...]:
        """What on the live path was not followed, and why; () where all of it was.

        Ask last: what is asked of a program can come to a bound too.
        """
        return barriers(self._gathered, self._reaching, self.launch, self.entry, self.live)

    @property
    def written(self) -> Mapping[str, bytes | str]:
        """The files that the script unpacks elsewhere before it uses them, by absolute path."""
        files = self._gathered.world.files
        return {path: held for path, held in files.items() if relative(path) is None}

    def runs(self, unit: Unit) -> bool:
        """Whether the top level of `unit` is reached."""
        module = self._functions.module(unit)
        return module is not None and module in self._reaching.reached

    def events(self, does: Does) -> Iterator[Event]:
        """The live calls that read, start, load, build or write, with what they are given."""
        for _, body, event in self._gathered.events:
            if event.does is does and self.live(self._functions.by_body[id(body)], event.node):
                yield event

    def assignments(self, function: Function, name: str) -> tuple[Binding, ...]:
        """The live places where a local name of `function` gets a value, or a part of it does."""
        if function not in self._assigned:
            made: dict[str, list[Binding]] = {}
            for step in self._state(function).steps:
                if isinstance(step, Binding):
                    made.setdefault(step.name, []).append(step)
            self._assigned[function] = made
        return tuple(self._assigned[function].get(name, ()))

    def flow(self, seeds: Seeds) -> Flow:
        """What may come from the expressions that `seeds` says yes to."""
        return Flow(self._reaching, self._functions, seeds)

    @cached_property
    def heldout(self) -> Flow:
        """What may come from the held-out data: its files, its tokens by their usual name."""
        return self.flow(seeds_of(self.settings, HELDOUT))

    @cached_property
    def training(self) -> Flow:
        """What may come from the training data."""
        return self.flow(seeds_of(self.settings, TRAINING))

    def sequence(self, at_most: int = 20_000) -> Iterator[Happening]:
        """The live calls in the order in which the script makes them, each function followed into.

        A loop's body stands once; a function is not followed into itself; at most `at_most`.
        """
        return islice(self._sequence(self._functions.module(self.units[0]), ()), at_most)

    def _sequence(
        self, function: Function | None, chain: tuple[Function, ...]
    ) -> Iterator[Happening]:
        if function is None or function in chain or len(chain) >= _CHAIN:
            return
        chain = (*chain, function)
        for node, targets in self._state(function).calls:
            yield Happening(call=node, at=function, targets=targets, chain=chain)
            for target in targets:
                yield from self._sequence(target, chain)

    def around(self, function: Function, node: ast.AST) -> tuple[ast.AST, ...]:
        """The syntax around `node` in `function`, the nearest first, the function itself last."""
        if function not in self._parents:
            self._parents[function] = {
                id(child): parent
                for parent in ast.walk(function.node)
                for child in children(parent)
            }
        parents = self._parents[function]
        found: list[ast.AST] = []
        above = parents.get(id(node))
        while above is not None:
            found.append(above)
            above = parents.get(id(above))
        return tuple(found)

    def location(self, where: Function | Unit, node: ast.AST | None = None) -> Mapping[str, object]:
        """The fields of a Location: path, line, text, layer."""
        unit = where if isinstance(where, Unit) else where.unit
        line = getattr(node, "lineno", 0)
        if node is None and isinstance(where, Function):
            line = getattr(where.node, "lineno", 0)
        text = self.line(unit, line)
        return {"path": unit.path, "line": line, "text": text, "layer": unit.layer}

    def line(self, unit: Unit, number: int) -> str:
        """A line of a unit's text, 1-based, cut to what a report shows."""
        rows = unit.rows()
        return rows[number - 1].strip()[:_LINE_CHARACTERS] if 0 < number <= len(rows) else ""

    def _state(self, function: Function) -> Reached:
        return self._reaching.reached.get(function) or Reached(function)


def read_program(tree: Tree, launch: Launch | None = None) -> Program | None:
    """The program that a submission runs under `launch`, by default the command it names itself.

    None where it has no script, or the script was not read.
    """
    launch = launch or find_launch(tree)
    if launch is None or launch.script not in tree.files:
        return None
    known, unknown = launch.seen
    printed = printed_settings(tree)
    try:
        return Program(gather(tree, launch.script, Environment(known, unknown)), launch, printed)
    except RecursionError:
        # The last resort: every depth has its own bound, and says which it was.
        return Program(gathered_nothing(launch.script, tree.files[launch.script]), launch, printed)


def _one(found: tuple[Function, ...]) -> Function | None:
    same = len({(each.unit.path, each.unit.layer, each.name) for each in found}) == 1
    return found[-1] if same else None


def _entry_first(gathered: Gathered) -> tuple[Unit, ...]:
    """The innermost text that runs as the script itself first, then in the order of execution."""
    first = gathered.units[0]
    same = [unit for unit in gathered.units if unit.main and unit.path == first.path]
    entry = same[-1]
    return (entry, *(unit for unit in gathered.units if unit is not entry))


__all__ = [
    "UNKNOWN",
    "Barrier",
    "Function",
    "Program",
    "Setting",
    "Unfollowed",
    "Unit",
    "read_program",
]
