"""What is the number? Exact sums of charges, and bits per byte of them. (DESIGN §4, PROTOCOL §5)

Bits per byte is Σ charges / (ln 2 · bytes of the documents): what an ideal coder would need, in a
unit that no choice of tokenizer can move. Every float32 is an integer times 2⁻¹⁴⁹, so the sum is
taken in integers: the same for any order, batch, shard or thread count, and rounded once, at the
end. Must never round before that, nor let a charge pass that is not a finite number ≥ +0.
"""

from __future__ import annotations

import decimal
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from verifier.errors import BadData

BLOCK = 1 << 14
DIGITS = 60

_EXPONENTS = 255
_FIRST_REFUSED = np.uint32(_EXPONENTS << 23)
_MANTISSA = np.uint32((1 << 23) - 1)
_UNIT_BITS = 149

# A bin holds at most BLOCK mantissas below 2²⁴ in a float64, which counts exactly up to 2⁵³.
assert BLOCK <= 1 << 29

Charges = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class ExactSum:
    """A sum of charges: `units` times 2⁻¹⁴⁹ nats over `count` targets. Adding two merges shards."""

    units: int = 0
    count: int = 0

    def __add__(self, other: ExactSum) -> ExactSum:
        return ExactSum(self.units + other.units, self.count + other.count)


def exact_sum(*shards: Charges) -> ExactSum:
    """The sum of any number of float32 arrays of charges (nats); memory maps are streamed.

    Raises BadData naming the index (over all shards) of the first charge that is NaN, infinite,
    negative or −0, and for an array that is not float32.
    """
    total = ExactSum()
    for shard in shards:
        if shard.dtype != np.float32:
            raise BadData(f"charges must be float32, these are {shard.dtype}", file="charges")
        flat = shard.ravel()
        for start in range(0, len(flat), BLOCK):
            total += _block_sum(flat[start : start + BLOCK], total.count)
    return total


def nats(total: ExactSum) -> float:
    """The sum in nats, rounded once to the nearest float64."""
    return total.units / (1 << _UNIT_BITS)


def bits_per_byte(total: ExactSum, document_bytes: int) -> float:
    """Σ / (ln 2 · bytes), in 60 decimal digits, rounded once to float64.

    Raises BadData when there is no byte to divide by, or when nothing was charged: no charges at
    all would be the best number there is.
    """
    if total.count == 0:
        raise BadData("no target was charged", file="charges")
    if document_bytes <= 0:
        raise BadData(f"{document_bytes} bytes of documents to divide by", file="documents")
    with decimal.localcontext(decimal.Context(prec=DIGITS)):
        whole = decimal.Decimal(total.units) / decimal.Decimal(1 << _UNIT_BITS)
        return float(whole / (decimal.Decimal(2).ln() * document_bytes))


def document_nats(charges: Charges, target_counts: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Nats per document, float64 [D], for pictures only: these sums are ordinary floats."""
    ends = np.cumsum(target_counts)
    running = np.concatenate(([0.0], np.cumsum(charges, dtype=np.float64)))
    nats_of: npt.NDArray[np.float64] = running[ends] - running[ends - target_counts]
    return nats_of


def _block_sum(block: Charges, first: int) -> ExactSum:
    """One bin per exponent; `first` is the index of the block's first charge."""
    bits = np.ascontiguousarray(block).view(np.uint32)
    # the sign is the highest bit and the exponent comes next: one comparison refuses both
    if bits.max() >= _FIRST_REFUSED:
        at = int(np.argmax(bits >= _FIRST_REFUSED))
        raise BadData(f"{block[at]} is not a charge", file="charges", place=f"target {first + at}")
    exponents = (bits >> np.uint32(23)).astype(np.intp)
    counts = np.bincount(exponents)
    bins = np.bincount(exponents, weights=bits & _MANTISSA)
    units = int(bins[0])
    for exponent in np.flatnonzero(counts[1:]).tolist():
        hidden = int(counts[exponent + 1]) << 23
        units += (int(bins[exponent + 1]) + hidden) << exponent
    return ExactSum(units, len(block))
