"""What can be read in a training log? The records, no behaviour.

Lines are 1-based and counted by "\\n" in the file's bytes. A log is a claim: nothing here was
measured.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Meaning(StrEnum):
    """What a printed score is the score of."""

    RESULT = "result"
    """Of what would be submitted: only these can be the final score."""
    STEP = "step"
    """Of the model while it trains."""
    DIAGNOSTIC = "diagnostic"
    """Of something that is not what would be submitted: before quantisation, an ablation."""
    PROGRESS = "progress"
    """Of the part of the text scored so far."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """One line of a log: its number and at most 200 characters of it."""

    line: int
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """A score as printed. `digits` counts the decimals of `bpb`; `seconds` is its scoring time."""

    label: str
    meaning: Meaning
    bpb: float
    digits: int
    loss: float | None
    seconds: float | None
    quote: Quote


@dataclass(frozen=True, slots=True, kw_only=True)
class Stated:
    """A number that a line states of itself, in the unit of its name."""

    value: float
    quote: Quote
    label: str = ""


class Phase(StrEnum):
    """Work whose duration a log states."""

    HESSIANS = "hessians"
    """Collecting second-order statistics for quantisation."""
    GENERATION = "generation"
    """Sampling calibration text from the model itself."""
    QUANTISATION = "quantisation"
    COMPRESSION = "compression"
    DECOMPRESSION = "decompression"
    WARMUP = "warm-up"
    """Compiling or warming up before a scoring timer starts."""
    PRECOMPUTATION = "precomputation"
    """Tables made from the held-out text before scoring."""
    ADAPTATION = "adaptation"
    """Training on held-out text before the final scoring."""
    SCORING = "scoring"
    """The scoring total that the log itself states."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A stated duration, in seconds."""

    phase: Phase
    seconds: float
    quote: Quote


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """The end of training: seconds of its own clock, steps done and asked for."""

    seconds: float | None
    step: int
    asked: int | None
    quote: Quote
    early: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Embedded:
    """Source text that the script printed of itself: bytes `begin` to `end` of the log.

    `whole` is False where its beginning was overwritten.
    """

    begin: int
    end: int
    first_line: int
    last_line: int
    whole: bool = True

    @property
    def size(self) -> int:
        """Bytes of the text."""
        return self.end - self.begin


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """Everything one log says. `final` is what the submission would claim from it, or None.

    `stated` maps a name to every number stated under it, in order: "seed", "world_size",
    "train_shards", "val_tokens", "vocab_size", "documents", "limited_batches", "code_bytes",
    "code_bytes_packed", "model_bytes", "raw_model_bytes", "total_bytes", "raw_total_bytes",
    "reserve_seconds", the gate counters.
    `texts` maps "python", "torch", "cuda", "dataset", "tokenizer", "validation" and
    "calibration" to the last text stated. `gpus` are the rows of the first table of devices.
    `runs` are the first lines of each run in the file.
    """

    size: int
    line_count: int
    scores: tuple[Score, ...] = ()
    final: Score | None = None
    stated: Mapping[str, tuple[Stated, ...]] = field(default_factory=dict)
    texts: Mapping[str, tuple[str, Quote]] = field(default_factory=dict)
    works: tuple[Work, ...] = ()
    stop: Stop | None = None
    gpus: tuple[str, ...] = ()
    gpus_at: Quote | None = None
    embedded: tuple[Embedded, ...] = ()
    resumed: Quote | None = None
    eval_only: Quote | None = None
    runs: tuple[int, ...] = (1,)
    truncated: bool = False
    characters: int = 0
    """How much of it was read closely."""

    def last(self, name: str) -> Stated | None:
        """The last number stated under `name`: of several runs, the last one's."""
        found = self.stated.get(name, ())
        return found[-1] if found else None
