"""What came of screening one submission, or one pull request? The records; no behaviour.

Written to `screen.json` and to one line of a triage, read by every format of the reports.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from verifier.screening.finding import Remark


class Answer(StrEnum):
    """Screening's word. None of them is VERIFIED: nothing was run."""

    NOTHING_FOUND = "nothing found"
    REVIEW = "review"
    VIOLATION = "violation"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A place of submission.json that cannot be what it should be: key, 1-based line, why."""

    key: str
    line: int
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """What a submission says of itself, in whatever words it chose. None: it does not say.

    The maps of `seed_…` and `steps` go from a seed (as written) to bits per byte, nats per token,
    bytes and training steps. Sizes in bytes, times in seconds. `others` keeps the keys not read
    here. `lines` maps a field of this record ("val_bpb", "seed_bpbs.42") and every key path of
    the file ("seed_results.42.val_bpb") to its 1-based line; `sources` maps a field to the key
    path it was read from.
    """

    path: str
    name: str = ""
    author: str = ""
    github_id: str = ""
    date: str = ""
    track: str = ""
    val_bpb: float | None = None
    val_loss: float | None = None
    seeds: tuple[int, ...] = ()
    seed_bpbs: Mapping[str, float] = field(default_factory=dict)
    seed_losses: Mapping[str, float] = field(default_factory=dict)
    total_bytes: int | None = None
    model_bytes: int | None = None
    code_bytes: int | None = None
    train_seconds: float | None = None
    score_seconds: float | None = None
    hardware: str = ""
    bpb_std: float | None = None
    steps: Mapping[str, int] = field(default_factory=dict)
    seed_bytes: Mapping[str, int] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    others: Mapping[str, object] = field(default_factory=dict)
    lines: Mapping[str, int] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)
    faults: tuple[Fault, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LogFacts:
    """What one log says. None: it does not say. `lines` names the 1-based line of each field.

    `final` is False where the log ends without a final score (`bpb` is None then); `code_bytes`
    is what the log counts as code, `total_bytes` its own total with it. `embedded_bytes` is the
    source text that the log prints of the script that made it. `sha256` is the log's digest.
    """

    path: str
    seed: int | None = None
    bpb: float | None = None
    loss: float | None = None
    label: str = ""
    train_seconds: float | None = None
    score_seconds: float | None = None
    steps: int | None = None
    total_bytes: int | None = None
    model_bytes: int | None = None
    code_bytes: int | None = None
    tokens: int | None = None
    hardware: str = ""
    world_size: int | None = None
    embedded_bytes: int | None = None
    final: bool = False
    sha256: str = ""
    lines: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeWeights:
    """What the code weighs, three ways (R1), in bytes.

    `raw` is the entry script as shipped, `packed` the same minified and compressed by us as the
    accepted convention does, `closure` every file that is executed or read at scoring; `counted`
    names those files with their sizes.
    """

    raw: int
    packed: int
    closure: int
    counted: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Screening:
    """One submission, read. `digest` is its manifest's; `seconds` is what the reading took."""

    folder: str
    digest: str
    answer: Answer
    claimed: Claimed | None
    logs: tuple[LogFacts, ...]
    weights: CodeWeights | None
    entry: str
    command: str
    remarks: tuple[Remark, ...]
    source_digest: str = ""
    parsed_lines: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """A person's decision about one remark of one head: void when the head changes."""

    rule: str
    head: str
    accepted: bool
    name: str
    date: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Parent:
    """The nearest earlier submission by normalised source."""

    number: int
    folder: str
    similarity: float
    changed_lines: int
    diff: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One pull request of a triage.

    `state` is "open", "closed", "merged" or "" where nothing says. `title` and `created` need
    the forge's API or are "". `shape` is what the request adds: "one folder", "several folders",
    "no folder", "empty", "merged", "no merge base". `others` lists what else it touches.
    `fault` says why it could not be read; then `screening` is None.
    """

    number: int
    head: str
    shape: str
    state: str = ""
    title: str = ""
    author: str = ""
    created: str = ""
    screening: Screening | None = None
    noted: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    parent: Parent | None = None
    rulings: tuple[Ruling, ...] = ()
    fault: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Triage:
    """A whole repository, screened. `seconds` is wall time; `policy` the rules it was read by."""

    repository: str
    main: str
    policy: str
    verifier_version: str
    rows: tuple[Row, ...]
    seconds: float = 0.0
