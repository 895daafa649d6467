"""Which keys does a policy file have, and what may stand there?

The text under each key cites the rule it states (R1 … R10: the competition's; §: PROTOCOL's) and
is the description that `schema()` exports. Must never give a key a default.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from verifier.records import Adaptation

Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(gt=0)]
Fraction = Annotated[float, Field(gt=0, lt=1)]
Share = Annotated[float, Field(ge=0, lt=1)]
Reach = Annotated[Adaptation, Field(strict=False)]
CPU = "cpu"
"""What a calibration calls every CPU."""
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Rules(BaseModel):
    """A group of keys: all required, none unknown, none changed afterwards."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True
    )


class Weigh(StrEnum):
    """What counts towards the cap (§6)."""

    AS_RULED = "as_ruled"
    TAR = "tar"


class SeedRule(Rules):
    """R7: how many training seeds make a record, and who chooses them."""

    count: Count
    """R7: seeds of one configuration; fewer are a spot check."""
    chosen_by: Literal["verifier", "submission"]
    """R10, §8: `verifier` takes them from the nonce, so that none can be searched for."""


class DataRule(Rules):
    """R6: the held-out text."""

    name: str
    """R6: what it is called in verdicts."""
    manifest: Digest | None
    """R6, §5: pins its bytes; null where only its counts are public."""
    documents: Count | None
    """R6: how many documents it has; null leaves that to the manifest."""


class HardwareRule(Rules):
    """R2: what the limits are meant for."""

    gpus: Annotated[int, Field(ge=0)]
    """R2: how many; 0 is a CPU."""
    model: str
    """R2: which, as a word of the name that the driver gives."""
    threads: Count
    """§2: threads of each box; part of the score root."""
    memory_bytes: Count
    """R2: memory of each box."""


class TrainRule(Rules):
    """R2, R4: training."""

    limit_seconds: Seconds
    """R2: host clock, from data to end."""
    init_seconds: Seconds
    """§2: at most this long before the data appears, with a sealed start."""
    pack_seconds: Seconds
    """§2, R2: for the packing command, which sees neither GPU nor data."""
    sealed_start: Literal["allowed", "forbidden"]
    """§2: whether warm-up before the data appears is free."""
    artifact_files: Count
    """R1: files that training may leave."""
    artifact_bytes: Count
    """R1: bytes that training may leave; a bound for the disk, not the cap."""


class ScoreRule(Rules):
    """R2, R3, R5: scoring."""

    limit_seconds: Seconds
    """R2, §2: box-busy time, from request sent to answer read."""
    answer_seconds: Seconds
    """§2: one answer; later is silence."""
    start_seconds: Seconds
    """R2: loading and compiling before the first answer."""
    adaptation: Annotated[tuple[Reach, ...], Field(strict=False, min_length=1)]
    """R5: how far what was learned may reach. `document` always: no audit tells it from none."""
    rows_at_most: Count
    """§2: B."""
    chunk_at_most: Count
    """§2: C."""

    @field_validator("adaptation")
    @classmethod
    def _checkable(cls, reach: tuple[Adaptation, ...]) -> tuple[Adaptation, ...]:
        if Adaptation.DOCUMENT not in reach:
            raise ValueError("must hold document: no audit can tell it from none")
        return reach


class SizeRule(Rules):
    """R1: the cap."""

    cap_bytes: Count
    """R1: decimal bytes over what `weigh` counts."""
    weigh: Weigh = Field(strict=False)
    """R1, §6: `as_ruled` as the organizers counted, or the length of the canonical `tar`."""
    code_bytes: Count
    """§6: source text that can be read as data, raw."""
    free_tokenizers: tuple[Digest, ...] = Field(strict=False)
    """R1, R8, §6: tokenizers that are not weighed, by sha256."""


class CalibrationRule(Rules):
    """§4.4: where τ was measured, with the honest examples and never with a submission's."""

    device: Annotated[str, Field(min_length=1)]
    """§4.4: "cpu" (any, in float32), or a GPU's model as its driver names it."""
    evidence: Digest
    """§4.4: the sha256 of the evidence that `verifier calibrate` wrote."""


class ReplayRule(Rules):
    """R5, C1 to C3, §4: blind replay."""

    mode: Literal["all", "sampled"]
    """§4.3: every position, or those that are drawn."""
    draws: Annotated[int, Field(ge=0)]
    """§4.6: m, with replacement; 0 only with `all`."""
    tau_nats: Annotated[float, Field(gt=0, le=0.1)]
    """§4.4: what two honest answers may differ by, per token."""
    calibrated: CalibrationRule | None
    """§4.4: the device that τ was measured on; null: on none, and no replay proves anything."""
    reference: Literal["bigram", "ledger"]
    """§4.6: what the bound is measured from."""
    slack_nats: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    """§4.6: c; 3 for a bigram, 1 for a strong reference."""
    alpha: Fraction
    """§4.6: the bound's risk, shared over attempts (§4.1)."""
    busy_multiple: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    """§4.1: replay busy time over the pass's, at most; the scoring budget is always granted."""
    decoys: Annotated[int, Field(ge=20)]
    """§4.3: likeliest ends asked beside a drawn end."""
    chain_documents: Count
    """§4.5: worst documents that may go through the chain."""
    chain_largest: Count
    """§4.5d: largest deviations at which every symbol is scored."""
    chain_uniform: Count
    """§4.5d: uniform positions at which every symbol is scored."""

    def busy_seconds(self, pass_seconds: float, limit_seconds: float) -> float:
        """What a replay may take: the multiple of its pass, and never less than a pass may take.

        A fast `score` beside a slow `predict` would pass any multiple without buying anything.
        """
        return max(self.busy_multiple * pass_seconds, limit_seconds)

    @model_validator(mode="after")
    def _draw_something(self) -> Self:
        if self.mode == "sampled" and self.draws == 0:
            raise ValueError("a sampled replay needs draws")
        return self


class ClaimRule(Rules):
    """§8: what the submission says of itself."""

    tolerance_bpb: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    """§8: broken only by a measured mean worse than claimed by more than this."""


class RecordRule(Rules):
    """R7: by how much, and how surely, a record must beat the row before it."""

    margin_nats: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    """R7: nats per byte."""
    p_value: Fraction
    """R7: of the test."""
    test: Literal["one-sided Welch"]
    """R7: over the seeds of both rows."""


class IsolationRule(Rules):
    """R3: the weakest box a verdict may rest on."""

    least_assurance: Literal["L0", "L1", "L2", "L3"]
    """R3, DESIGN §6."""
    pinned_image: bool
    """DESIGN §6: whether the root file system must be the locked one."""


class SecrecyRule(Rules):
    """R4, §7: how much of one held-out document may be found in a box."""

    window_bytes: Count
    """§7: length of a window."""
    distinct_bytes: Count
    """§7: distinct bytes a window needs to say anything."""
    share_at_most: Fraction
    """§7: of one document's windows."""


class WitnessRule(Rules):
    """R2, DESIGN §6: what the host watches, and when a machine was unfair."""

    hertz: Annotated[float, Field(gt=0, le=100)]
    """DESIGN §6: looks a second at a box, its GPUs and the machine."""
    drift_at_most: Share
    """DESIGN §6: by which the same reference work after a run may differ from before it."""
    pressure_at_most: Share
    """DESIGN §6: of a phase that others may have kept the box waiting for a processor."""
    throttled_at_most: Share
    """DESIGN §6: of a phase that heat or a power brake may have held a GPU back."""


class AuditRule(Rules):
    """§8: which audits decide and which are only disclosed."""

    required: Annotated[tuple[str, ...], Field(strict=False, min_length=1)]
    """§8: any Broken refutes; any Unproven or NotRun leaves it open."""
    disclosed: tuple[str, ...] = Field(strict=False)
    """§8: printed, never deciding."""

    @model_validator(mode="after")
    def _each_audit_stands_once(self) -> Self:
        listed = [*self.required, *self.disclosed]
        if twice := sorted({name for name in listed if listed.count(name) > 1}):
            raise ValueError(f"listed twice: {', '.join(twice)}")
        if "record" in self.required:
            raise ValueError("'record' is a line of its own, never required")
        return self


class Policy(Rules):
    """One whole policy file."""

    format: Literal["policy/1"]
    """This schema's version."""
    name: str = Field(pattern=r"^[a-z0-9_]{1,64}$")
    """What verdicts call it; the file's name without its ending."""
    date: str = Field(pattern=r"^\d{4}-\d{2}-\d{2}$")
    """DESIGN law 7: since when it stands."""
    title: str
    """One line for people."""
    rehearsal: bool
    """R2: the track's rules on other hardware; said in every line, never a refusal for time."""
    data: DataRule
    """R6."""
    hardware: HardwareRule
    """R2."""
    seeds: SeedRule
    """R7, R10."""
    train: TrainRule
    """R2, R4."""
    score: ScoreRule
    """R2, R3, R5."""
    size: SizeRule
    """R1."""
    replay: ReplayRule
    """R5, §4."""
    claim: ClaimRule
    """§8."""
    record: RecordRule
    """R7."""
    isolation: IsolationRule
    """R3."""
    secrecy: SecrecyRule
    """R4, §7."""
    witness: WitnessRule
    """R2, DESIGN §6."""
    audits: dict[Literal["scorer/1", "script/1"], AuditRule]
    """§8: per contract; a contract that is not listed cannot be verified."""

    @model_validator(mode="after")
    def _calibrated_on_its_own_device(self) -> Self:
        known = self.replay.calibrated
        if known is not None and (known.device == CPU) != (self.hardware.gpus == 0):
            raise ValueError(
                f"replay.calibrated.device is {known.device!r}, hardware.gpus {self.hardware.gpus}"
            )
        return self
