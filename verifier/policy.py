"""What are the rules, exactly? Dated data, complete or refused.

A policy has no defaults: every key must stand in its file, and an unknown one is an error. A file
is never edited once a verdict cites its digest; a new rule is a new file (DESIGN law 7).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from verifier.records import Adaptation

Seconds = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(gt=0)]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Rules(BaseModel):
    """A group of keys: all required, none unknown, none changed afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Weigh(StrEnum):
    """What counts towards the cap (PROTOCOL §6)."""

    AS_RULED = "as_ruled"
    TAR = "tar"


class SeedRule(Rules):
    """R7: how many training seeds make a record, and who chooses them."""

    count: Count
    chosen_by: Literal["verifier", "submission"]


class DataRule(Rules):
    """R6: the held-out text. `manifest` pins it; null where only its counts are public."""

    name: str
    manifest: Digest | None
    documents: Count | None


class HardwareRule(Rules):
    """R2: what the limits are meant for. `gpus` 0: a CPU."""

    gpus: Annotated[int, Field(ge=0)]
    model: str
    threads: Count
    memory_bytes: Count


class TrainRule(Rules):
    """R2, R4: training."""

    limit_seconds: Seconds
    init_seconds: Seconds
    pack_seconds: Seconds
    sealed_start: Literal["allowed", "forbidden"]
    artifact_files: Count
    artifact_bytes: Count


class ScoreRule(Rules):
    """R2, R5: scoring. `limit_seconds` counts box-busy time."""

    limit_seconds: Seconds
    answer_seconds: Seconds
    start_seconds: Seconds
    adaptation: tuple[Adaptation, ...] = Field(strict=False)
    rows_at_most: Count
    chunk_at_most: Count


class SizeRule(Rules):
    """R1: `cap_bytes` over what `weigh` counts; `code_bytes` bounds readable source text."""

    cap_bytes: Count
    weigh: Weigh = Field(strict=False)
    code_bytes: Count
    free_tokenizers: tuple[Digest, ...] = Field(strict=False)


class ReplayRule(Rules):
    """PROTOCOL §4. `mode` all asks every position; sampled draws `draws` of them."""

    mode: Literal["all", "sampled"]
    draws: Annotated[int, Field(ge=0)]
    tau_nats: Annotated[float, Field(gt=0)]
    reference: Literal["bigram", "ledger"]
    slack_nats: Annotated[float, Field(gt=0)]
    alpha: Annotated[float, Field(gt=0, lt=1)]
    busy_multiple: Annotated[float, Field(gt=0)]
    decoys: Annotated[int, Field(ge=20)]
    chain_documents: Count
    chain_largest: Count
    chain_uniform: Count


class ClaimRule(Rules):
    """`claim` is broken only by a measured mean worse than claimed by more than this."""

    tolerance_bpb: Annotated[float, Field(ge=0)]


class RecordRule(Rules):
    """R7: by how much, and how surely, a record must beat the row before it."""

    margin_nats: Annotated[float, Field(ge=0)]
    p_value: Annotated[float, Field(gt=0, lt=1)]
    test: Literal["one-sided Welch"]


class IsolationRule(Rules):
    """R3: the weakest box a verdict may rest on, and whether the image must be pinned."""

    least_assurance: Literal["L0", "L1", "L2", "L3"]
    pinned_image: bool


class SecrecyRule(Rules):
    """R4, PROTOCOL §7: how much of one held-out document may be found in a box."""

    window_bytes: Count
    distinct_bytes: Count
    share_at_most: Annotated[float, Field(gt=0, lt=1)]


class AuditRule(Rules):
    """Which audits decide and which are only disclosed (PROTOCOL §8)."""

    required: tuple[str, ...] = Field(strict=False)
    disclosed: tuple[str, ...] = Field(strict=False)


class Policy(Rules):
    """One whole policy file."""

    format: Literal["policy/1"]
    name: str
    date: str = Field(pattern=r"^\d{4}-\d{2}-\d{2}$")
    title: str
    rehearsal: bool
    data: DataRule
    hardware: HardwareRule
    seeds: SeedRule
    train: TrainRule
    score: ScoreRule
    size: SizeRule
    replay: ReplayRule
    claim: ClaimRule
    record: RecordRule
    isolation: IsolationRule
    secrecy: SecrecyRule
    audits: dict[Literal["scorer/1", "script/1"], AuditRule]
