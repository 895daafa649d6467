"""What does one submission put forward as evidence? Its claims and its logs, read once.

Judges nothing. Every rule of this room is a pure function over the `Evidence` that is made here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean

from verifier.policy import Policy
from verifier.screening.claimed import read_claimed
from verifier.screening.evidence.backing import choose_backing, choose_scores
from verifier.screening.evidence.run_logs import ReadLog, read_logs
from verifier.screening.finding import Location
from verifier.screening.located_json import decimals_of
from verifier.screening.screened import Claimed, LogFacts
from verifier.source import Program, Tree
from verifier.source.logs import Score


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedScore:
    """The score that stands for one seed: a log's final score, or the claim where no log has it.

    `seed` is "" where nothing names one; `source` is "log" or "json".
    """

    seed: str
    bpb: float
    loss: float | None
    path: str
    line: int
    source: str
    digits: int = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """One Python text of the submission. `layer` names the unpacking it came out of."""

    path: str
    text: str
    layer: str = ""

    @property
    def size(self) -> int:
        """Bytes of the text."""
        return len(self.text.encode("utf-8", "replace"))


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """One submission's claims and logs.

    `folder` is where it lies in the competition's repository, as far as that is known; `program`
    is what it runs, None where that was not read.
    """

    tree: Tree
    folder: str
    policy: Policy
    claimed: Claimed | None
    read: tuple[ReadLog, ...]
    program: Program | None = None
    refused: tuple[str, ...] = ()
    """What the submission may not hold and was left out of `tree`: "path: reason"."""

    @cached_property
    def logs(self) -> tuple[LogFacts, ...]:
        """The facts of every log, by path."""
        return tuple(log.facts for log in self.read)

    @cached_property
    def distinct(self) -> tuple[ReadLog, ...]:
        """The logs without those whose bytes another one has; a name with a seed is kept first."""
        kept: dict[str, ReadLog] = {}
        for log in sorted(self.read, key=lambda log: (not log.named_seed, log.path)):
            kept.setdefault(log.facts.sha256, log)
        return tuple(sorted(kept.values(), key=lambda log: log.path))

    @cached_property
    def backing(self) -> tuple[ReadLog, ...]:
        """The logs that the claim rests on, one a seed where that can be told."""
        return choose_backing(self.claimed, self.distinct, record=self.is_record)

    @cached_property
    def scripts(self) -> tuple[Script, ...]:
        """What runs, unpacked, and every other Python file as it stands."""
        units = self.program.units if self.program is not None else ()
        found = {(unit.path, unit.layer): unit.text for unit in units}
        for path in self.tree.paths:
            if path.endswith(".py") and path in self.tree.files and (path, "") not in found:
                found[path, ""] = self.tree.text(path) or ""
        return tuple(
            Script(path=path, layer=layer, text=text) for (path, layer), text in found.items()
        )

    @property
    def is_record(self) -> bool:
        """Whether it asks for a row of the record track."""
        said = f"{self.folder} {self.claimed.track if self.claimed else ''}".lower()
        return "non_record" not in said and "non-record" not in said

    @property
    def submitted(self) -> bool:
        """Whether it is known to be one submission: a folder of a track, or one with a claim."""
        own = self.claimed is not None and "/" not in self.claimed.path
        return own or (
            bool(self.folder) and not self.folder.rpartition("/")[2].startswith("track_")
        )

    @cached_property
    def scored(self) -> tuple[tuple[ReadLog, Score], ...]:
        """The backing logs with the score of each that the claim rests on."""
        return choose_scores(self.claimed, self.backing)

    @cached_property
    def mean_bpb(self) -> float | None:
        """The mean of the scores that the claim rests on, None without any."""
        return fmean(score.bpb for _, score in self.scored) if self.scored else None

    def claim_at(self, name: str) -> Location:
        """The place of a field of `Claimed`, or of a key path of its file."""
        if self.claimed is None:
            return Location(path="submission.json")
        line = self.claimed.lines.get(name, 0)
        return self.line_of(self.claimed.path, line)

    def line_of(self, path: str, line: int) -> Location:
        """A place with its line's text."""
        lines = self._lines(path)
        text = lines[line - 1][:200] if 0 < line <= len(lines) else ""
        return Location(path=path, line=line, text=text)

    def _lines(self, path: str) -> Sequence[str]:
        if path not in self._cache:
            text = self.tree.text(path) or ""
            self._cache[path] = tuple(text[:2_000_000].split("\n"))
        return self._cache[path]

    @cached_property
    def _cache(self) -> dict[str, tuple[str, ...]]:
        return {}


def read_evidence(
    tree: Tree,
    *,
    folder: str,
    policy: Policy,
    program: Program | None = None,
    refused: tuple[str, ...] = (),
) -> Evidence:
    """Claims and logs of one submission. Never raises for what its files hold."""
    return Evidence(
        tree=tree,
        folder=folder,
        policy=policy,
        claimed=read_claimed(tree),
        read=read_logs(tree),
        program=program,
        refused=refused,
    )


def claimed_seeds(evidence: Evidence) -> tuple[SeedScore, ...]:
    """The score of each seed: those of the logs that the claim rests on, else the json's."""
    found = [
        SeedScore(
            seed=log.seed,
            bpb=score.bpb,
            loss=score.loss,
            path=log.path,
            line=score.quote.line,
            source="log",
            digits=score.digits,
        )
        for log, score in evidence.scored
    ]
    claimed = evidence.claimed
    if claimed is None:
        return tuple(found)
    shown = {name for log, _ in evidence.scored for name in (log.seed, log.named_seed)}
    found += [
        SeedScore(
            seed=seed,
            bpb=bpb,
            loss=claimed.seed_losses.get(seed),
            path=claimed.path,
            line=claimed.lines.get(f"seed_bpbs.{seed}", 0),
            source="json",
            digits=decimals_of(bpb),
        )
        for seed, bpb in claimed.seed_bpbs.items()
        if seed not in shown
    ]
    return tuple(found)
