"""What do names of functions say of what they do to a value? Data, no behaviour.

Names of libraries only: what a script calls its own things is never asked.
"""

from __future__ import annotations

import ast
import re

MODULES = frozenset(("np", "numpy", "torch", "jnp", "jax", "cp", "F", "math", "mx"))
LOGARITHMS = frozenset(("log", "log2", "log10", "log1p", "logaddexp", "logsumexp"))
LOOKUPS = frozenset(("take", "gather", "index_select", "get", "take_along_axis", "take_along_dim"))
PICKS = frozenset(("gather", "take_along_axis", "take_along_dim"))
DIVISIONS = frozenset(("divide", "div", "true_divide", "div_"))
HISTOGRAMS = frozenset(("scatter_add_", "scatter_add", "index_add_", "bincount", "at"))
REDUCTIONS = frozenset(("sum", "any", "all", "mean", "nonzero", "len", "numel", "size"))
STACKS = frozenset(("stack", "cat", "concatenate", "hstack", "vstack", "column_stack"))
BLANKS = frozenset(("zeros", "zeros_like", "full", "full_like", "empty"))
CHOICES = frozenset(("where", "minimum", "maximum", "min", "max", "fmin", "fmax"))
LOSSES = frozenset(("cross_entropy", "nll_loss"))
ADDS = frozenset(("append", "extend", "add", "appendleft"))
RANGES = frozenset(("arange", "range"))
XORS = frozenset(("bitwise_xor", "bitwise_xor_"))
CUTS = frozenset(("bitwise_and", "remainder", "fmod"))
KEYS = frozenset(("tuple", "tobytes", "bytes"))

SHAPES = (
    frozenset(("reshape", "view", "unsqueeze", "squeeze", "expand", "flatten", "ravel"))
    | frozenset(("to", "float", "double", "long", "int", "int64", "uint64", "type", "astype"))
    | frozenset(("cpu", "cuda", "numpy", "tensor", "as_tensor", "from_numpy", "tolist", "item"))
    | frozenset(("array", "asarray", "ascontiguousarray", "contiguous", "copy", "detach"))
    | frozenset(("clamp", "clamp_", "clip", "abs"))
)
"""Calls that give back what they were given, in another shape, place or type."""

MIXES = (ast.BitXor, ast.BitOr, ast.Add, ast.Sub)
KEEPS = (ast.Mult, ast.LShift, ast.RShift, ast.FloorDiv)
EVERY_TOKEN = re.compile(r"\bV\b|vocab|size\(-1\)|shape\[-1\]", re.IGNORECASE)
"""The argument of a range over the vocabulary."""
