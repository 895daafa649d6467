"""Which functions does a module have, and what are the steps of each?

One walk over a unit's syntax tree makes for each function a list of steps in source order, so that
whoever asks later (which calls are live? what does a name stand for?) never walks the tree again.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from typing import Any

from verifier.source.steps import (
    OPERANDS,
    Binding,
    Block,
    Body,
    Branch,
    Defines,
    Definition,
    Jump,
    Mention,
    Step,
    Store,
)


def bodies(tree: ast.Module) -> list[Body]:
    """Every function of a module, the module's own statements first as "<module>"."""
    walk = _Walk(tree)
    return walk.found


class _Walk:
    def __init__(self, tree: ast.Module) -> None:
        self.found: list[Body] = []
        module = Body("<module>", tree)
        self.found.append(module)
        self._steps = module.steps
        self._body = module
        self._prefix = ""
        self._owner: ast.ClassDef | None = None
        self._block(tree.body)

    def _take(self, step: Step) -> None:
        self._steps.append(step)
        match step:
            case ast.Call():
                self._body.calls.append(step)
            case Binding():
                self._body.bindings.append(step)
            case Store():
                self._body.stores.append(step)
            case ast.Import() | ast.ImportFrom():
                self._body.imports.append(step)
            case Defines():
                self._body.defined.append(step)

    # -- statements --------------------------------------------------------------------------

    def _block(self, statements: Iterable[ast.stmt]) -> None:
        for statement in statements:
            take = _STATEMENTS.get(type(statement))
            if take is None:
                self._below(statement)
            else:
                take(self, statement)

    def _inside(self, take: Callable[[Any], None], *given: Any) -> list[Step]:
        outer, self._steps = self._steps, []
        for each in given:
            take(each)
        made, self._steps = self._steps, outer
        return made

    def _define(self, node: Definition) -> None:
        for each in node.decorator_list:
            self._expression(each)
        for default in (*node.args.defaults, *node.args.kw_defaults):
            if default is not None:
                self._expression(default)
        self._take(Defines(node))
        outer = (self._steps, self._body, self._prefix, self._owner)
        body = Body(self._prefix + node.name, node, owner=self._owner, outer=self._body)
        self.found.append(body)
        self._steps, self._body, self._owner = body.steps, body, None
        self._prefix = f"{body.name}."
        self._block(node.body)
        self._steps, self._body, self._prefix, self._owner = outer

    def _class(self, node: ast.ClassDef) -> None:
        for each in (*node.decorator_list, *node.bases, *(item.value for item in node.keywords)):
            self._expression(each)
        self._take(Defines(node))
        outer = (self._prefix, self._owner)
        self._prefix, self._owner = f"{self._prefix}{node.name}.", node
        self._block(node.body)
        self._prefix, self._owner = outer

    def _if(self, node: ast.If) -> None:
        self._expression(node.test)
        self._steps.append(
            Branch(
                node.test,
                self._inside(self._block, node.body),
                self._inside(self._block, node.orelse),
            )
        )

    def _while(self, node: ast.While) -> None:
        self._expression(node.test)
        self._steps.append(
            Branch(
                node.test,
                self._inside(self._block, node.body),
                self._inside(self._block, node.orelse),
                loops=True,
            )
        )

    def _for(self, node: ast.For | ast.AsyncFor) -> None:
        self._expression(node.iter)
        self._bind(node.target, None, node.iter)
        self._steps.append(Block(self._inside(self._block, node.body)))
        self._steps.append(Block(self._inside(self._block, node.orelse)))

    def _try(self, node: ast.Try) -> None:
        self._steps.append(Block(self._inside(self._block, node.body, node.orelse)))
        for handler in node.handlers:
            if handler.type is not None:
                self._expression(handler.type)
            self._steps.append(Block(self._inside(self._block, handler.body)))
        self._block(node.finalbody)

    def _with(self, node: ast.With | ast.AsyncWith) -> None:
        for item in node.items:
            self._expression(item.context_expr)
            if item.optional_vars is not None:
                self._bind(item.optional_vars, None, item.context_expr)
        self._block(node.body)

    def _match(self, node: ast.Match) -> None:
        self._expression(node.subject)
        for case in node.cases:
            for part in ast.walk(case.pattern):
                if isinstance(part, ast.MatchAs | ast.MatchStar) and part.name:
                    self._take(Binding(part.name, None, node.subject, part))
            if case.guard is not None:
                self._expression(case.guard)
            body = self._inside(self._block, case.body)
            self._steps.append(Branch(case.guard, body, []))

    def _assign(self, node: ast.Assign) -> None:
        self._expression(node.value)
        for target in node.targets:
            self._bind(target, node.value, node.value)

    def _annotated(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self._expression(node.value)
            self._bind(node.target, node.value, node.value)

    def _augmented(self, node: ast.AugAssign) -> None:
        self._expression(node.value)
        self._bind(node.target, None, node.value)

    def _jump(self, node: ast.stmt) -> None:
        self._below(node)
        self._steps.append(Jump(node))

    def _import(self, node: ast.Import | ast.ImportFrom) -> None:
        self._take(node)

    def _declare(self, node: ast.Global | ast.Nonlocal) -> None:
        self._take(Defines(node))

    def _bind(self, target: ast.expr, value: ast.expr | None, of: ast.expr) -> None:
        match target:
            case ast.Name():
                self._take(Binding(target.id, value, of, target))
            case ast.Tuple() | ast.List():
                if isinstance(value, ast.Tuple | ast.List) and len(value.elts) == len(target.elts):
                    for part, each in zip(target.elts, value.elts, strict=True):
                        self._bind(part, each, each)
                else:
                    for part in target.elts:
                        self._bind(part, None, of)
            case ast.Starred():
                self._bind(target.value, None, of)
            case ast.Attribute():
                self._expression(target.value)
                self._take(Store(target, value, of))
            case ast.Subscript():
                self._expression(target.value)
                self._expression(target.slice)
                self._bind_part(target, of)

    def _bind_part(self, base: ast.expr, of: ast.expr) -> None:
        """x[i] = … and x.y[i] = … change x and x.y."""
        part = base
        while isinstance(base, ast.Subscript):
            base = base.value
        if isinstance(base, ast.Name):
            self._take(Binding(base.id, None, of, part))
        elif isinstance(base, ast.Attribute):
            self._bind(base, None, of)

    # -- expressions -------------------------------------------------------------------------

    def _expression(self, node: ast.expr) -> None:
        take = _EXPRESSIONS.get(type(node), _Walk._below)
        if take is not None:
            take(self, node)

    def _below(self, node: ast.AST) -> None:
        for name in node._fields:
            value = getattr(node, name)
            if isinstance(value, list):
                for each in value:
                    if isinstance(each, ast.expr):
                        self._expression(each)
                    elif isinstance(each, ast.AST):
                        self._below(each)
            elif isinstance(value, ast.expr):
                self._expression(value)

    def _call(self, node: ast.Call) -> None:
        function = node.func
        if type(function) is ast.Attribute:
            self._expression(function.value)
        elif type(function) is not ast.Name:
            self._expression(function)
        elif function.id == "getattr":
            self._getattr(node)
        for argument in node.args:
            self._expression(argument)
        for keyword in node.keywords:
            self._expression(keyword.value)
        self._take(node)

    def _getattr(self, node: ast.Call) -> None:
        """getattr(x, "y") is x.y."""
        match node.args:
            case [base, ast.Constant(value=str() as attr), *_]:
                made = ast.copy_location(ast.Attribute(base, attr, ast.Load()), node)
                self._steps.append(Mention(made))

    def _name(self, node: ast.Name) -> None:
        if type(node.ctx) is ast.Load:
            self._steps.append(Mention(node))

    def _attribute(self, node: ast.Attribute) -> None:
        if type(node.ctx) is ast.Load:
            self._steps.append(Mention(node))
        self._expression(node.value)

    def _conditional(self, node: ast.IfExp) -> None:
        self._expression(node.test)
        body = self._inside(self._expression, node.body)
        orelse = self._inside(self._expression, node.orelse)
        self._steps.append(Branch(node.test, body, orelse, inside=node))

    def _either(self, node: ast.BoolOp) -> None:
        self._expression(node.values[0])
        if len(node.values) > OPERANDS:
            for value in node.values[1:]:
                self._expression(value)
            return
        rest: list[Step] = []
        for left, right in reversed(list(zip(node.values, node.values[1:], strict=False))):
            made = [*self._inside(self._expression, right), *rest]
            yes, no = (made, []) if isinstance(node.op, ast.And) else ([], made)
            rest = [Branch(left, yes, no, inside=node)]
        self._steps.extend(rest)

    def _formatted(self, node: ast.JoinedStr) -> None:
        """Number the parts by the first line, as interpreters do not agree on later ones."""
        for part in node.values:
            if isinstance(part, ast.Constant | ast.FormattedValue):
                part.lineno = node.lineno
        self._below(node)

    def _walrus(self, node: ast.NamedExpr) -> None:
        self._expression(node.value)
        self._bind(node.target, node.value, node.value)

    def _binary(self, node: ast.BinOp) -> None:
        self._expression(node.left)
        self._expression(node.right)

    def _comprehension(
        self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp
    ) -> None:
        for generator in node.generators:
            self._expression(generator.iter)
            for test in generator.ifs:
                self._expression(test)
        for name in ("elt", "key", "value"):
            if hasattr(node, name):
                self._expression(getattr(node, name))


_STATEMENTS: dict[type, Callable[[_Walk, Any], None]] = {
    ast.FunctionDef: _Walk._define,
    ast.AsyncFunctionDef: _Walk._define,
    ast.ClassDef: _Walk._class,
    ast.If: _Walk._if,
    ast.While: _Walk._while,
    ast.For: _Walk._for,
    ast.AsyncFor: _Walk._for,
    ast.Try: _Walk._try,
    ast.TryStar: _Walk._try,
    ast.With: _Walk._with,
    ast.AsyncWith: _Walk._with,
    ast.Match: _Walk._match,
    ast.Assign: _Walk._assign,
    ast.AnnAssign: _Walk._annotated,
    ast.AugAssign: _Walk._augmented,
    ast.Return: _Walk._jump,
    ast.Raise: _Walk._jump,
    ast.Continue: _Walk._jump,
    ast.Break: _Walk._jump,
    ast.Import: _Walk._import,
    ast.ImportFrom: _Walk._import,
    ast.Global: _Walk._declare,
    ast.Nonlocal: _Walk._declare,
}
_EXPRESSIONS: dict[type, Callable[[_Walk, Any], None] | None] = {
    ast.Constant: None,
    ast.Name: _Walk._name,
    ast.Attribute: _Walk._attribute,
    ast.Call: _Walk._call,
    ast.IfExp: _Walk._conditional,
    ast.BoolOp: _Walk._either,
    ast.NamedExpr: _Walk._walrus,
    ast.JoinedStr: _Walk._formatted,
    ast.BinOp: _Walk._binary,
    ast.ListComp: _Walk._comprehension,
    ast.SetComp: _Walk._comprehension,
    ast.GeneratorExp: _Walk._comprehension,
    ast.DictComp: _Walk._comprehension,
}
