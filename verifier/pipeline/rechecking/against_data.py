"""Are tokens, bytes and boundaries those of the held-out text? Counted again from the text itself.

Must never load a submission's own tokenizer in this process: of such a one only the documents'
bytes are compared.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, cast

import numpy as np

from verifier import heldout, store
from verifier.errors import RequestError
from verifier.heldout import HeldOut
from verifier.heldout.data import Kind
from verifier.pipeline.rechecking.arithmetic import Finished
from verifier.pipeline.rechecking.findings import Depth, Forged, Looked
from verifier.records import Evidence, HeldOutFacts
from verifier.scoring.passing import Targets
from verifier.scoring.reference import bigram_charges
from verifier.watch import Watch

REFERENCE_NATS = 1e-4
WORDS = ("data", "bytes")
_ARRAYS = ("target_counts", "byte_counts")


def open_data(evidence: Evidence, folder: Path | None, watch: Watch) -> HeldOut:
    """The data set of `folder`, or the embedded default where the ledger names that.

    As many documents of it as the run had. Raises RequestError where it is not the ledger's.
    """
    facts = evidence.held_out
    if folder is not None:
        whole = heldout.open_imported(folder)
    elif facts.name == heldout.EMBEDDED_NAME:
        whole = heldout.build(store.root(), watch)
    else:
        raise RequestError(
            f"this verdict is on '{ascii(facts.name)[1:-1][:60]}', which does not come with the"
            " verifier",
            remedy="import it with `verifier data import` and pass its folder with --data",
        )
    count = len(facts.target_counts)
    held_out = whole.subset(count) if 0 < count <= len(whole.documents) else whole
    if held_out.manifest_digest != facts.manifest_digest:
        raise RequestError(
            f"these are not the documents of the ledger: manifest {held_out.manifest_digest[:12]},"
            f" the ledger's is {ascii(facts.manifest_digest)[1:-1][:12]}",
            remedy="name the folder of the data that the run was scored on",
        )
    return held_out


def against_data(found: Finished, held_out: HeldOut) -> Looked:
    """Compare what the ledger counted with what is there. Raises Forged."""
    facts = found.evidence.held_out
    unproven = ["that the run took place", "that the charges are this artifact's (--rescore N)"]
    if facts.tokenizer in WORDS:
        proved = [_tokens(facts, held_out), *_references(found, held_out)]
    else:
        proved = [_bytes(facts, held_out)]
        unproven.append("the ids of the submission's own tokenizer: they are asked in a box")
    return Looked(depth=Depth.DATA, proved=tuple(proved), unproven=tuple(unproven))


def _tokens(facts: HeldOutFacts, held_out: HeldOut) -> str:
    made = held_out.tokens(cast(Kind, facts.tokenizer))
    again = held_out.facts(made)
    for field in dataclasses.fields(HeldOutFacts):
        said, counted = getattr(facts, field.name), getattr(again, field.name)
        if not _same(said, counted):
            raise Forged(f"held-out data: the ledger's {field.name} is not what is counted here")
    return (
        f"tokens: {facts.targets:,} targets of {len(facts.target_counts):,} documents, their ids,"
        f" boundaries and {facts.document_bytes:,} bytes are those of {facts.name}"
    )


def _bytes(facts: HeldOutFacts, held_out: HeldOut) -> str:
    lengths = np.array([len(document) for document in held_out.documents], np.int32)
    if not np.array_equal(lengths, facts.byte_counts) or facts.document_bytes != lengths.sum():
        raise Forged("held-out data: the ledger's byte_counts is not what is counted here")
    return f"bytes: {facts.document_bytes:,} of {len(lengths):,} documents are {facts.name}'s"


def _references(found: Finished, held_out: HeldOut) -> list[str]:
    """The public reference's charges, which decide where replay looked hardest."""
    kind = cast(Kind, found.evidence.held_out.tokenizer)
    made = held_out.tokens(kind)
    scored = [seed.scoring for seed in found.evidence.seeds if seed.scoring is not None]
    if not scored:
        return []
    again = bigram_charges(
        Targets(made.ids, made.offsets), held_out.training_ids(kind), made.vocabulary, made.end
    )
    for each in scored:
        apart = np.abs(each.reference.astype(np.float64) - again)
        if not (apart <= REFERENCE_NATS).all():
            raise Forged(f"seed {each.seed}: the reference charges are not the bigram's")
    return ["reference: its charges are those of the training side's bigram"]


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, np.ndarray):
        return bool(np.array_equal(one, other))
    return bool(one == other)
