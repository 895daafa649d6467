"""What does a shipment weigh, every way it is counted (R1, PROTOCOL §6)?

Measures only: which figure counts and whether it is too large is for `size.counted_bytes` and the
audit. Must never take a size from the submission's own words.

How code is packed is the convention's: `verifier.source.packing`.
"""

from __future__ import annotations

from verifier.policy import SizeRule
from verifier.records import Weighing
from verifier.source.packing import packed_bytes
from verifier.submission.manifest import MANIFEST_NAME
from verifier.submission.shipment import Shipment


def weigh(shipment: Shipment, rule: SizeRule, *, seed: int) -> Weighing:
    """Weigh one frozen shipment, trained with `seed`. All sizes in bytes."""
    own = shipment.tokenizer
    return Weighing(
        seed=seed,
        artifact_digest=shipment.artifact_digest,
        shipment_digest=shipment.digest,
        artifact_bytes=sum(item.size for item in shipment.artifact),
        name_bytes=sum(len(name.encode()) for name in shipment.names),
        code_raw_bytes=sum(item.size for item in shipment.code),
        code_packed_bytes=sum(_packed(shipment, item.path) for item in shipment.code),
        tokenizer_bytes=own.size if own else 0,
        tokenizer_free=own is None or own.sha256 in rule.free_tokenizers,
        tar_bytes=shipment.tar_bytes,
        files=len(shipment.names),
        objections=shipment.objections,
    )


def _packed(shipment: Shipment, path: str) -> int:
    """What one file of code weighs; the manifest is no code, and nobody would pack it."""
    source = (shipment.folder / "code" / path).read_bytes()
    return len(source) if path == MANIFEST_NAME else packed_bytes(source)
