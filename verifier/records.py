"""The frozen facts that rooms exchange. No behaviour; nothing here is opinion.

A record marked *event* is appended to the ledger as it is (`ledger.Ledger.append`): its plain
fields become JSON, its `Array` fields become memory-mappable files beside it.

Units are in the names. Digests are lower-case hex sha256 unless said otherwise. A *target* is one
held-out token whose cost is charged; `targets` arrays hold global target indices: documents in
canonical order, each with its n tokens and then its END.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from pathlib import Path
from typing import Any

import numpy.typing as npt

Array = npt.NDArray[Any]


# ---------------------------------------------------------------- answers


class Outcome(StrEnum):
    """What an audit found (PROTOCOL §8)."""

    KEPT = "kept"
    BROKEN = "broken"
    UNPROVEN = "unproven"
    NOT_RUN = "not run"


class Answer(StrEnum):
    """What follows for the submission. REPRODUCED is the best word of contract script/1."""

    VERIFIED = "VERIFIED"
    REPRODUCED = "REPRODUCED"
    REFUTED = "REFUTED"
    INCONCLUSIVE = "INCONCLUSIVE"


class Assurance(IntEnum):
    """How strong the box was (DESIGN §6). Greater is stronger."""

    NONE = -1
    L0 = 0
    L1 = 1
    L2 = 2
    L3 = 3


class Adaptation(StrEnum):
    """How far what a scorer learned may reach: nowhere, its document, or the whole stream."""

    NONE = "none"
    DOCUMENT = "document"
    STREAM = "stream"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """*event* · One audit's answer: what, why, and the numbers behind it.

    `reason` is one sentence for a person; `advice` tells an honest author what to change;
    `evidence` holds the figures (JSON scalars and short lists).
    """

    audit: str
    outcome: Outcome
    reason: str
    rule: str = ""
    advice: str = ""
    evidence: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedScore:
    """The number of one training seed. `bpb` and `delta_bpb` in bits per byte.

    `score_root` is "" where the number is what a script printed, and nothing was charged.
    """

    seed: int
    bpb: float
    delta_bpb: float | None
    score_root: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """*event* · The answer, and all that it rests on. `line` is the one line shown everywhere."""

    answer: Answer
    line: str
    bpb: float | None
    bpb_std: float | None
    delta_bpb: float | None
    seeds: tuple[SeedScore, ...]
    findings: tuple[Finding, ...]
    required: tuple[str, ...]
    disclosed: tuple[str, ...]
    policy: str
    assurance: Assurance
    notes: tuple[str, ...] = ()


# ---------------------------------------------------------------- boxes


class EndedBy(StrEnum):
    """Who ended a box, as seen from outside."""

    ITSELF = "itself"
    WALL_CLOCK = "wall clock limit"
    MEMORY = "memory limit"
    OUTPUT = "output limit"
    LOG = "log limit"
    HOST = "the verifier"


@dataclass(frozen=True, slots=True, kw_only=True)
class Root:
    """The root file system of a box. `digest` is the sha256 of the canonical tar.

    `tar` is that tar, `folder` its extraction (backends use whichever they need). A root that is
    not pinned (`pinned` false: the interpreter at hand) has digest "host" and neither.
    """

    digest: str
    python: str
    pinned: bool
    tar: Path | None = None
    folder: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """Host path `source` seen in the box at absolute path `target`."""

    source: Path
    target: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a box may use. None of these has a default: complete or refused."""

    wall_seconds: float
    memory_bytes: int
    pids: int
    threads: int
    temporary_bytes: int
    output_bytes: int
    output_files: int
    log_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BoxSpec:
    """One command in one box.

    `inputs` are mounted read-only. `output` is the one writable folder besides a private,
    size-limited TMPDIR. `channel` is a host folder that holds a listening Unix socket `wire`;
    it appears in the box and its path in the environment as VERIFIER_CHANNEL. Argv,
    environment and `working_folder` name paths as the box sees them, by mount targets; a backend
    that cannot mount (L0) puts the host's in their place.
    """

    label: str
    root: Root
    argv: tuple[str, ...]
    environment: Mapping[str, str]
    inputs: tuple[Mount, ...]
    output: Mount | None
    channel: Path | None
    working_folder: str
    limits: Limits
    gpus: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BoxFacts:
    """*event* · What the backend read back about a box it made, before its command started."""

    label: str
    backend: str
    assurance: Assurance
    root_digest: str
    walls: Mapping[str, str]
    lacking: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BoxEnd:
    """How a box ended, seen from outside. `log` is the tail of stdout and stderr together.

    `wall_seconds` is an interval [lo, hi] on the host's monotonic clock: the command ran at least
    lo and at most hi. `attempts` are wall hits the backend could see ("connect 1.1.1.1:53").
    """

    ended_by: EndedBy
    exit_code: int | None
    wall_seconds: tuple[float, float]
    cpu_seconds: float | None
    memory_peak_bytes: int | None
    log: str
    attempts: tuple[str, ...] = ()


# ---------------------------------------------------------------- submission


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What a submission says of itself. Compared, never used."""

    val_bpb: float | None
    seeds: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ScorerTerms:
    """On what terms a scorer answers (contract scorer/1)."""

    adaptation: Adaptation
    rows: int
    chunk: int
    tokenizer: str
    sealed_start: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptTerms:
    """How a script is started (contract script/1).

    `told_by` names where the command stands, "default" where nowhere; `seeded` says whether it
    reads its training seed from the environment, so that it can be given one.
    """

    entry: str
    command: str
    told_by: str
    seeded: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmissionFacts:
    """What was submitted. `digest` is that of the canonical manifest of its files.

    Of `scorer` and `script` the one of its contract is there.
    """

    name: str
    author: str
    digest: str
    contract: str
    claim: Claim
    scorer: ScorerTerms | None = None
    script: ScriptTerms | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageFacts:
    """What ran. `packages` maps name to version."""

    recipe: str
    root_digest: str
    pinned: bool
    python: str
    packages: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """*event, first* · Under which rules, keys and data this run was made.

    `nonce_commitment` is the sha256 of a nonce that only the holder of the key can compute and
    that `NonceOpened` reveals after the pass (PROTOCOL §4.1). `self_run`: the key is the
    submitter's own.
    """

    format: str
    verifier_version: str
    started_utc: str
    submission: SubmissionFacts
    policy_name: str
    policy_digest: str
    public_key: str
    self_run: bool
    attempt: int
    nonce_commitment: str
    seeds: tuple[int, ...]
    spot_check: bool
    image: ImageFacts
    backend: str
    assurance: Assurance
    harness_digest: str
    hardware: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOutFacts:
    """*event* · The held-out data as counted, not as said.

    `target_counts` int32 [D] (tokens + END of each document), `byte_counts` int32 [D].
    `table_bytes` is the competition's look-up-table count, None where there is no such table.
    `unspelled` counts documents whose concatenated piece bytes differ from the document.
    `ids` is the canonical target stream's digest.
    """

    name: str
    manifest_digest: str
    tokenizer_digest: str
    tokenizer: str
    vocabulary: int
    targets: int
    document_bytes: int
    table_bytes: int | None
    unspelled: int
    first_unspelled: int | None
    ids_digest: str
    target_counts: Array
    byte_counts: Array


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """*event* · One training run, from outside. `wall_seconds` = [lo, hi], host clock.

    `init_seconds` is None without sealed start. `unfair` says why the machine's measurement is
    not to be trusted ("" when it is).
    """

    seed: int
    wall_seconds: tuple[float, float]
    init_seconds: float | None
    pack_seconds: float | None
    limit_seconds: float
    ended_by: EndedBy
    exit_code: int | None
    cpu_seconds: float | None
    memory_peak_bytes: int | None
    unfair: str
    log: str
    attempts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighing:
    """*event* · What the artifact weighs, every way it is counted (PROTOCOL §6).

    `objections` name what must not be in an artifact folder (links, devices, holes).
    `shipment_digest` is the sha256 of the canonical tar that the scoring box gets.
    """

    seed: int
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
    objections: tuple[str, ...] = ()


# ---------------------------------------------------------------- scripts


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptRun:
    """*event* · One run of an unmodified script, from outside: it trained and scored itself.

    `wall_seconds` = [lo, hi], host clock, the whole run. `artifact_seconds` = [lo, hi] is when,
    after its start, a file of the artifact was last changed, as the host's file system dates it;
    None where none was left. `artifact` names the files taken for it, `artifact_sha256` is over
    their names and bytes. `printed` is the line of its score, `loss` (nats a token) and `bpb` what
    that says (None: not printed), `rounding` by what share the digits printed leave their ratio
    open; `is_claimed` that it is the line the submission claims.
    `unfair` says why the machine's measurement is not to be trusted ("" when it is).
    """

    seed: int
    wall_seconds: tuple[float, float]
    artifact_seconds: tuple[float, float] | None
    artifact: tuple[str, ...]
    artifact_sha256: str
    printed: str
    loss: float | None
    bpb: float | None
    rounding: float
    is_claimed: bool
    ended_by: EndedBy
    exit_code: int | None
    cpu_seconds: float | None
    memory_peak_bytes: int | None
    unfair: str
    log: str
    attempts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Counterfactual:
    """*event* · One more run in full with a seed of before, on documents that nobody could know.

    They are drawn from a source with secret entropy, as long as the real ones. `floor` is what the
    printed number is no less than for any predictor, in its own unit (`unit`: "nats a token" or
    "bits a byte"); `saved_nats` what it says to have saved in all, at the least, and more than
    `threshold_nats` is a proof. None where it printed no number.
    `counted` is how many tokens its number is the mean of, by what was noted beside it, None where
    of none that it calculated, and `learned` of how many a step had learned before; `noted` says
    whether anything was. `artifact`: KEPT where its bytes
    are those of the run on the real documents, BROKEN where they are others and a repetition on the
    real ones has the same, UNPROVEN where that has others too.
    """

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
    wall_seconds: tuple[float, float]
    ended_by: EndedBy
    exit_code: int | None
    log: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tested:
    """One condition of the shadow runs: kept, broken or unproven, and why.

    `clause` is that of the rules; `evidence` holds the figures of the counterexample.
    """

    condition: str
    outcome: Outcome
    clause: str
    said: str
    evidence: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """*event* · What shadow runs of the script showed (DESIGN §7).

    `answer` is theirs (REFUTED, CLEAN, INCONCLUSIVE), `notes` what their reader should know;
    `artifact` names the files that the script leaves, made after it had learned, and reads back, as
    it must before it scores with them; `opened` those of its own files that it reads, `elsewhere`
    the paths of files that it makes and reads and does not leave. `drawn_with` is the seed that
    draws the same documents again. `runs` counts them, `seconds` are the host's.
    """

    answer: str
    conditions: tuple[Tested, ...]
    artifact: tuple[str, ...]
    opened: tuple[str, ...]
    elsewhere: tuple[str, ...]
    notes: tuple[str, ...]
    drawn_with: int
    runs: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Screened:
    """*event* · What reading found. Shown, never deciding: it points, and proves nothing.

    `remarks` are sentences, each with its rule and place.
    """

    answer: str
    remarks: tuple[str, ...]


# ---------------------------------------------------------------- scoring


class FaultKind(StrEnum):
    """What a scorer box did that the contract forbids, or failed to do."""

    NAN = "NaN"
    INFINITE = "infinite charge"
    NEGATIVE = "negative charge"
    SHAPE = "wrong shape"
    UNREQUESTED = "unrequested frame"
    UNKNOWN_KIND = "unknown frame"
    LATE = "late"
    DIED = "died"
    ERROR = "error"
    BUDGET = "over budget"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtocolFault:
    """*event* · A broken wire. `host_starved` says that the delay may have been ours."""

    seed: int
    phase: str
    kind: FaultKind
    request: str
    message: str
    document: int | None
    host_starved: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """*event* · The scoring pass of one seed.

    `charges` float32 [N] nats in canonical order; `reference` float32 [N] what a public reference
    charges for the same targets. `busy_seconds`: from request sent to answer read, summed per
    scorer and then the maximum over scorers.
    """

    seed: int
    plan_digest: str
    score_root: str
    charged: int
    scorers: int
    busy_seconds: float
    wall_seconds: float
    charges: Array
    reference: Array


@dataclass(frozen=True, slots=True, kw_only=True)
class NonceOpened:
    """*event* · The nonce, after every pass; `signature` proves who could have known it."""

    nonce: str
    signature: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """*event* · Blind replay of one seed.

    `draws` int64 [m], with multiplicity, in drawing order (empty when `everything`);
    `targets` int64 [K], ascending and unique: all that was replayed, borders and decoys too;
    `blind` float32 [K] nats, normalised by the host in float64;
    `log_sums` float32 [K]: the log of what the box's distribution summed to.
    """

    seed: int
    everything: bool
    faults: int
    busy_seconds: float
    documents: int
    draws: Array
    targets: Array
    blind: Array
    log_sums: Array


class Step(StrEnum):
    """The boxes of the chain that names the broken rule (PROTOCOL §4.5)."""

    AGAIN = "a1"
    AGAIN_TWICE = "a2"
    OBSERVED_ONLY = "b"
    OTHER_LENGTHS = "c lengths"
    RANDOM_COMPANIONS = "c random"
    EMPTY_COMPANIONS = "c empty"
    BLIND = "d"
    EVERY_SYMBOL = "d symbols"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainStep:
    """*event* · What one fresh box of the chain answered.

    `targets` int64 [n], `costs` float32 [n] nats (for EVERY_SYMBOL: the true symbol's cost) and,
    for BLIND and EVERY_SYMBOL, `log_sums` float64 [n] over the whole alphabet, else empty.
    For EVERY_SYMBOL the first `largest` entries are the worst positions, the rest uniform draws.
    """

    seed: int
    step: Step
    targets: Array
    costs: Array
    log_sums: Array
    largest: int = 0


# ---------------------------------------------------------------- the rest of the evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class Secrecy:
    """*event* · PROTOCOL §7's windows: the held-out share found in what a box could read.

    `worst_share` is of the worst document's windows, with `worst_document` and `worst_file`.
    `unread` names what no bound let us read (an archive that unpacks to too much), and why.
    """

    seed: int
    scanned: str
    files: int
    scanned_bytes: int
    windows: int
    worst_share: float
    worst_document: int | None
    worst_file: str
    unread: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class WallHits:
    """*event* · Attempts that a wall stopped, as far as the backend sees them."""

    seed: int
    phase: str
    attempts: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviousRow:
    """*event* · The row a record must beat (R7). `bpb` per seed."""

    name: str
    bpb: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentFault:
    """*event* · The machine's fault, not the submission's; a re-run is free (DESIGN §6)."""

    seed: int
    phase: str
    reason: str


# ---------------------------------------------------------------- what the host's kernel counted


class WaitingToldBy(StrEnum):
    """What told a `CpuWitness` how long a box waited for a processor."""

    TASKS = "the run-queue delay of the box's tasks"
    GROUP = "the pressure of the box's control group"
    MACHINE = "the pressure of the whole machine"


@dataclass(frozen=True, slots=True, kw_only=True)
class CpuWitness:
    """*event* · What the host's kernel counted while the boxes of one phase of a seed ran.

    `looks` float64 [n · len(columns)], look after look; a column's name has its unit, NaN is not
    counted. `seconds` since the first box of the phase was there, host clock; `threads` that the
    living boxes may use; all that ends in `_seconds` is counted up since some time before, over
    all boxes of the phase or all processors of the machine. `waiting`: who waited during
    `waited_seconds`. `cores` of the machine; `hertz` looks a second were asked for.
    """

    seed: int
    phase: str
    cores: int
    hertz: float
    waiting: WaitingToldBy
    memory_peak_bytes: int | None
    columns: tuple[str, ...]
    looks: Array


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeedProbe:
    """*event* · How fast the host did the same reference work, beside the run of a seed.

    `seconds` is the best time of each piece by its name, with `threads` threads; `usual_seconds`
    the median of what this machine took in `usual_of` earlier probes. `moment`: before or after.
    Pieces done by the GPUs of the run are named "GPU …"; the slowest GPU's time counts.
    """

    seed: int
    moment: str
    threads: int
    seconds: Mapping[str, float]
    usual_seconds: Mapping[str, float]
    usual_of: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuWitness:
    """*event* · What NVML showed of the GPUs given to one phase's boxes, on the host's clock.

    `phase` is "train" (INIT, TRAIN and PACK), "score" or "script"; `gpus` as the boxes were given
    them; `hertz` looks a second were meant. `trace` uint8 [n]: gzipped JSON lines, in the form that
    `sandbox.gpuwitness` writes and `audits.gputrace` reads.
    """

    seed: int
    phase: str
    gpus: tuple[str, ...]
    hertz: float
    trace: Array


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedEvidence:
    """All that was recorded about one seed. None: it did not come to that."""

    seed: int
    training: Training | None
    script: ScriptRun | None
    weighing: Weighing | None
    scoring: Pass | None
    replay: Replay | None
    chain: Mapping[Step, ChainStep]
    faults: tuple[ProtocolFault, ...]
    secrecy: tuple[Secrecy, ...]
    environment: tuple[EnvironmentFault, ...]
    cpu: Mapping[str, CpuWitness] = field(default_factory=dict)
    speed: tuple[SpeedProbe, ...] = ()
    gpus: tuple[GpuWitness, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """A ledger as the audits read it: pure data, one value for the whole run."""

    opening: Opening
    held_out: HeldOutFacts
    seeds: tuple[SeedEvidence, ...]
    boxes: tuple[BoxFacts, ...]
    wall_hits: tuple[WallHits, ...]
    previous: PreviousRow | None
    nonce: NonceOpened | None
    behaviour: Behaviour | None = None
    counterfactual: Counterfactual | None = None
    screened: Screened | None = None
