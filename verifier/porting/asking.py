"""How does the script get logits from its model? The body of `logits`, as text.

Where its evaluation calls a method that gives logits, that is called; where the model only gives
its loss, the method's own text is taken up to the loss.
"""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass

from verifier.porting.loading import Body
from verifier.porting.names import bound, needed, parameters
from verifier.porting.record import Evaluation, Found, Remark, Where
from verifier.source import Program
from verifier.source.functions import last_name

UNTIL_LOSS = "until_the_loss"
ADAPTED = "self.adapted"
_LOSSES = ("cross_entropy", "nll_loss")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """`body` of `logits(self, model, ids)`; `function` is what it calls beside the model's own."""

    body: Body
    function: Body | None = None


def logits_body(
    program: Program, found: Found, adapter: str, remarks: list[Remark]
) -> Asking | None:
    """How `logits` asks the model, None with a remark where that was not found.

    `adapter` is the parameter of the model's method that adapters go in by, "" for none.
    """
    evaluation = found.evaluation
    if evaluation is None:
        remarks.append(
            Remark(
                where=Where.SCORER,
                what="no evaluation that asks the model was found: write `logits`",
            )
        )
        return None
    node = evaluation.method.node
    assert not isinstance(node, ast.Module)
    given = parameters(node)[1:]
    loss = list(_losses(node))
    name = evaluation.method.name.rpartition(".")[2]
    if loss:
        return _without_loss(program, evaluation, given, loss, adapter, remarks)
    handed = [adapter] if adapter else []
    required = [each for each in given[1:] if each not in evaluation.method.defaults]
    if [each for each in required if each not in handed]:
        _say(program, evaluation, remarks, f"{name} wants more than ids: write `logits`")
        return None
    called = "model" if name == "forward" else f"model.{name}"
    more = f", {adapter}={ADAPTED}" if adapter else ""
    return Asking(body=_cast(evaluation, f"{called}(ids{more})"))


def _losses(node: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[ast.Return]:
    """The statements that return a loss."""
    for each in ast.walk(node):
        if isinstance(each, ast.Return) and each.value is not None and _loss_in(each.value):
            yield each


def _loss_in(value: ast.expr) -> ast.Call | None:
    return next(
        (
            each
            for each in ast.walk(value)
            if isinstance(each, ast.Call) and last_name(each.func) in _LOSSES and each.args
        ),
        None,
    )


def _without_loss(
    program: Program,
    evaluation: Evaluation,
    given: tuple[str, ...],
    loss: list[ast.Return],
    adapter: str,
    remarks: list[Remark],
) -> Asking | None:
    node = evaluation.method.node
    assert not isinstance(node, ast.Module)
    returns = [each for each in ast.walk(node) if isinstance(each, ast.Return)]
    targets = _targets(node, given[1:], loss)
    if len(returns) != len(loss) or any(_inner(node)):
        _say(program, evaluation, remarks, "the model returns more than its loss: write `logits`")
        return None
    kept = [each for each in given if each not in targets]
    required = [each for each in kept[1:] if each not in evaluation.method.defaults]
    if [each for each in required if each != adapter]:
        _say(program, evaluation, remarks, "the model wants more than ids: write `logits`")
        return None
    self_name = parameters(node)[0]
    rows = _rows_without(evaluation, targets, loss)
    signature = ", ".join(
        [self_name, kept[0], *(_with_default(evaluation, each) for each in kept[1:])]
    )
    head = f"def {UNTIL_LOSS}({signature}):"
    about = f'"""{evaluation.method.name} of train.py, up to its loss."""'
    text = "\n".join([head, textwrap.indent("\n".join([about, *rows]), "    ")])
    names = needed(each for each in node.body if not _feeds(each, targets)) - {
        *parameters(node),
        *(name for each in node.body for name in bound(each)),
    }
    more = f", {adapter}={ADAPTED}" if adapter else ""
    body = _cast(evaluation, f"{UNTIL_LOSS}(model, ids{more})")
    return Asking(body=body, function=Body(text=text, names=names))


def _inner(node: ast.AST) -> Iterator[ast.AST]:
    """Functions inside, whose returns are not the method's."""
    for each in ast.iter_child_nodes(node):
        for inside in ast.walk(each):
            if isinstance(inside, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
                yield inside


def _targets(
    node: ast.FunctionDef | ast.AsyncFunctionDef, given: tuple[str, ...], loss: list[ast.Return]
) -> frozenset[str]:
    """Parameters and names that only say what the right answer is."""
    asked: set[str] = set()
    for each in loss:
        call = _loss_in(each.value) if each.value is not None else None
        if call is not None and len(call.args) > 1:
            asked |= needed([call.args[1]])
    made = {
        name: needed([each.value])
        for each in ast.walk(node)
        if isinstance(each, ast.Assign)
        for name in bound(each)
    }
    found = {each for each in asked if each in given}
    for name in asked:
        sources = made.get(name, frozenset())
        if sources & set(given) and sources <= set(given):
            found |= {name, *(sources & set(given))}
    return frozenset(found)


def _feeds(statement: ast.stmt, targets: frozenset[str]) -> bool:
    """Whether a statement only makes what the right answer is."""
    return isinstance(statement, ast.Assign) and bool(bound(statement) & targets)


def _rows_without(
    evaluation: Evaluation, targets: frozenset[str], loss: list[ast.Return]
) -> list[str]:
    """The rows of the method's body, from logits on without the loss."""
    node, rows = evaluation.method.node, evaluation.method.unit.rows()
    first = node.body[0]
    docstring = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    begin = node.body[1 if docstring and len(node.body) > 1 else 0].lineno
    end = node.body[-1].end_lineno or begin
    replaced: dict[int, list[str]] = {}
    lost: set[int] = set()
    for each in ast.walk(node):
        if isinstance(each, ast.stmt) and _feeds(each, targets):
            lost.update(range(each.lineno, (each.end_lineno or each.lineno) + 1))
    for each in loss:
        call = _loss_in(each.value) if each.value is not None else None
        logits = ast.get_source_segment(evaluation.method.unit.text, call.args[0]) if call else None
        lost.update(range(each.lineno, (each.end_lineno or each.lineno) + 1))
        replaced[each.lineno] = [" " * each.col_offset + f"return {logits}"]
    made: list[str] = []
    for number in range(begin, end + 1):
        made += replaced.get(number, [])
        if number not in lost:
            made.append(rows[number - 1])
    return textwrap.dedent("\n".join(made)).split("\n")


def _with_default(evaluation: Evaluation, name: str) -> str:
    default = evaluation.method.defaults.get(name)
    return name if default is None else f"{name}={ast.unparse(default)}"


def _cast(evaluation: Evaluation, asked: str) -> Body:
    """The call under the evaluation's own autocast, on whichever device the ids are."""
    for each in _withs(evaluation):
        for item in each.items:
            call = item.context_expr
            if not isinstance(call, ast.Call) or last_name(call.func) != "autocast":
                continue
            if isinstance(call.func, ast.Name) and not call.args and not call.keywords:
                # The script's own, which says itself for which device.
                text = f"with {ast.unparse(call)}:\n    return {asked}"
                return Body(text=text, names=frozenset([call.func.id]))
            kinds = [one.value for one in call.keywords if one.arg == "dtype"]
            kind = f", dtype={ast.unparse(kinds[0])}" if kinds else ""
            head = f"with torch.autocast(ids.device.type{kind}):"
            return Body(text=f"{head}\n    return {asked}", names=frozenset(["torch"]))
    return Body(text=f"return {asked}", names=frozenset())


def _withs(evaluation: Evaluation) -> Iterator[ast.With]:
    for each in ast.walk(evaluation.at.node):
        if isinstance(each, ast.With) and any(inner is evaluation.asks for inner in ast.walk(each)):
            yield each


def _say(program: Program, evaluation: Evaluation, remarks: list[Remark], what: str) -> None:
    unit, line = evaluation.method.unit, evaluation.method.node.body[0].lineno - 1
    text = program.line(unit, line)
    remarks.append(Remark(where=Where.SCORER, what=what, line=line, text=text))
