"""Runs one row: composes the submission, verifies it for real, and compares with what must come.

The store is one of its own whose images, wheels and data are those at hand, so that attempts are
counted apart and nothing is built twice.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from tests.cheats.catalog import HERE, HONEST, Cheat
from verifier import heldout, installed, pipeline, store
from verifier import policy as policies
from verifier.policy import PolicyFile
from verifier.records import Answer, Outcome, Verdict
from verifier.watch import Unwatched

DOCUMENTS = 24
FEW = 9
"""One batch of eight and one of one: the least in which a batch can leak into another."""
FEW_QUESTIONS = MappingProxyType({"chain_uniform: 64": "chain_uniform: 16"})
"""Of a chain: enough to tell which rule broke where a cheat does little else."""
SHARED = ("roots", "wheels", "data", "downloads", "venvs", "harness", "secrecy")
IGNORED = shutil.ignore_patterns("__pycache__")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What came of a row. `wrong` says in words what should not have been; "" if all is well."""

    verdict: Verdict
    seconds: float
    wrong: str


@contextlib.contextmanager
def own_store(place: Path) -> Iterator[Path]:
    """A store at `place` that shares what is costly with the one at hand, while the block runs."""
    furnish(place)
    before = os.environ.get(store.STORE_VARIABLE)
    os.environ[store.STORE_VARIABLE] = str(place)
    try:
        yield place
    finally:
        if before is None:
            del os.environ[store.STORE_VARIABLE]
        else:
            os.environ[store.STORE_VARIABLE] = before


def furnish(place: Path) -> None:
    """Make `place` a store that shares what is costly with the one at hand."""
    common = store.root()
    place.mkdir(parents=True, exist_ok=True)
    for name in SHARED:
        (common / name).mkdir(exist_ok=True)
        with contextlib.suppress(FileExistsError):
            (place / name).symlink_to(common / name)


@contextlib.contextmanager
def canary() -> Iterator[str]:
    """A random value in this process's environment and memory while the block runs."""
    value = f"CANARY-{secrets.token_hex(16)}"
    os.environ["GOLF_CANARY"] = value
    try:
        yield value
    finally:
        del os.environ["GOLF_CANARY"]


def cheats_policy(changes: dict[str, str] | None = None) -> PolicyFile:
    """The embedded default's rules for any number of documents, with some lines exchanged."""
    text = (installed.path("policies") / "local_cpu.yaml").read_text(encoding="utf-8")
    manifest = next(line for line in text.splitlines() if line.startswith("  manifest:"))
    exchanged = {
        "name: local_cpu": "name: cheats",
        manifest: "  manifest: null",
        # Tests have neighbours, and a cheat is refuted whoever else is at work here.
        "pressure_at_most: 0.1": "pressure_at_most: 0.95",
        "drift_at_most: 0.2": "drift_at_most: 0.95",
        **(changes or {}),
    }
    for old, new in exchanged.items():
        assert old in text, f"the policy has no line {old!r}"
        text = text.replace(old, new)
    return policies.parse(text.encode(), "cheats.yaml")


def composed(cheat: Cheat, folder: Path, documents: int = DOCUMENTS) -> Path:
    """The cheat's submission in `folder`: the honest one, its own files over it, the last touch."""
    shutil.copytree(HERE / HONEST, folder, ignore=IGNORED)
    if cheat.folder.is_dir():
        shutil.copytree(cheat.folder, folder, dirs_exist_ok=True, ignore=IGNORED)
    if cheat.touch is not None:
        cheat.touch(folder, heldout.build(store.root()).subset(documents))
    return folder


def run(
    cheat: Cheat,
    place: Path,
    *,
    scorers: int = 1,
    backend: str = "auto",
    documents: int = DOCUMENTS,
    changes: Mapping[str, str] = MappingProxyType({}),
) -> Row:
    """Verify one row under `place`, which must be new, with at most so many boxes at a time.

    `changes` are lines of the policy to be exchanged beside the row's own.
    """
    began = time.monotonic()
    with own_store(place / "store"), canary():
        request = pipeline.Request(
            reference=str(composed(cheat, place / cheat.name, documents)),
            policy=cheats_policy({**cheat.policy, **changes}),
            out=place / "out",
            key=place / "key.pem",
            scorers=min(scorers, cheat.scorers),
            backend=backend,
            documents=documents,
        )
        verdict = pipeline.verify(request, Unwatched()).verdict
    return Row(verdict=verdict, seconds=time.monotonic() - began, wrong=wrong(cheat, verdict))


def wrong(cheat: Cheat, verdict: Verdict) -> str:
    """What in `verdict` is not as the row says, in words; "" if nothing."""
    found = {finding.audit: finding for finding in verdict.findings}
    broken = {name for name in verdict.required if found[name].outcome is Outcome.BROKEN}
    expected = {cheat.audit} if cheat.outcome is Outcome.BROKEN else set()
    said = []
    if verdict.answer is not cheat.answer:
        said.append(f"{verdict.answer.value} instead of {cheat.answer.value}")
    if broken != expected:
        said.append(f"broken: {', '.join(sorted(broken)) or 'nothing'}")
    if cheat.audit is not None:
        finding = found[cheat.audit]
        if finding.outcome is not cheat.outcome:
            said.append(f"{cheat.audit} is {finding.outcome.value}: {finding.reason}")
        elif cheat.answer is Answer.INCONCLUSIVE and not finding.advice:
            said.append(f"{cheat.audit} gives no advice")
    return "; ".join(said)
