"""Where did following one program come to a bound, or to what cannot be read before it runs?

Asks only what gathering and reaching have kept; what is not on the live path is no barrier.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator

from verifier.source.functions import Function
from verifier.source.launch import Launch
from verifier.source.reaching import Reaching
from verifier.source.tracing import STATEMENTS
from verifier.source.unfollowed import Barrier, Unfollowed, unfollowed
from verifier.source.unit import Gathered, Unit
from verifier.source.values import UNKNOWN
from verifier.source.world import SEARCHED, Does

Live = Callable[[Function, ast.AST], bool]


def barriers(
    gathered: Gathered, reaching: Reaching, launch: Launch, entry: Unit, live: Live
) -> tuple[Unfollowed, ...]:
    """Everything that was not followed, in the order in which it was met, each once."""
    found = (
        *gathered.cut,
        *_commands(launch, entry),
        *_unparsed(gathered, reaching, live),
        *_closed(gathered, reaching, live),
        *_imports(gathered, reaching, live),
        *_spent(gathered, reaching, entry),
    )
    return tuple(dict.fromkeys(found))


def _commands(launch: Launch, entry: Unit) -> Iterator[Unfollowed]:
    if launch.cut:
        why = "is started by more commands than are looked at"
        yield unfollowed(Barrier.LIMIT, why, entry)


def _unparsed(gathered: Gathered, reaching: Reaching, live: Live) -> Iterator[Unfollowed]:
    """Texts without a tree that the live path leads to."""
    broken = [unit for unit in gathered.units if unit.tree is None]
    led = _led(gathered, reaching, live) if broken else set()
    for unit in broken:
        if unit is gathered.units[0] or id(unit) in led:
            yield unfollowed(unit.barrier, unit.fault, unit, line=unit.line)


def _led(gathered: Gathered, reaching: Reaching, live: Live) -> set[int]:
    """The ids of the units that a live call or import leads to."""
    return {
        id(unit)
        for function in reaching.functions.all
        for node in (*function.body.calls, *function.body.imports)
        if id(node) in gathered.leads and live(function, node)
        for unit in gathered.leads[id(node)]
    }


def _closed(gathered: Gathered, reaching: Reaching, live: Live) -> Iterator[Unfollowed]:
    """Calls that execute what is known only once they run."""
    places = {id(closed.node): closed for closed in gathered.closed}
    if not places:
        return
    for function in reaching.functions.all:
        for node in function.body.calls:
            closed = places.get(id(node))
            if closed is not None and live(function, node):
                yield unfollowed(Barrier.UNREADABLE, closed.why, closed.unit, node)


def _imports(gathered: Gathered, reaching: Reaching, live: Live) -> Iterator[Unfollowed]:
    """Imports by a name that is known only once they run."""
    for unit, body, event in gathered.events:
        unknown = event.does is Does.IMPORTS and event.value is UNKNOWN
        if unknown and live(reaching.functions.by_body[id(body)], event.node):
            why = "imports a module whose name is not known before it runs"
            yield unfollowed(Barrier.UNREADABLE, why, unit, event.node)


def _spent(gathered: Gathered, reaching: Reaching, entry: Unit) -> Iterator[Unfollowed]:
    """Budgets that ran out."""
    if gathered.world.statements > STATEMENTS:
        why = f"has more than {STATEMENTS} statements to follow before its functions run"
        yield unfollowed(Barrier.LIMIT, why, entry)
    if len(gathered.world.search) > SEARCHED:
        why = f"looks for modules in more than {SEARCHED} folders"
        yield unfollowed(Barrier.LIMIT, why, entry)
    if reaching.cut or reaching.functions.cut:
        why = "has names that stand for more than is followed"
        yield unfollowed(Barrier.LIMIT, why, entry)
    if gathered.world.budget.spent or reaching.budget.spent:
        yield unfollowed(Barrier.LIMIT, "has more constants than are computed", entry)
