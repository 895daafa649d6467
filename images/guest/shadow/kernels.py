"""Triton kernels on a CPU: its interpreter, in float32 where a kernel has bfloat16.

The interpreter keeps bfloat16 as raw bits and calculates with those, so each tensor of that type
is handed over as float32 and rounded again when the kernel is through.
"""

from __future__ import annotations

import os
from typing import Any

os.environ["TRITON_INTERPRET"] = "1"

import torch


def _storage(tensor: torch.Tensor) -> torch.Tensor:
    """All that a tensor's storage holds, flat, as the tensor's type."""
    flat = tensor.new_empty(0)
    size = tensor.untyped_storage().nbytes() // tensor.element_size()
    return flat.set_(tensor.untyped_storage(), 0, (size,), (1,))


class Wide:
    """The arguments of one launch, bfloat16 widened; one copy a storage."""

    def __init__(self, interpreter: Any) -> None:
        self.interpreter = interpreter
        self.copies: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}

    def given(self, argument: Any) -> Any:
        """An argument as the kernel gets it."""
        if isinstance(argument, tuple):
            made = map(self.given, argument)
            return type(argument)(*made) if hasattr(argument, "_fields") else tuple(made)
        if isinstance(argument, self.interpreter.TensorDescriptor):
            fields = {**vars(argument), "base": self.given(argument.base)}
            made = object.__new__(type(argument))
            made.__dict__.update(fields)
            return made
        if not isinstance(argument, torch.Tensor) or argument.dtype != torch.bfloat16:
            return argument
        at = argument.untyped_storage().data_ptr()
        if at not in self.copies:
            whole = _storage(argument.detach())
            self.copies[at] = (whole, whole.float())
        return self.copies[at][1].as_strided(
            argument.size(), argument.stride(), argument.storage_offset()
        )

    def back(self) -> None:
        """What the kernel wrote, rounded, in its place."""
        for narrow, wide in self.copies.values():
            narrow.copy_(wide)


def install() -> None:
    """Have every kernel interpreted; silent where Triton is not installed."""
    try:
        from triton import language
        from triton.runtime import interpreter
    except ImportError:
        return
    _calculate_in_float32(interpreter, language)
    launch = interpreter.GridExecutor.__call__

    def widened(self: Any, *args: Any, **keywords: Any) -> Any:
        with torch.no_grad(), torch._C.DisableTorchFunction():
            wide = Wide(interpreter)
            made = launch(
                self,
                *(wide.given(each) for each in args),
                **{name: wide.given(each) for name, each in keywords.items()},
            )
            wide.back()
        return made

    interpreter.GridExecutor.__call__ = widened


def _calculate_in_float32(interpreter: Any, language: Any) -> None:
    """What a kernel casts to bfloat16 stays float32 until it is written."""
    import numpy as np

    types, cast = interpreter._get_np_dtype, interpreter.InterpreterBuilder.cast_impl
    pair = {language.bfloat16, language.float32}

    def numpy_type(of: Any) -> Any:
        if of.scalar == language.bfloat16 and not of.scalar.is_ptr():
            return np.dtype(np.float32)
        return types(of)

    def between(self: Any, source: Any, to: Any, *_: Any) -> Any:
        if {source.dtype.scalar, to.scalar} <= pair:
            return interpreter.TensorHandle(source.data.astype(np.float32), language.float32)
        return cast(self, source, to)

    checked = interpreter.TensorHandle.__post_init__

    def named(self: Any) -> None:
        if self.dtype == language.bfloat16:
            self.dtype = language.float32
        checked(self)

    interpreter.TensorHandle.__post_init__ = named
    interpreter._get_np_dtype = numpy_type
    builder = interpreter.InterpreterBuilder
    builder.cast_impl = between
    exact = builder.create_fp_to_fp

    def rounded(self: Any, source: Any, to: Any, mode: Any) -> Any:
        if language.bfloat16 in (source.dtype.scalar, to.scalar):
            return between(self, source, to)
        return exact(self, source, to, mode)

    builder.create_fp_to_fp = rounded
