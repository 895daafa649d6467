"""Which positions? Seeds, draws and borders out of a nonce. (PROTOCOL §4.6, §8)

Positions come from SHAKE-256 over nonce and score root, through exact integer sums: everyone draws
the same. Must never favour a position, nor use a random generator whose stream may change.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from verifier.errors import BadData

BLOCK = 1 << 20

_UNITS_PER_NAT = 1 << 16
_LARGEST_SUM = 1 << 62

Floats = npt.NDArray[np.float32] | npt.NDArray[np.float64]
Doubles = npt.NDArray[np.float64]
Positions = npt.NDArray[np.int64]


def chosen_seeds(nonce: bytes, count: int) -> tuple[int, ...]:
    """`count` different training seeds of 31 bits: SHAKE-256("seed" ‖ nonce ‖ i) (PROTOCOL §8)."""
    seeds: dict[int, None] = {}
    i = 0
    while len(seeds) < count:
        digest = hashlib.shake_256(b"seed" + nonce + i.to_bytes(8, "little")).digest(4)
        seeds.setdefault(int.from_bytes(digest, "little") >> 1)
        i += 1
    return tuple(seeds)


def weights(charges: Floats, reference: Floats, slack_nats: float) -> Positions:
    """w_t = ⌊2¹⁶ u_t⌋, int64 [N], with u_t = max(0, r_t + c − x_t) nats.

    Raises BadData when a charge or reference is not finite, or too large for exact sums.
    """
    found = np.empty(len(charges), dtype=np.int64)
    for block, room in rooms(charges, reference, slack_nats):
        found[block] = units(room)
    return found


def draw(nonce: bytes, score_root: str, weights: Positions, count: int) -> Positions:
    """`count` i.i.d. positions, int64 [m] in drawing order.

    By a fair coin for each, uniform over all targets or in proportion to `weights` (all uniform
    when those are all 0). Integers below n are words of the stream, rejected above the last
    multiple of n, so that no position is favoured. Raises BadData when there is nothing to draw.
    """
    if not len(weights):
        raise BadData("no target to draw from", file="charges")
    total = int(weights.sum())
    found = np.empty(count, dtype=np.int64)
    weighted = (_words(b"coin", nonce, score_root, 0, count) & np.uint64(1)).astype(bool)
    weighted &= total > 0
    some = int(np.count_nonzero(weighted))
    found[~weighted] = _below(b"uniform", nonce, score_root, len(weights), count - some)
    if total > 0:
        points = _below(b"weighted", nonce, score_root, total, some)
        found[weighted] = np.searchsorted(np.cumsum(weights), points, side="right")
    return found


def borders(
    nonce: bytes, score_root: str, target_counts: npt.NDArray[Any], chunk: int, count: int
) -> Positions:
    """Up to `count` different positions at most one away from a chunk's start or a document's end.

    int64, ascending; all of them where there are no more. They can refute a submission; they do
    not enter the estimate.
    """
    near = np.zeros(int(np.sum(target_counts)), dtype=bool)
    first = 0
    for targets in target_counts.tolist():
        end = first + targets
        near[first:end:chunk] = near[first + 1 : end : chunk] = True
        near[first + chunk - 1 : end : chunk] = near[max(first, end - 2) : end] = True
        first = end
    candidates = np.flatnonzero(near)
    ranks = _words(b"borders", nonce, score_root, 0, len(candidates))
    return np.sort(candidates[np.argsort(ranks, kind="stable")[:count]])


def _words(label: bytes, nonce: bytes, score_root: str, turn: int, count: int) -> Any:
    """`count` little-endian words of 64 bits, uint64 [count], of one labelled stream."""
    head = b"".join(
        len(part).to_bytes(8, "little") + part for part in (label, nonce, score_root.encode())
    )
    stream = hashlib.shake_256(head + turn.to_bytes(8, "little")).digest(8 * count)
    return np.frombuffer(stream, dtype="<u8")


def _below(label: bytes, nonce: bytes, score_root: str, bound: int, count: int) -> Positions:
    """`count` integers, each uniform in [0, bound)."""
    found = np.empty(count, dtype=np.int64)
    open_places = np.arange(count)
    last = np.uint64((1 << 64) - 1 - (1 << 64) % bound)
    turn = 0
    while len(open_places):
        words = _words(label, nonce, score_root, turn, len(open_places))
        accepted = words <= last
        found[open_places[accepted]] = words[accepted] % np.uint64(bound)
        open_places = open_places[~accepted]
        turn += 1
    return found


def rooms(charges: Floats, reference: Floats, slack_nats: float) -> Iterator[tuple[slice, Doubles]]:
    """u_t = max(0, r_t + c − x_t), how far a charge lies below the reference, block by block.

    Raises BadData when a charge or reference is not finite, or too large for exact sums.
    """
    if len(charges) != len(reference):
        raise BadData(f"{len(reference)} references for {len(charges)} charges", file="reference")
    for start in range(0, len(charges), BLOCK):
        block = slice(start, start + BLOCK)
        x, r = (values[block].astype(np.float64) for values in (charges, reference))
        with np.errstate(invalid="ignore"):
            below = r + slack_nats - x
        room: Doubles = np.maximum(0.0, below)
        usable = np.isfinite(below) & (room * _UNITS_PER_NAT * len(charges) < _LARGEST_SUM)
        if not usable.all():
            at = start + int(np.argmin(usable))
            raise BadData(
                f"charge {charges[at]} with reference {reference[at]} cannot be weighed",
                file="charges",
                place=f"target {at}",
            )
        yield block, room


def units(room: Doubles) -> Positions:
    """w = ⌊2¹⁶ u⌋ of each room u in nats."""
    whole: Positions = np.floor(room * _UNITS_PER_NAT).astype(np.int64)
    return whole
