"""What did the recorder inside the box note? Read here, and believed by nobody.

The notes were written beside a hostile script: their shape is checked, their size bounded, and
every conclusion is anchored in what the script printed or in a comparison between runs.
"""

from __future__ import annotations

import io
import json
import math
import struct
import tokenize
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from verifier.shadow.left import read_regular

TOKENS = 20_000_000
LINES = 20_000
FILES = 2_000
LARGEST = 1 << 62
_ARRAYS = ("position", "cost", "block", "step", "gradient", "source")
_NUMBERS = frozenset({"|b1", "|i1", "<i4", "<i8", "<f4", "<f8"})
_NO_NOTES = (
    *(OSError, ValueError, LookupError, TypeError, OverflowError, EOFError, RecursionError),
    *(zipfile.BadZipFile, struct.error, tokenize.TokenError, NotImplementedError),
)
"""What readers of archives, arrays and JSON raise for bytes that are none of ours."""
_NOTES_BYTES = 600_000_000
_TEXT_BYTES = 16_000_000
_ENCRYPTED = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A printed line about a loss: after `block` blocks of scores and `step` optimiser steps."""

    text: str
    block: int
    step: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A file that was opened: its path in the box, the mode, after how many steps and blocks."""

    path: str
    mode: str
    step: int
    block: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Notes:
    """One process's notes, in order.

    Per token scored: `position` [n] in the stream, −1 where it was not recognised; `cost` [n] in
    nats; `block` [n], non-decreasing. Per block [b]: optimiser steps before it, whether a gradient
    was recorded, and whether its tokens are the training side's. `late_training` says how often
    training tokens were used after the last optimiser step.
    """

    position: npt.NDArray[np.int64]
    cost: npt.NDArray[np.float64]
    block: npt.NDArray[np.int64]
    step: npt.NDArray[np.int64]
    gradient: npt.NDArray[np.bool_]
    training: npt.NDArray[np.bool_]
    lines: tuple[Line, ...]
    files: tuple[Opened, ...]
    refused: tuple[str, ...]
    newer: int
    late_training: int
    cut: bool


def read_notes(folder: Path, length: int) -> Notes | None:
    """The first process's notes in `folder`, for a stream of `length` tokens.

    None where there are none, or where they are no notes: a script that spoils them tells nothing.
    """
    try:
        arrays = _arrays(read_regular(folder, "rank0.npz", _NOTES_BYTES))
        said = json.loads(read_regular(folder, "rank0.json", _TEXT_BYTES))
        if not isinstance(said, dict):
            return None
        return _checked(arrays, said, length)
    except _NO_NOTES:
        return None


def _arrays(content: bytes) -> dict[str, npt.NDArray[Any]]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        if sum(entry.file_size for entry in archive.infolist()) > _NOTES_BYTES:
            raise ValueError("the notes are larger than notes are")
        return {name: _array(archive, f"{name}.npy") for name in _ARRAYS}


def _array(archive: zipfile.ZipFile, name: str) -> npt.NDArray[Any]:
    """One list of numbers, stored as it is: what its header says makes no room for more."""
    entry = archive.getinfo(name)
    if entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits & _ENCRYPTED:
        raise ValueError("the notes are packed as no recorder packs them")
    with archive.open(entry) as member:
        if np.lib.format.read_magic(member) != (1, 0):
            raise ValueError("the notes are in another form")
        shape, _, dtype = np.lib.format.read_array_header_1_0(member)
        content = member.read()
    if dtype.str not in _NUMBERS or len(content) != math.prod(shape) * dtype.itemsize:
        raise ValueError("the notes are no numbers")
    if dtype.kind == "b":
        # A byte that is neither 0 nor 1 is no truth that arrays can hold.
        truths: npt.NDArray[np.bool_] = np.frombuffer(content, np.uint8) != 0
        return truths.reshape(shape)
    return np.frombuffer(content, dtype).reshape(shape)


def _number(said: Any) -> int:
    """A number of steps or blocks. Raises ValueError for one that no array could hold."""
    number = int(said)
    if not 0 <= number < LARGEST:
        raise ValueError("the notes count what cannot be counted")
    return number


def _checked(arrays: Mapping[str, npt.NDArray[Any]], said: Mapping[str, Any], length: int) -> Notes:
    if any(arrays[name].dtype.kind != "i" for name in ("position", "block", "step", "source")):
        raise ValueError("the notes have numbers where they count")
    position = arrays["position"].astype(np.int64)
    cost = arrays["cost"].astype(np.float64)
    block = arrays["block"].astype(np.int64)
    step, gradient = arrays["step"].astype(np.int64), arrays["gradient"].astype(np.bool_)
    training = arrays["source"].astype(np.int64) == 1
    flat = all(array.ndim == 1 for array in (position, cost, block, step, gradient, training))
    if not flat or not len(position) == len(cost) == len(block) <= TOKENS:
        raise ValueError("the notes do not fit together")
    if not len(step) == len(gradient) == len(training):
        raise ValueError("the notes do not fit together")
    if len(block) and not (
        int(block[0]) >= 0 and int(block[-1]) < len(step) and bool((np.diff(block) >= 0).all())
    ):
        raise ValueError("the blocks of the notes are in no order")
    heldout = position[~training[block]]
    if len(heldout) and not -1 <= int(heldout.min()) <= int(heldout.max()) < length:
        raise ValueError("the notes name places outside the stream")
    return Notes(
        position=position,
        cost=cost,
        block=block,
        step=step,
        gradient=gradient,
        training=training,
        lines=tuple(
            Line(
                text=str(each["text"])[:2_000],
                block=_number(each["block"]),
                step=_number(each["step"]),
            )
            for each in said["lines"][:LINES]
        ),
        files=tuple(
            Opened(
                path=str(each["path"])[:500],
                mode=str(each["mode"])[:8],
                step=_number(each["step"]),
                block=_number(each["block"]),
            )
            for each in said["files"][:FILES]
        ),
        refused=tuple(str(each)[:200] for each in said["refused"][:100]),
        newer=len(said.get("newer", ())),
        late_training=len(said.get("train_reads_after", ())),
        cut=bool(said.get("cut", False)),
    )
