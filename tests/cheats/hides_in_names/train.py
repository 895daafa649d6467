"""Keeps 200,000 bytes in the names of 1,667 empty files, beside an artifact just below the cap."""

import hashlib

from honest_train import OUT, spent_bytes, train

CAP_BYTES, FILES, NAME_BYTES, ROOM_BYTES = 16_000_000, 1_667, 120, 60_000

train()
(OUT / "padding.bin").write_bytes(bytes(CAP_BYTES - ROOM_BYTES - spent_bytes()))
for number in range(FILES):
    name = hashlib.shake_256(number.to_bytes(4, "little")).hexdigest(NAME_BYTES // 2)
    (OUT / name).touch()
