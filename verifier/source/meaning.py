"""Which function or class of the program does an expression mean?

Resolution is by name, as a reader does it: nested functions, the module, siblings that are
imported, `self`, local names bound to a function, what calls give parameters, and methods by
their name. Where several classes have a method of that name, all of them are meant.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from verifier.source.functions import NAMESAKES, Function, Index, Klass, last_name
from verifier.source.steps import Body
from verifier.source.unit import Unit
from verifier.source.values import Imported, words

_GIVEN = 6
"""Different values of one name that are looked at; more of them say nothing more."""
_LOOKUPS = 2_000
"""Expressions that are looked at to say what one of them means."""
_LOOKUPS_DEEP = 80
"""A name stands for another: that many times on end at most."""
_CALLED_BY_TORCH = frozenset(["forward", "backward", "setup_context", "jvp", "vmap"])
_WRAPPERS = words(
    "compile partial DDP DistributedDataParallel no_grad inference_mode jit script checkpoint "
    "wraps lru_cache cache disable allow_in_graph Thread"
)
_KEEPERS = words("to cuda cpu half bfloat16 float double eval train requires_grad_")


class Meanings(Index):
    """What expressions mean, over the index of what can be called."""

    _left = _LOOKUPS
    looked = 0
    """Expressions looked at so far."""

    def _goes_on(self, seen: set[int]) -> bool:
        """Whether one more expression is looked at on the way to a meaning."""
        self._left -= 1
        self.looked += 1
        if self._left > 0 and len(seen) <= _LOOKUPS_DEEP:
            return True
        self.cut = True
        return False

    # -- what an expression means -------------------------------------------------------------

    def meant(self, node: ast.expr, at: Function) -> list[Function | Klass]:
        """The functions and classes that an expression stands for in `at`, [] for none known."""
        self._left = _LOOKUPS
        return list(dict.fromkeys(self._meant(node, at, set())))

    def instance(self, node: ast.expr, at: Function) -> list[Klass]:
        """The classes that the value of an expression is an instance of, as far as names show."""
        self._left = _LOOKUPS
        return list(dict.fromkeys(self._instance(node, at, set())))

    def outside(self, node: ast.Call, at: Function) -> bool:
        """Whether a call cannot be of this program, whatever its names hold."""
        match node.func:
            case ast.Attribute(attr=attr, value=base):
                while isinstance(base, ast.Attribute):
                    base = base.value
                if isinstance(base, ast.Name) and (root := self._module_name(base.id, at)):
                    return root not in self._gathered.modules
                return not (attr in self.methods or attr in self._names or attr in self._stored)
            case ast.Name(id=name):
                held = at.unit.names.get(name)
                if isinstance(held, Imported):
                    module = held.dotted.rpartition(".")[0]
                    inside = module in self._gathered.modules
                else:
                    inside = held is not None or bool(self._gathered.modules)
                return not (inside or name in self._names or self.local(name, at.body))
        return False

    def mentioned(self, node: ast.Name | ast.Attribute, at: Function) -> list[Function | Klass]:
        """What is used as a value here, [] quickly where it is no name of this program.

        A local name that stands for a function was itself given a value where that is mentioned.
        """
        name = node.id if isinstance(node, ast.Name) else node.attr
        if name not in self._names and not self._gathered.modules:
            return []
        return self.meant(node, at)

    def local(self, name: str, body: Body | None) -> bool:
        """Whether `name` is a parameter or is bound in a function, or in one around it."""
        while body is not None:
            if body.outer is not None and (
                name in self.bound(body)
                or name in self.by_body[id(body)].parameters
                or name in self.imported(body)
            ):
                return True
            body = body.outer
        return False

    def call(self, target: Function, node: ast.Call, at: Function) -> bool:
        """Remember that `node` in `at` calls `target`; whether that is new."""
        sites = self.sites.setdefault(target, {})
        if id(node) in sites:
            return False
        sites[id(node)] = (node, at)
        return True

    def passed(self, target: Function, node: ast.Call) -> dict[str, ast.expr] | None:
        """What a call gives the parameters of `target`; None where it spreads what nobody knows."""
        key = (id(node), id(target))
        if key not in self._passed:
            self._passed[key] = _passed(node, target)
        return self._passed[key]

    def _meant(self, node: ast.expr, at: Function, seen: set[int]) -> Iterator[Function | Klass]:
        if id(node) in seen or not self._goes_on(seen):
            return
        seen.add(id(node))
        match node:
            case ast.Name():
                yield from self._name(node.id, at, seen)
            case ast.Attribute():
                yield from self._attribute(node, at, seen)
            case ast.IfExp():
                yield from self._meant(node.body, at, seen)
                yield from self._meant(node.orelse, at, seen)
            case ast.Call() if last_name(node.func) in _WRAPPERS and node.args:
                yield from self._meant(node.args[0], at, seen)
            case ast.Call(
                func=ast.Name(id="getattr"), args=[base, ast.Constant(value=str() as attr), *_]
            ):
                named = ast.Attribute(base, attr, ast.Load())
                yield from self._attribute(named, at, seen)

    def _instance(self, node: ast.expr, at: Function, seen: set[int]) -> Iterator[Klass]:
        if id(node) in seen or not self._goes_on(seen):
            return
        seen.add(id(node))
        match node:
            case ast.Call():
                yield from self._made(node, at, seen)
            case ast.Name(id="self" | "cls") if (owner := self.owner(at)) is not None:
                yield owner
            case _:
                for value, where in self._same_as(node, at):
                    yield from self._instance(value, where, seen)

    def _made(self, node: ast.Call, at: Function, seen: set[int]) -> Iterator[Klass]:
        last = last_name(node.func)
        if last in _WRAPPERS and node.args:
            yield from self._instance(node.args[0], at, seen)
        elif last in _KEEPERS and isinstance(node.func, ast.Attribute):
            yield from self._instance(node.func.value, at, seen)
        else:
            for meant in self._meant(node.func, at, seen):
                if isinstance(meant, Klass):
                    yield meant

    def _same_as(self, node: ast.expr, at: Function) -> list[tuple[ast.expr, Function]]:
        """The expressions whose value an expression has, and where they stand."""
        match node:
            case ast.Name():
                return self._values(node.id, at)
            case ast.IfExp():
                return [(node.body, at), (node.orelse, at)]
            case ast.Attribute(attr="module" | "_orig_mod"):
                return [(node.value, at)]
            case ast.Attribute(value=ast.Name(id="self")):
                owner = self.owner(at)
                stored = self._stored.get(node.attr, ())[:_GIVEN]
                return [each for each in stored if self.owner(each[1]) is owner]
        return []

    def _values(self, name: str, at: Function) -> list[tuple[ast.expr, Function]]:
        """What a name is bound to where it is bound, or given where it is a parameter."""
        body: Body | None = at.body
        while body is not None:
            holder = self.by_body[id(body)]
            found = [(value, holder) for value in self.bound(body).get(name, ())[:_GIVEN]]
            if name in holder.parameters:
                found.extend(self._given(holder, name))
            if found:
                return found
            body = body.outer
        return []

    def _given(self, holder: Function, name: str) -> list[tuple[ast.expr, Function]]:
        self.asked.add(holder)
        found: list[tuple[ast.expr, Function]] = []
        for node, at in self.sites.get(holder, {}).values():
            value = (self.passed(holder, node) or {}).get(name)
            if value is not None:
                found.append((value, at))
                if len(found) >= _GIVEN:
                    break
        return found

    def bound(self, body: Body) -> dict[str, list[ast.expr]]:
        """The expressions that each local name of a body is bound to; parts are left out."""
        if id(body) not in self._bound:
            made: dict[str, list[ast.expr]] = {}
            for step in body.bindings:
                values = made.setdefault(step.name, [])
                if step.value is not None:
                    values.append(step.value)
            self._bound[id(body)] = made
        return self._bound[id(body)]

    def _name(self, name: str, at: Function, seen: set[int]) -> Iterator[Function | Klass]:
        body: Body | None = at.body
        while body is not None:
            prefix = "" if body.outer is None else f"{body.name}."
            if found := self._named.get((id(at.unit), prefix + name)):
                yield from found
                return
            if body.outer is not None and (dotted := self.imported(body).get(name)):
                yield from self._imported_name(Imported(dotted), name)
                return
            body = body.outer
        if local := [klass for klass in self.classes.get(name, ()) if klass.unit is at.unit]:
            yield from local
            return
        values = self._values(name, at)
        for value, where in values:
            yield from self._meant(value, where, seen)
        if not values:
            yield from self._imported_name(at.unit.names.get(name), name)

    def _module_name(self, name: str, at: Function) -> str:
        """The module or imported thing that a name means, "" where it means none."""
        body: Body | None = at.body
        while body is not None and body.outer is not None:
            if dotted := self.imported(body).get(name):
                return dotted
            if name in self.bound(body) or name in self.by_body[id(body)].parameters:
                return ""
            body = body.outer
        value = at.unit.names.get(name)
        return value.dotted if isinstance(value, Imported) else ""

    def imported(self, body: Body) -> dict[str, str]:
        """What a function imports itself: local name → dotted name."""
        if id(body) not in self._imports:
            made: dict[str, str] = {}
            for step in body.imports:
                if isinstance(step, ast.Import):
                    for each in step.names:
                        first = each.name.partition(".")[0]
                        made[each.asname or first] = each.name if each.asname else first
                else:
                    prefix = f"{step.module}." if step.module else ""
                    for each in step.names:
                        made[each.asname or each.name] = prefix + each.name
            self._imports[id(body)] = made
        return self._imports[id(body)]

    def _imported_name(self, value: object, name: str) -> list[Function | Klass]:
        if isinstance(value, Imported):
            module, _, last = value.dotted.rpartition(".")
            target = self._gathered.modules.get(module)
            return [] if target is None else self._in([target], last)
        if value is None and self._gathered.modules:  # from sibling import *
            return self._in(self._gathered.modules.values(), name)
        return []

    def _in(self, units: Iterable[Unit], name: str) -> list[Function | Klass]:
        for unit in units:
            if found := self._named.get((id(unit), name)):
                return list(found)
            if local := [each for each in self.classes.get(name, ()) if each.unit is unit]:
                return list(local)
        return []

    def _attribute(
        self, node: ast.Attribute, at: Function, seen: set[int]
    ) -> Iterator[Function | Klass]:
        base = node.value
        if isinstance(base, ast.Name) and (module := self._module_name(base.id, at)):
            target = self._gathered.modules.get(module)
            yield from [] if target is None else self._in([target], node.attr)
            return
        owner = self.owner(at)
        if isinstance(base, ast.Call) and last_name(base.func) == "super":
            yield from self._inherited(owner, node.attr) if owner is not None else ()
            return
        if node.attr not in self.methods:
            return
        if isinstance(base, ast.Name) and base.id == "self" and owner is not None:
            found = self.method(owner, node.attr)
            yield from () if found is None else (found,)
            return
        klasses = [
            *(each for each in self._meant(base, at, seen) if isinstance(each, Klass)),
            *self._instance(base, at, {*seen} - {id(base)}),
        ]
        named = [each for each in (self.method(klass, node.attr) for klass in klasses) if each]
        if named:
            yield from named
        elif len(self.methods[node.attr]) <= NAMESAKES:
            yield from self.methods[node.attr]
        else:
            self.flooded.add(node.attr)

    def method(self, klass: Klass, name: str) -> Function | None:
        """The method `name` of a class or of what it inherits from in this program."""
        if name in klass.methods:
            return klass.methods[name]
        return next(self._inherited(klass, name), None)

    def _inherited(self, klass: Klass, name: str) -> Iterator[Function]:
        for base in klass.bases:
            for parent in self.classes.get(base, ()):
                if parent is not klass and name in parent.methods:
                    yield parent.methods[name]

    def started(self, klass: Klass) -> Iterator[Function]:
        """What may run once a class is used, without being called by its name."""
        for name, method in klass.methods.items():
            implicit = name.startswith("__") and name.endswith("__")
            if implicit or name in _CALLED_BY_TORCH or _is_property(method):
                yield method


def _is_property(function: Function) -> bool:
    node = function.node
    return not isinstance(node, ast.Module) and any(
        last_name(each) in ("property", "cached_property", "setter") for each in node.decorator_list
    )


def _passed(node: ast.Call, target: Function) -> dict[str, ast.expr] | None:
    to = target.node
    if isinstance(to, ast.Module):
        return None
    names = [each.arg for each in (*to.args.posonlyargs, *to.args.args)]
    if target.body.owner is not None and names and names[0] in ("self", "cls"):
        names = names[1:]
    if any(isinstance(each, ast.Starred) for each in node.args):
        return None
    if any(each.arg is None for each in node.keywords):
        return None
    passed = dict(zip(names, node.args, strict=False))
    return passed | {str(each.arg): each.value for each in node.keywords}
