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
    path it was read from. `nulls` are the top-level keys whose value is null.
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
    nulls: tuple[str, ...] = ()
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
    accepted convention does (None: not asked, because it decides nothing), `closure` every file
    that is executed or read at scoring; `counted` names those files with their sizes.
    """

    raw: int
    packed: int | None
    closure: int
    counted: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """The score that stands for one seed, in bits per byte and nats per token (None: not said).

    `seed` is as written, "" where nothing names one; `source` is "log", "json" or "readme".
    """

    seed: str
    bpb: float
    loss: float | None
    path: str
    line: int
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Screening:
    """One submission, read. `digest` is its manifest's; `seconds` is what the reading took.

    `contract` is how it would be scored: "script/1", or "scorer/1" where a verify.yaml names it.
    `source_digest` is over what the source says, whatever its layout.
    """

    folder: str
    digest: str
    answer: Answer
    claimed: Claimed | None
    logs: tuple[LogFacts, ...]
    weights: CodeWeights | None
    entry: str
    command: str
    remarks: tuple[Remark, ...]
    runs: tuple[Run, ...] = ()
    contract: str = "script/1"
    source_digest: str = ""
    parsed_lines: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """A person's decision about one finding of one head: void when the head changes.

    `dismissed`: the finding breaks no rule; else it is upheld. `number` is the pull request's, 0
    where the ruling does not name it; `line` is the file's.
    """

    rule: str
    head: str
    dismissed: bool
    name: str
    date: str
    reason: str
    number: int = 0
    line: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Parent:
    """The nearest earlier submission by normalised source."""

    number: int
    folder: str
    similarity: float
    changed_lines: int
    diff: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Is a submission better than one row, and how surely? (R7)

    `row` is the other's folder or name, `runs` and `mean` are the other's, in bits per byte.
    Margins are positive where ours is better. p is None where no test can be made: `p_better` of
    "not better at all", `p_margin` of "not better by 0.005 nats", both one-sided; `p_two_sided`
    of "the same". `one_more` is `p_better` if one more seed came out like the others.
    """

    row: str
    runs: int
    mean: float
    margin_bpb: float
    margin_nats: float | None = None
    p_better: float | None = None
    p_margin: float | None = None
    p_two_sided: float | None = None
    one_more: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One row of a repository's table, or one merged folder that no row lists.

    `place` counts the record track's rows in the order of creation, from 1; 0 for what is no part
    of that chain. `number` is 0 without a pull request, `line` the README's, 0 without a row,
    `listed` the row's score. `runs` are what stands for each seed, `mean` is theirs. `created` and
    `accepted` are dates. `before` compares with the best row created earlier, `below` with the
    next lower row of the table. `admitted_by` is the rule, `why` its sentence; `differs` says in
    what the table is otherwise.
    """

    place: int
    number: int
    folder: str
    name: str
    author: str = ""
    line: int = 0
    listed: float | None = None
    created: str = ""
    accepted: str = ""
    runs: tuple[Run, ...] = ()
    mean: float | None = None
    nats_per_bpb: float | None = None
    before: Comparison | None = None
    below: Comparison | None = None
    admitted_by: str = ""
    why: str = ""
    differs: tuple[str, ...] = ()
    remarks: tuple[Remark, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaderboard:
    """The accepted chain of a repository, in chronological order of creation.

    `notes` say what the clone does not have, so that a row may stand at another place.
    """

    repository: str
    main: str
    policy: str
    standings: tuple[Standing, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueEntry:
    """One submission that deserves a GPU. `node_hours` is what its checks may cost in all.

    `bpb` is what was compared with the row: the mean of its `runs`, else its claim, `claim_bpb`.
    `reference` is what `verify` takes; `lineage` is the number of the first submission in the
    queue that it was made from, its own where it began; `why` says what put it here. `again` are
    later pull requests with the same source and the same runs, which are in no queue themselves.
    """

    place: int
    number: int
    head: str
    digest: str
    reference: str
    folder: str
    contract: str
    bpb: float
    claim_bpb: float | None
    runs: int
    lineage: int
    node_hours: float
    why: str
    against: Comparison | None = None
    again: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """What deserves a GPU, in order. `row` is the record to beat, in bits per byte."""

    repository: str
    main: str
    policy: str
    row: str
    row_bpb: float | None
    entries: tuple[QueueEntry, ...]
    left_out: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One pull request of a triage.

    `state` is "open", "closed", "merged" or "" where nothing says. `title` and `created` need
    the forge's API or are "". `shape` is what the request adds: "one folder", "several folders",
    "no folder", "empty", "merged", "no merge base". `others` lists what else it touches.
    `against` compares it with the best row created before it. `fault` says why it could not be
    read; then `screening` is None.
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
    against: Comparison | None = None
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
