"""Keeps bytes in the targets of links that lead nowhere."""

import hashlib

from honest_train import OUT, train

LINKS, TARGET_BYTES = 50, 2_000

train()
for number in range(LINKS):
    target = hashlib.shake_256(number.to_bytes(4, "little")).hexdigest(TARGET_BYTES // 2)
    (OUT / f"link-{number}").symlink_to(target)
