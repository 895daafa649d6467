"""What does one submission put forward as evidence? Its claims and its logs, read once.

Decides which files are logs and which log stands for which seed; judges nothing. Every rule of
this room is a pure function over the `Evidence` that is made here.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean

from verifier.policy import Policy
from verifier.screening.claimed import read_claimed
from verifier.screening.finding import Location
from verifier.screening.located_json import decimals_of
from verifier.screening.screened import Claimed, LogFacts
from verifier.source import Program, Tree
from verifier.source.logs import Log, Meaning, Quote, Score, agrees, read_log

MOST_LOGS = 64
MOST_BYTES = 64_000_000

_LOG_NAME = re.compile(r"\.(?:log|txt|out|stdout)\Z", re.IGNORECASE)
_NOT_A_LOG = re.compile(r"(?:^|/)(?:requirements|readme|license|notes)[^/]*\Z", re.IGNORECASE)
_SEED_IN_NAME = re.compile(r"(?:seed|_s)[-_{]?([0-9]{1,10})(?![0-9])", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadLog:
    """One log: its facts as screening writes them, and everything that was read in it."""

    path: str
    log: Log
    facts: LogFacts
    named_seed: str = ""

    @property
    def seed(self) -> str:
        """The seed it states, else the one in its name, else ""."""
        return str(self.facts.seed) if self.facts.seed is not None else self.named_seed

    def at(self, quote: Quote) -> Location:
        """The place of a line of this log."""
        return Location(path=self.path, line=quote.line, text=quote.text)

    def whole(self) -> Location:
        """The file itself."""
        return Location(path=self.path)


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


def read_logs(tree: Tree) -> tuple[ReadLog, ...]:
    """Every log of the tree, by path; at most `MOST_LOGS` of them."""
    found: list[ReadLog] = []
    read = 0
    for path in tree.paths:
        if not _LOG_NAME.search(path) or _NOT_A_LOG.search(path) or path not in tree.files:
            continue
        content = tree.files[path]
        read += len(content)
        if len(found) == MOST_LOGS or read > MOST_BYTES:
            break
        log = read_log(content)
        if _is_log(path, log):
            found.append(_facts(path, log, content))
    return tuple(found)


def _is_log(path: str, log: Log) -> bool:
    """Whether the file tells of a run, or is called a log."""
    told = log.scores or log.stop or log.embedded or "world_size" in log.stated
    return bool(told) or path.lower().endswith((".log", ".stdout")) or "train" in path.lower()


def _facts(path: str, log: Log, content: bytes) -> ReadLog:
    quotes: dict[str, Quote] = {}
    values: dict[str, int] = {}
    for name, stated_as in _STATED.items():
        stated = next((found for key in stated_as if (found := log.last(key))), None)
        if stated is not None:
            values[name], quotes[name] = int(stated.value), stated.quote
    final = log.final
    if final is not None:
        quotes["bpb"] = quotes["label"] = final.quote
        quotes["loss"] = final.quote
    if log.stop is not None:
        quotes["train_seconds"] = quotes["steps"] = log.stop.quote
    if log.gpus_at is not None:
        quotes["hardware"] = log.gpus_at
    scoring = scoring_seconds(log)
    if scoring is not None:
        quotes["score_seconds"] = scoring[1]
    named = _SEED_IN_NAME.search(path.rsplit("/", 1)[-1])
    facts = LogFacts(
        path=path,
        seed=values.get("seed"),
        bpb=final.bpb if final else None,
        loss=final.loss if final else None,
        label=final.label if final else "",
        train_seconds=log.stop.seconds if log.stop else None,
        score_seconds=scoring[0] if scoring else None,
        steps=log.stop.step if log.stop else None,
        total_bytes=values.get("total_bytes"),
        model_bytes=values.get("model_bytes"),
        code_bytes=values.get("code_bytes"),
        tokens=values.get("tokens"),
        hardware=_hardware(log),
        world_size=values.get("world_size"),
        embedded_bytes=log.embedded[-1].size if log.embedded else None,
        final=final is not None,
        sha256=hashlib.sha256(content).hexdigest(),
        lines={name: quote.line for name, quote in quotes.items()},
    )
    return ReadLog(path=path, log=log, facts=facts, named_seed=named.group(1) if named else "")


_STATED: Mapping[str, tuple[str, ...]] = {
    "seed": ("seed",),
    "total_bytes": ("total_bytes",),
    "model_bytes": ("model_bytes",),
    "code_bytes": ("code_bytes_packed", "code_bytes"),
    "tokens": ("val_tokens",),
    "world_size": ("world_size",),
}


def _hardware(log: Log) -> str:
    """ "8 × NVIDIA H100 80GB HBM3", "" where the log shows no devices."""
    kinds = dict.fromkeys(log.gpus)
    return ", ".join(f"{log.gpus.count(kind)} × {kind}" for kind in kinds)[:200]


def scoring_seconds(log: Log, scored: Score | None = None) -> tuple[float, Quote] | None:
    """What the log says that scoring took: of `scored`, else of its final score."""
    judged = scored or log.final
    if judged is None:
        return None
    same = [
        score
        for score in log.scores
        if score.seconds and agrees(score.bpb, judged.bpb, score.digits, judged.digits)
    ]
    if same and same[-1].seconds is not None:
        return same[-1].seconds, same[-1].quote
    return None


def choose_backing(
    claimed: Claimed | None, logs: Sequence[ReadLog], *, record: bool
) -> tuple[ReadLog, ...]:
    """The logs that stand for the claim.

    With a claim per seed: for each seed the log that agrees with it, else the seed's last log.
    Without: every final log that lies least deep, of the seeds that are listed. What asks for no
    record may be a study of one seed; then it is the log that the claim is the score of.
    """
    finals = [log for log in logs if log.log.final is not None]
    if claimed is not None and claimed.seed_bpbs:
        chosen = [_for_seed(seed, bpb, finals) for seed, bpb in claimed.seed_bpbs.items()]
        found = tuple(dict.fromkeys(log.path for log in chosen if log is not None))
        if found:
            return tuple(log for log in finals if log.path in found)
    if not finals:
        return ()
    if claimed is not None and claimed.val_bpb is not None and not record:
        value = claimed.val_bpb
        seeds = {log.seed for log in finals}
        alone = tuple(log for log in finals if final_agrees(log, value))
        if len(alone) == 1 and len(seeds) < len(finals):
            return alone
    least = min(log.path.count("/") for log in finals)
    shallow = tuple(log for log in finals if log.path.count("/") == least)
    if claimed is None or not claimed.seeds:
        return shallow
    wanted = {str(seed) for seed in claimed.seeds}
    named = tuple(log for log in shallow if log.seed in wanted)
    return named or shallow


def _for_seed(seed: str, bpb: float, logs: Sequence[ReadLog]) -> ReadLog | None:
    own = [log for log in logs if log.seed == seed]
    own = own or [log for log in logs if log.named_seed == seed]
    for log in own or [log for log in logs if not log.seed]:
        if final_agrees(log, bpb):
            return log
    return own[-1] if own else None


def choose_scores(
    claimed: Claimed | None, logs: Sequence[ReadLog]
) -> tuple[tuple[ReadLog, Score], ...]:
    """The score of each log that the claim rests on: its final one unless the claim is another.

    A seed's claim that a log prints is that log's score. A claimed mean that is not the finals'
    may be the mean of another score that every log prints under one label.
    """
    finals = tuple((log, log.log.final) for log in logs if log.log.final is not None)
    if claimed is None or not finals:
        return finals
    if claimed.seed_bpbs:
        return tuple(
            (log, _printed(log, claimed.seed_bpbs.get(log.seed)) or final) for log, final in finals
        )
    value = claimed.val_bpb
    if value is None or _mean_agrees([final for _, final in finals], value):
        return finals
    results = [
        {score.label: score for score in log.log.scores if score.meaning is Meaning.RESULT}
        for log, _ in finals
    ]
    for label in results[0]:
        chosen = [found[label] for found in results if label in found]
        if len(chosen) == len(finals) and _mean_agrees(chosen, value):
            return tuple((log, score) for (log, _), score in zip(finals, chosen, strict=True))
    return finals


def _printed(log: ReadLog, claimed: float | None) -> Score | None:
    """The score of a log that a claim is, None where it prints none."""
    if claimed is None or final_agrees(log, claimed):
        return None
    told = (Meaning.RESULT, Meaning.DIAGNOSTIC)
    found = (score for score in log.log.scores if score.meaning in told)
    return next((score for score in found if score_agrees(score, claimed)), None)


def _mean_agrees(scores: Sequence[Score], claimed: float) -> bool:
    digits = min(score.digits for score in scores)
    return agrees(fmean(score.bpb for score in scores), claimed, digits, decimals_of(claimed))


def final_agrees(log: ReadLog, claimed: float) -> bool:
    """Whether a claimed number can be the log's final score, rounded as it was written."""
    final = log.log.final
    return final is not None and agrees(final.bpb, claimed, final.digits, decimals_of(claimed))


def score_agrees(score: Score, claimed: float) -> bool:
    """Whether a claimed number can be this score."""
    return agrees(score.bpb, claimed, score.digits, decimals_of(claimed))


def read_evidence(
    tree: Tree, *, folder: str, policy: Policy, program: Program | None = None
) -> Evidence:
    """Claims and logs of one submission. Never raises for what its files hold."""
    return Evidence(
        tree=tree,
        folder=folder,
        policy=policy,
        claimed=read_claimed(tree),
        read=read_logs(tree),
        program=program,
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
