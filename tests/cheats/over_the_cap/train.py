"""Leaves an artifact one byte larger than is allowed."""

from honest_train import OUT, spent_bytes, train

CAP_BYTES = 16_000_000

train()
(OUT / "padding.bin").write_bytes(bytes(CAP_BYTES + 1 - spent_bytes()))
