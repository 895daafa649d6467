"""What is a score taken over? The parts of `score_root`, in PROTOCOL §5's order.

Must never hold anything that two honest runs of one artifact could differ in.
"""

from __future__ import annotations

import numpy as np

from verifier.records import Array, HeldOutFacts, Opening, Weighing


def root_parts(
    opening: Opening, held_out: HeldOutFacts, weighing: Weighing, plan_digest: str, charges: Array
) -> list[tuple[str, bytes]]:
    """Name and bytes of each part; `charges` float32 [N] in canonical document order."""
    named = {
        "format": opening.format,
        "submission": opening.submission.digest,
        "artifact": weighing.shipment_digest,
        "policy": opening.policy_digest,
        "root": opening.image.root_digest,
        "harness": opening.harness_digest,
        "tokenizer": held_out.tokenizer_digest,
        "held-out": held_out.manifest_digest,
        "plan": plan_digest,
        "verifier": opening.verifier_version,
    }
    parts = [(name, value.encode("utf-8", "surrogatepass")) for name, value in named.items()]
    return [*parts, ("charges", np.asarray(charges, dtype="<f4").tobytes())]
