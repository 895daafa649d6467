"""Which files of a submission are logs of runs, and what does each say in screening's words?"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

from verifier.screening.finding import Location
from verifier.screening.screened import LogFacts
from verifier.source import Tree
from verifier.source.logs import Log, Quote, Score, agrees, read_log

MOST_LOGS = 64
MOST_BYTES = 64_000_000
MOST_CHARACTERS = 4_000_000
"""Of all the logs together, read closely."""

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


def read_logs(tree: Tree) -> tuple[ReadLog, ...]:
    """Every log of the tree, by path; at most `MOST_LOGS` of them."""
    found: list[ReadLog] = []
    read, closely = 0, MOST_CHARACTERS
    for path in tree.paths:
        if not _LOG_NAME.search(path) or _NOT_A_LOG.search(path) or path not in tree.files:
            continue
        content = tree.files[path]
        read += len(content)
        if len(found) == MOST_LOGS or read > MOST_BYTES:
            break
        log = read_log(content, closely)
        closely -= log.characters
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
