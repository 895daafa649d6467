"""What differs from round to round: the key, the documents, and which of them share a batch.

Everything follows from a submission's name and a round's number, so that a round that went wrong
can be run again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.cheats.running import cheats_policy
from verifier import signature
from verifier.policy import PolicyFile
from verifier.scoring.plan import EMPTY, Batch, shuffled

UNHURRIED: Mapping[str, str] = {
    # No member is about time, and the processors may have neighbours.
    "limit_seconds: 300": "limit_seconds: 3000",
    "pack_seconds: 60": "pack_seconds: 600",
    "init_seconds: 60": "init_seconds: 600",
    "answer_seconds: 60": "answer_seconds: 600",
    "start_seconds: 120": "start_seconds: 1200",
}
RULES: Mapping[str, str] = {
    "name: cheats": "name: zoo",
    # A nonce only matters where it draws.
    "mode: all": "mode: sampled",
    "draws: 0": "draws: 60",
    # Trained once: the seed is the first run's, not the one that a round's nonce would choose.
    "chosen_by: verifier": "chosen_by: submission",
    # A few documents have another number than all of them.
    "tolerance_bpb: 0.02": "tolerance_bpb: 8.0",
    **UNHURRIED,
}


def rounds_policy(changes: Mapping[str, str]) -> PolicyFile:
    """The rules of a round: the embedded default's with `RULES` and a member's `changes`."""
    return cheats_policy({**RULES, **changes})


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a round does before anything is known. `documents` are places in the whole data.

    `batches` name documents by their place in `documents`.
    """

    number: int
    key: signature.Key
    documents: tuple[int, ...]
    batches: tuple[Batch, ...]


def key_of(seed: bytes) -> signature.Key:
    """A key that `seed` alone decides, so that a round can be run again."""
    private = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(seed).digest())
    return signature.Key(private, private.public_key().public_bytes_raw().hex())


def planned(name: str, number: int, available: int, documents: int, rows: int) -> Plan:
    """Round `number` of the submission `name`: which documents of `available`, and their batches.

    `documents` of them go in groups of any size, whatever their length, each group into any of the
    `rows` rows of a batch.
    """
    seed = f"golf-verifier/zoo/{name}/{number}".encode()
    chosen = shuffled(seed + b"/documents", range(available))[:documents]
    waiting = list(range(len(chosen)))
    batches = []
    while waiting:
        place = seed + b"/batch/" + bytes([len(batches)])
        size = 1 + hashlib.sha256(place).digest()[0] % min(len(waiting), rows)
        group, waiting = waiting[:size], waiting[size:]
        group += [EMPTY] * (rows - len(group))
        batches.append(Batch(tuple(shuffled(place + b"/rows", group))))
    return Plan(number=number, key=key_of(seed), documents=tuple(chosen), batches=tuple(batches))
