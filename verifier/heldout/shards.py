"""What stands in a shard of the competition's token format?

A header of 256 little-endian int32 (20240520, 1, count), then `count` uint16 token ids; BOS starts
each document. A shard is memory-mapped and checked whole before anything is read from it; it is
never repaired.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from verifier.errors import BadData

MAGIC = 20240520
VERSION = 1
HEADER_INTS = 256
HEADER_BYTES = 4 * HEADER_INTS
ID_BYTES = 2
BOS = 1

Ids = npt.NDArray[np.uint16]


def write(path: Path, ids: npt.NDArray[np.integer]) -> None:
    """Write one shard. Raises ValueError when an id does not fit sixteen bits."""
    if len(ids) and (int(ids.min()) < 0 or int(ids.max()) > np.iinfo(np.uint16).max):
        raise ValueError("a shard holds ids from 0 to 65535")
    header = np.zeros(HEADER_INTS, "<i4")
    header[:3] = MAGIC, VERSION, len(ids)
    with path.open("wb") as file:
        file.write(header.tobytes())
        file.write(np.ascontiguousarray(ids, "<u2").tobytes())


def read(path: Path, vocabulary: int) -> Ids:
    """The ids of one shard, memory-mapped: uint16 [count].

    Raises BadData, with the byte offset, when the file is shorter than its header, has another
    magic number or version, has more or fewer ids than the header says, or holds an id that is
    not below `vocabulary`.
    """
    try:
        size = path.stat().st_size
        if size < HEADER_BYTES:
            raise BadData(
                f"the file ends inside the header of {HEADER_BYTES} bytes", file=path, place=size
            )
        header = np.fromfile(path, "<i4", HEADER_INTS)
    except OSError as fault:
        raise BadData(f"cannot be read: {fault.strerror}", file=path) from fault
    count = _checked_count(path, header, size)
    if count == 0:
        return np.zeros(0, np.uint16)
    ids: Ids = np.memmap(path, "<u2", "r", HEADER_BYTES, (count,))
    if int(ids.max()) >= vocabulary:
        first = int(np.argmax(ids >= vocabulary))
        raise BadData(
            f"token id {int(ids[first])} is not below the vocabulary of {vocabulary}",
            file=path,
            place=HEADER_BYTES + ID_BYTES * first,
            remedy="give the tokenizer that the shard was made with",
        )
    return ids


def _checked_count(path: Path, header: npt.NDArray[np.int32], size: int) -> int:
    if int(header[0]) != MAGIC:
        raise BadData(f"magic number {int(header[0])}, not {MAGIC}", file=path, place=0)
    if int(header[1]) != VERSION:
        raise BadData(f"format version {int(header[1])}, not {VERSION}", file=path, place=4)
    count = int(header[2])
    if count < 0:
        raise BadData(f"a negative count of ids, {count}", file=path, place=8)
    wanted = HEADER_BYTES + ID_BYTES * count
    if size < wanted:
        raise BadData(f"the header counts {count} ids, but the file ends", file=path, place=size)
    if size > wanted:
        raise BadData(
            f"{size - wanted} bytes follow the {count} ids counted by the header",
            file=path,
            place=wanted,
        )
    return count


def read_stream(paths: Iterable[Path], vocabulary: int, bos: int) -> Ids:
    """The shards' ids as one stream, in the order of `paths`; it must begin with `bos`.

    A single shard stays memory-mapped. A document may run on from one shard into the next.
    Raises BadData as `read` does, and when there is no shard or the first id is not BOS.
    """
    files = list(paths)
    parts = [read(path, vocabulary) for path in files]
    filled = [(path, part) for path, part in zip(files, parts, strict=True) if len(part)]
    if not filled:
        raise BadData("no token ids at all", file=files[0] if files else "shards")
    path, first = filled[0]
    if int(first[0]) != bos:
        raise BadData(
            f"the first id is {int(first[0])}, not BOS ({bos})", file=path, place=HEADER_BYTES
        )
    return filled[0][1] if len(filled) == 1 else np.concatenate([part for _, part in filled])
