"""What stands in report.json? One model, from which its JSON Schema and every page come.

The parts carry the names of the records in `verifier.records` that they repeat, without the arrays;
a float that was no number is null. Text is verbatim: whoever shows it makes it harmless first.
Must never hold a conclusion that is not the verdict's.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, JsonValue

from verifier.policy import Policy
from verifier.records import Adaptation, Answer, EndedBy, FaultKind, Outcome, Step, WaitingToldBy

FORMAT: Literal["report/2"] = "report/2"

Level = Literal["NONE", "L0", "L1", "L2", "L3"]


class Part(BaseModel):
    """A group of keys: none unknown, none changed afterwards, no NaN."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True
    )


# ---------------------------------------------------------------- the answer


class Finding(Part):
    """One audit's answer."""

    audit: str
    outcome: Outcome
    standing: Literal["required", "disclosed", "listed"]
    """Only a required audit decides."""
    sentence: str
    """What holds when the audit is kept; "" for an audit that this verifier does not have."""
    rule: str
    reason: str
    advice: str
    evidence: dict[str, JsonValue]
    """The figures, by name; a unit is the last word of the name."""


class Verdict(Part):
    """The answer, and why."""

    answer: Answer
    line: str
    why: str
    """One sentence: how the required audits stand."""
    deciding: tuple[str, ...]
    """The required audits that are not Kept, those that decided first."""
    bpb: float | None
    bpb_std: float | None
    delta_bpb: float | None
    bound: tuple[str, ...]
    """What δ means here, in sentences (PROTOCOL §4.6)."""
    policy: str
    assurance: Level
    required: tuple[str, ...]
    disclosed: tuple[str, ...]
    not_checked: tuple[str, ...]
    notes: tuple[str, ...]
    findings: tuple[Finding, ...]


# ---------------------------------------------------------------- curves


class Bin(Part):
    """Targets whose position (or chunk), counted from 1, is `first` to `last`."""

    first: int
    last: int
    targets: int
    charge_nats: float | None
    """Mean charge of a target."""
    reference_nats: float | None
    """Mean of what the reference charges for the same targets."""
    gain_error_nats: float | None
    """Standard error of the mean of reference − charge."""


class DocumentScore(Part):
    """One held-out document. Documents are counted from 0, as in the ledger."""

    document: int
    bpb: float
    targets: int
    document_bytes: int


class Documents(Part):
    """Bits per byte by document, lowest first; documents of 0 bytes are left out."""

    count: int
    median_bpb: float
    ranked: tuple[DocumentScore, ...]
    """At most a few hundred of them, evenly spaced in rank, the first and the last included."""


class Deviation(Part):
    """A target whose blind cost is far from its charge; null where that is no finite number."""

    target: int
    document: int
    position: int
    """In its document, from 1."""
    charge_nats: float | None
    blind_nats: float | None


class Replayed(Part):
    """Blind costs against charges."""

    top_nats: float
    cells: tuple[tuple[int, int, int, int], ...]
    """(column by charge, row by blind cost, targets, of these beyond τ), 48 × 48 up to the top."""
    apart: tuple[int, ...]
    """Targets by |blind − charge| in nats, by half decades from 10⁻⁹ to 10²; the first counts
    what is nearer, the last what is farther or no number."""
    beyond_tau: int | None
    """null where τ is not known."""
    largest: tuple[Deviation, ...]


class Curves(Part):
    """What the pictures show of one seed. null: there is nothing whole to show."""

    by_position: tuple[Bin, ...]
    by_chunk: tuple[Bin, ...]
    by_document: Documents | None
    replayed: Replayed | None


# ---------------------------------------------------------------- one seed


class Training(Part):
    """One training run, from outside."""

    wall_seconds: tuple[float | None, float | None]
    init_seconds: float | None
    pack_seconds: float | None
    limit_seconds: float | None
    ended_by: EndedBy
    exit_code: int | None
    cpu_seconds: float | None
    memory_peak_bytes: int | None
    unfair: str
    log: str
    attempts: tuple[str, ...]


class ScriptRun(Part):
    """One run of a script in full, from outside."""

    wall_seconds: tuple[float | None, float | None]
    artifact_seconds: tuple[float | None, float | None] | None
    """When, after its start, its artifact was last changed."""
    artifact: tuple[str, ...]
    artifact_sha256: str
    printed: str
    loss: float | None
    bpb: float | None
    rounding: float | None
    is_claimed: bool
    ended_by: EndedBy
    exit_code: int | None
    cpu_seconds: float | None
    memory_peak_bytes: int | None
    unfair: str
    log: str
    attempts: tuple[str, ...]


class Weighing(Part):
    """What the artifact weighs, every way it is counted."""

    artifact_digest: str
    shipment_digest: str
    artifact_bytes: int
    name_bytes: int
    code_raw_bytes: int
    code_packed_bytes: int
    tokenizer_bytes: int
    tokenizer_free: bool
    tar_bytes: int
    files: int
    objections: tuple[str, ...]
    counted_bytes: int | None
    """What counts towards the policy's cap; null where the policy is not beside the run."""


class Pass(Part):
    """The scoring pass."""

    plan_digest: str
    score_root: str
    charged: int
    scorers: int
    busy_seconds: float | None
    wall_seconds: float | None


class Replay(Part):
    """The blind replay. `draws` counts with multiplicity, `targets` what was asked."""

    everything: bool
    faults: int
    busy_seconds: float | None
    documents: int
    draws: int
    targets: int


class ChainStep(Part):
    """One fresh box of the chain that names the broken rule."""

    step: Step
    targets: int
    mean_nats: float | None
    """Mean cost of those targets in that box."""
    charged_nats: float | None
    """Mean of what the pass charged for them."""


class ProtocolFault(Part):
    """A broken wire."""

    phase: str
    kind: FaultKind
    request: str
    message: str
    document: int | None
    host_starved: bool


class Secrecy(Part):
    """The held-out share found in what a box could read."""

    scanned: str
    files: int
    scanned_bytes: int
    windows: int
    worst_share: float | None
    worst_document: int | None
    worst_file: str
    unread: tuple[str, ...]


class EnvironmentFault(Part):
    """The machine's fault."""

    phase: str
    reason: str


class Track(Part):
    """One figure over time: `values[i]` holds from `seconds[i]` of its phase on; null is unknown.

    Tracks of one panel are drawn together. `top`: the most there can be; `fair`: the policy's limit
    for the mean.
    """

    panel: str
    name: str
    unit: str
    top: float | None = None
    fair: float | None = None
    seconds: tuple[float, ...]
    values: tuple[float | None, ...]


class Stretch(Part):
    """Something that lasted, in seconds of its phase."""

    panel: str
    name: str
    begin: float
    end: float


class Watched(Part):
    """What the machine did while the boxes of one phase ran."""

    phase: str
    seconds: float
    looks: int
    told_by: WaitingToldBy
    """What told whether the box waited for a processor."""
    cpu_seconds: float | None
    held_seconds: float | None
    """How much longer others made it take; null: not counted."""
    held_share: float | None
    memory_peak_bytes: int | None
    tracks: tuple[Track, ...]
    stretches: tuple[Stretch, ...]


class Probe(Part):
    """One time that the reference work was done: seconds of each piece."""

    moment: str
    seconds: dict[str, float]


class Speed(Part):
    """How fast the machine did the same reference work."""

    threads: int
    probes: tuple[Probe, ...]
    usual_seconds: dict[str, float]
    """Medians of what this machine took in earlier runs."""
    usual_of: int
    drift: float | None
    """By what share the median piece took longer after the run than before."""
    slower_than_usual: float | None
    """By what share the median piece took longer before the run than it usually does."""


class Seed(Part):
    """One training seed. null: it did not come to that."""

    seed: int
    bpb: float | None
    delta_bpb: float | None
    training: Training | None
    script: ScriptRun | None
    weighing: Weighing | None
    scoring: Pass | None
    replay: Replay | None
    chain: tuple[ChainStep, ...]
    faults: tuple[ProtocolFault, ...]
    secrecy: tuple[Secrecy, ...]
    environment: tuple[EnvironmentFault, ...]
    watched: tuple[Watched, ...]
    speed: Speed | None
    curves: Curves | None


# ---------------------------------------------------------------- the run


class Claim(Part):
    """What the submission says of itself."""

    val_bpb: float | None
    seeds: tuple[int, ...]


class Scorer(Part):
    """On what terms a scorer answers."""

    adaptation: Adaptation
    rows: int
    chunk: int
    tokenizer: str
    sealed_start: bool


class Script(Part):
    """How a script is started, and where that is said."""

    entry: str
    command: str
    told_by: str
    seeded: bool


class Submission(Part):
    """What was submitted."""

    name: str
    author: str
    digest: str
    contract: str
    claim: Claim
    scorer: Scorer | None
    """null: it is a script."""
    script: Script | None
    """null: it has a scorer."""


class Image(Part):
    """What ran."""

    recipe: str
    root_digest: str
    pinned: bool
    python: str
    packages: dict[str, str]


class Opening(Part):
    """Under which rules, keys and data the run was made."""

    format: str
    verifier_version: str
    started_utc: str
    submission: Submission
    policy_name: str
    policy_digest: str
    public_key: str
    self_run: bool
    attempt: int
    nonce_commitment: str
    seeds: tuple[int, ...]
    spot_check: bool
    image: Image
    backend: str
    assurance: Level
    harness_digest: str
    hardware: dict[str, str]


class HeldOut(Part):
    """The held-out data as counted."""

    name: str
    manifest_digest: str
    tokenizer_digest: str
    tokenizer: str
    vocabulary: int
    documents: int
    targets: int
    document_bytes: int
    table_bytes: int | None
    unspelled: int
    first_unspelled: int | None
    ids_digest: str


class Nonce(Part):
    """The nonce, opened after every pass."""

    nonce: str
    signature: str


class Box(Part):
    """What the backend read back about a box before its command started."""

    label: str
    backend: str
    assurance: Level
    root_digest: str
    walls: dict[str, str]
    lacking: tuple[str, ...]


class WallHits(Part):
    """Attempts that a wall stopped."""

    seed: int
    phase: str
    attempts: tuple[str, ...]


class PreviousRow(Part):
    """The row that a record must beat."""

    name: str
    bpb: tuple[float | None, ...]


class Tested(Part):
    """One condition of the shadow runs."""

    condition: str
    outcome: Outcome
    clause: str
    said: str
    evidence: dict[str, JsonValue]


class Behaviour(Part):
    """What shadow runs of a script showed."""

    answer: str
    conditions: tuple[Tested, ...]
    artifact: tuple[str, ...]
    opened: tuple[str, ...]
    elsewhere: tuple[str, ...]
    notes: tuple[str, ...]
    drawn_with: str
    """Draws the same documents again; in decimal, as it is longer than JSON's numbers."""
    runs: int
    seconds: float | None


class Counterfactual(Part):
    """One more run in full, on documents that nobody could know."""

    seed: int
    printed: str
    unit: str
    number: float | None
    floor: float | None
    saved_nats: float | None
    threshold_nats: float | None
    noted: bool
    counted: int | None
    learned: int
    artifact: Outcome
    runs: int
    wall_seconds: tuple[float | None, float | None]
    ended_by: EndedBy
    exit_code: int | None
    log: str


class Screened(Part):
    """What reading a script found."""

    answer: str
    remarks: tuple[str, ...]


class Report(Part):
    """One verification: the answer, what it rests on, and what was not checked."""

    format: Literal["report/2"]
    verdict: Verdict
    opening: Opening
    held_out: HeldOut
    policy: Policy | None
    """The policy in full; null where its file is not beside the run."""
    nonce: Nonce | None
    previous: PreviousRow | None
    seeds: tuple[Seed, ...]
    boxes: tuple[Box, ...]
    wall_hits: tuple[WallHits, ...]
    behaviour: Behaviour | None
    counterfactual: Counterfactual | None
    screened: Screened | None


def schema() -> dict[str, Any]:
    """JSON Schema of report.json."""
    return Report.model_json_schema()
