"""How many bytes count towards the cap (R1)? One figure out of the many that were weighed.

Decides nothing: the cap itself is compared in the audit.
"""

from __future__ import annotations

from typing import assert_never

from verifier.policy import SizeRule, Weigh
from verifier.records import Weighing


def counted_bytes(weighing: Weighing, rule: SizeRule) -> int:
    """Bytes that count, by the rule's way of weighing (PROTOCOL §6).

    `as_ruled`: artifact, names, code packed by us, and a tokenizer that is not free. `tar`: the
    length of the canonical tar, in which names and folders cost what they carry.
    """
    match rule.weigh:
        case Weigh.AS_RULED:
            tokenizer = 0 if weighing.tokenizer_free else weighing.tokenizer_bytes
            return (
                weighing.artifact_bytes
                + weighing.name_bytes
                + weighing.code_packed_bytes
                + tokenizer
            )
        case Weigh.TAR:
            return weighing.tar_bytes
        case _:
            assert_never(rule.weigh)
