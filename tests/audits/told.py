"""What each audit says of each kind of evidence, in words and figures: written down in told.json.

People act on a finding's reason, advice and figures, so a change of any shows in a diff, to be read
like the code: `python -m tests.audits.told` writes the file anew.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from tests.audits import evidence as make
from tests.audits import scripted
from tests.audits.evidence import HONEST, N
from tests.audits.test_chain import CHEAT, GAINED, NOISE, without
from tests.audits.test_rules import (
    REHEARSAL,
    THREE,
    TRACK,
    against,
    claiming,
    part,
    scanned,
)
from tests.audits.test_scripts import LATE, SLOW, STOPPED
from tests.audits.test_scripts import elsewhere as in_full
from verifier.audits import SCORER, SCRIPT
from verifier.audits.replayed import ASKED
from verifier.policy import Policy, Weigh
from verifier.records import (
    Adaptation,
    Array,
    Assurance,
    ChainStep,
    Claim,
    EndedBy,
    EnvironmentFault,
    Evidence,
    FaultKind,
    Finding,
    Outcome,
    PreviousRow,
    Step,
    WallHits,
)

PATH = Path(__file__).with_name("told.json")
DIGITS = 6

Case = tuple[str, Evidence, Policy]


def cases() -> Iterator[tuple[str, Callable[[], Case]]]:
    """(name, how to make it) of every case: what is asked, of which evidence, under which rules."""
    for name, made in _cases().items():
        audit = name.split(": ")[0]
        yield name, lambda audit=audit, made=made: (audit, *_with_policy(made))


def told(case: Case) -> dict[str, Any]:
    """The finding as the file holds it: seeds by their order, numbers with six digits."""
    audit, evidence, policy = case
    audits = SCORER if evidence.opening.submission.script is None else SCRIPT
    (found,) = (each.judge(evidence, policy) for each in audits if each.id == audit)
    return _plain(found, [str(seed) for seed in evidence.opening.seeds])


def read() -> dict[str, dict[str, Any]]:
    """What is written down."""
    return json.loads(PATH.read_text())  # type: ignore[no-any-return]


def write() -> None:
    """Write down what is said now."""
    found = {name: told(made()) for name, made in cases()}
    PATH.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")


def _plain(found: Finding, seeds: list[str]) -> dict[str, Any]:
    def plain(value: Any) -> Any:
        match value:
            case float():
                return float(f"{value:.{DIGITS}g}")
            case dict():
                return {_seed(str(key)): plain(each) for key, each in value.items()}
            case list() | tuple():
                return [plain(each) for each in value]
            case str():
                return _seed(value)
        return value

    def _seed(text: str) -> str:
        for at, seed in enumerate(seeds):
            text = text.replace(seed, f"#{at + 1}")
        return text

    return {
        "outcome": found.outcome.value,
        "rule": found.rule,
        "reason": plain(found.reason),
        "advice": plain(found.advice),
        "evidence": plain(dict(found.evidence)),
    }


def _with_policy(made: Evidence | tuple[Evidence, Policy]) -> tuple[Evidence, Policy]:
    return made if isinstance(made, tuple) else (made, make.local())


def _lost(name: str) -> Evidence:
    return make.with_seed(make.evidence(), **{name: None})


def _facts(found: Evidence, **changes: Any) -> Evidence:
    return make.with_opening(found, submission=replace(found.opening.submission, **changes))


def _bare() -> Evidence:
    made = scripted.evidence()
    return replace(made, seeds=tuple(replace(seed, script=None) for seed in made.seeds))


def _cases() -> dict[str, Any]:
    honest, script = make.evidence(), scripted.evidence()
    named = {f"{audit.id}: an honest scorer": honest for audit in SCORER}
    named |= {f"{audit.id}: an honest script": script for audit in SCRIPT}
    return named | _replays() | _passes() | _sizes() | _times() | _numbers() | _walls() | _scripts()


AFTER = (Step.OBSERVED_ONLY, Step.OTHER_LENGTHS, Step.RANDOM_COMPANIONS, Step.BLIND)


def _asked(many: int) -> ChainStep:
    """Every symbol, at so many of the worst positions and nowhere else."""
    made = make.symbols(CHEAT, GAINED)
    costs, sums = made.costs[:many], made.log_sums[:many]
    return replace(made, targets=made.targets[:many], costs=costs, log_sums=sums, largest=many)


def _replays() -> dict[str, Any]:
    def tried(charges: Array, by_step: dict[Step, Array], **steps: ChainStep) -> Evidence:
        chain = make.chain(charges, GAINED, by_step)
        chain |= {Step[name]: step for name, step in steps.items()}
        return make.with_seed(make.evidence(charges), chain=chain)

    noisy = (HONEST + NOISE).astype(np.float32)
    moved = (CHEAT + NOISE).astype(np.float32)
    leaks = {Step.OTHER_LENGTHS: moved, Step.RANDOM_COMPANIONS: moved}
    remembers = {Step.AGAIN: HONEST, Step.AGAIN_TWICE: HONEST}
    stream = replace(make.scorer(), adaptation=Adaptation.STREAM)
    odd = np.zeros(N, dtype=np.float32)
    odd[:3] = 0.5
    cut = {"targets": make.EVERYWHERE[:-1], "blind": HONEST[:-1], "log_sums": np.zeros(N - 1)}
    gpu = make.changed(make.local(), hardware={"gpus": 1, "model": "H100"})
    named = make.with_opening(make.evidence(CHEAT), hardware={"gpus": "1", "gpu": "H100"})
    none = np.zeros(0, dtype=np.float32)
    nothing = {"targets": make.EVERYWHERE[:0], "blind": none, "log_sums": none}
    forever = np.full(N, np.inf, dtype=np.float32)
    infinite = make.with_opening(make.evidence(forever), hardware={"gpus": "1", "gpu": "H100"})
    infinite = make.with_part(infinite, "replay", blind=forever)
    found: dict[str, Any] = {
        "no pass": _lost("scoring"),
        "no replay": _lost("replay"),
        "no scorer": _facts(make.evidence(), scorer=None),
        "a stream": make.with_seed(_facts(make.evidence(), scorer=stream), replay=None),
        "not whole": part("replay", **cut),
        "two faults": part("replay", faults=2),
        "slow": part("replay", busy_seconds=301.0),
        "a sample where all was asked": make.with_draws(make.evidence()),
        "too few draws": (part("replay", everything=False), make.sampled()),
        "a charge less": part("scoring", charges=HONEST[:-1]),
        "fewer answers": part("replay", blind=HONEST[:-1]),
        "a target outside": part("replay", targets=make.EVERYWHERE + 1),
        "a target twice": part("replay", targets=np.sort(np.append(make.EVERYWHERE[:-1], 7))),
        "sums that are off": part("replay", log_sums=odd),
        "no chain": make.evidence(CHEAT),
        "a step of fewer answers": tried(
            CHEAT, {}, AGAIN=replace(make.step(Step.AGAIN, CHEAT), costs=CHEAT[:-1])
        ),
        "another device": (named, gpu),
        "another device and nothing replayed": (make.with_part(named, "replay", **nothing), gpu),
        "another device and infinite costs": (infinite, gpu),
        "a device without a name": (make.evidence(CHEAT), gpu),
        "looks ahead": tried(CHEAT, {Step.EVERY_SYMBOL: HONEST}),
        "predicts with less": tried(CHEAT, {}),
        "no distribution": tried(CHEAT, {}, EVERY_SYMBOL=make.symbols(CHEAT, GAINED, 0.5)),
        "not seen again": tried(CHEAT, {Step.BLIND: CHEAT}),
        "remembers": make.with_part(tried(CHEAT, remembers), "replay", blind=HONEST),
        "leaks": tried(CHEAT, leaks | {Step.EMPTY_COMPANIONS: HONEST}),
        "leaks and gains nothing": tried(CHEAT, leaks | {Step.EMPTY_COMPANIONS: CHEAT}),
        "boxes that differ": tried(CHEAT, {Step.AGAIN_TWICE: noisy, Step.EVERY_SYMBOL: HONEST}),
        "leaves traces": tried(CHEAT, {Step.OBSERVED_ONLY: noisy, Step.EVERY_SYMBOL: HONEST}),
        "costs agree once only observed": tried(CHEAT, dict.fromkeys(AFTER, noisy)),
        "no symbols": tried(CHEAT, {}, EVERY_SYMBOL=_asked(0)),
        "one symbol": tried(CHEAT, {}, EVERY_SYMBOL=_asked(1)),
        "traces alone": tried(CHEAT, {Step.OBSERVED_ONLY: noisy, Step.BLIND: CHEAT}),
    }
    for step in Step:
        changed = leaks if step is Step.EMPTY_COMPANIONS else {}
        chain = without(make.chain(CHEAT, GAINED, changed | {Step.EVERY_SYMBOL: HONEST}), step)
        found[f"no {step.value}"] = make.with_seed(make.evidence(CHEAT), chain=chain)
    return {f"{audit}: {name}": made for name, made in found.items() for audit in ASKED}


def _passes() -> dict[str, Any]:
    charges = HONEST.copy()
    charges[3] = np.nan
    two = make.evidence(count=2)
    own = make.changed(make.local(), seeds={"chosen_by": "submission"})
    drawn = two.opening.seeds
    return {
        "coverage: a target less": part("scoring", charged=N - 1),
        "coverage: a charge less": part("scoring", charges=HONEST[:-1]),
        "coverage: no cost": make.evidence(charges),
        "coverage: another root": part("scoring", score_root="0" * 64),
        "coverage: no pass": _lost("scoring"),
        "coverage: nothing weighed": _lost("weighing"),
        "coverage: other data": make.with_held_out(make.evidence(), manifest_digest="0" * 64),
        "coverage: fewer documents": (
            make.evidence(),
            make.changed(make.local(), data={"documents": 7}),
        ),
        "coverage: no documents": make.with_held_out(
            make.evidence(), target_counts=np.zeros(0, dtype=np.int32)
        ),
        "coverage: totals apart": make.with_held_out(make.evidence(), targets=N + 1),
        "coverage: a seed twice": make.with_opening(two, seeds=drawn[:1] * 2),
        "coverage: a chosen seed": make.with_opening(make.evidence(), seeds=(5,)),
        "coverage: no nonce": replace(make.evidence(), nonce=None),
        "coverage: other seeds than the submission's": (
            _facts(two, claim=Claim(val_bpb=2.0, seeds=(1, 2))),
            own,
        ),
        "coverage: one of two seeds": replace(two, seeds=two.seeds[:1]),
        "protocol: no pass": _lost("scoring"),
        "protocol: no replay": _lost("replay"),
        **{
            f"protocol: {kind.value}": make.with_seed(
                make.evidence(), faults=(make.fault(kind, message="one\ntwo\nthree"),)
            )
            for kind in FaultKind
        },
        "protocol: a starved host": make.with_seed(
            make.evidence(), faults=(make.fault(FaultKind.LATE, host_starved=True),)
        ),
        "protocol: two faults": make.with_seed(
            make.evidence(),
            faults=(make.fault(FaultKind.DIED), make.fault(FaultKind.NAN, request="PREDICT")),
        ),
        "bytes: unspelled": make.with_held_out(make.evidence(), unspelled=2, first_unspelled=4),
        "bytes: none": make.with_held_out(make.evidence(), document_bytes=0),
        "bytes: totals apart": make.with_held_out(make.evidence(), document_bytes=586),
        "bytes: counts missing": make.with_held_out(
            make.evidence(), byte_counts=np.array([585], dtype=np.int32)
        ),
        "bytes: another table": make.with_held_out(make.evidence(), table_bytes=600),
    }


def _sizes() -> dict[str, Any]:
    tar = make.changed(make.local(), size={"weigh": Weigh.TAR})
    odd = ("extended attributes on a", "a symbolic link: b")
    image, brought = make.scan("image"), "submission and artifact"
    unread = replace(make.scan(brought), unread=tuple(f"{i}.zip: too large" for i in range(7)))
    return {
        "artifact-size: over": part("weighing", artifact_bytes=16_000_001),
        "artifact-size: one of three over": make.with_part(
            make.evidence(count=3), "weighing", artifact_bytes=20_000_000
        ),
        "artifact-size: a tar over": (part("weighing", tar_bytes=16_000_001), tar),
        "artifact-size: too much source": part("weighing", code_raw_bytes=200_001),
        "artifact-size: hidden": part("weighing", objections=odd),
        "artifact-size: a link": part("weighing", objections=(odd[1],) * 7),
        "artifact-size: not weighed": _lost("weighing"),
        "artifact-size: of a training that failed": part("training", exit_code=1),
        "secrecy: a prefix": scanned(image, make.scan(brought, 0.5)),
        "secrecy: in the image": scanned(make.scan("image", 0.5), make.scan(brought)),
        "secrecy: a little": scanned(image, make.scan(brought, 0.05)),
        "secrecy: not scanned": scanned(image),
        "secrecy: no windows": scanned(image, replace(make.scan(brought), windows=0)),
        "secrecy: unread": scanned(image, unread),
        "secrecy: unread in the image": scanned(
            replace(image, unread=unread.unread), make.scan(brought)
        ),
    }


def _times() -> dict[str, Any]:
    def spoilt(phase: str, found: Evidence) -> Evidence:
        fault = EnvironmentFault(seed=1, phase=phase, reason="it slept")
        return make.with_seed(found, environment=(fault,))

    late = part("training", wall_seconds=(301.0, 302.0))
    slow = part("scoring", busy_seconds=301.0)
    stopped = make.with_seed(
        make.evidence(), scoring=None, faults=(make.fault(FaultKind.BUDGET, phase="pass"),)
    )
    forbidden = make.changed(make.local(), train={"sealed_start": "forbidden"})
    cases = {
        "too late": late,
        "too near": part("training", wall_seconds=(299.9, 300.1)),
        "stopped": part("training", ended_by=EndedBy.WALL_CLOCK, exit_code=None),
        "failed": part("training", exit_code=3, log="a\nb\nc\n"),
        "out of memory": part("training", ended_by=EndedBy.MEMORY, exit_code=None, log="a"),
        "packed for long": part("training", pack_seconds=60.5),
        "all its clocks": part("training", init_seconds=5.0, pack_seconds=33.71),
        "another limit": part("training", limit_seconds=600.0),
        "unfair": part("training", unfair="it slept"),
        "a fault": spoilt("train", late),
        "a sealed start": (part("training", init_seconds=5.0), forbidden),
        "other hardware": (make.evidence(), TRACK),
        "late on other hardware": (late, TRACK),
        "late in a rehearsal": (late, REHEARSAL),
        "not seen": _lost("training"),
    }
    named: dict[str, Any] = {f"train-budget: {name}": made for name, made in cases.items()}
    cases = {
        "slow": slow,
        "stopped": stopped,
        "not timed": part("scoring", busy_seconds=float("nan")),
        "a fault": spoilt("score", slow),
        "other hardware": (make.evidence(), TRACK),
        "slow on other hardware": (slow, TRACK),
        "slow in a rehearsal": (slow, REHEARSAL),
        "no pass": _lost("scoring"),
    }
    return named | {f"score-budget: {name}": made for name, made in cases.items()}


def _numbers() -> dict[str, Any]:
    bpb = make.bpb(HONEST)
    row = PreviousRow(name="row", bpb=(bpb + 1,))
    four = make.changed(make.local(), seeds={"count": 4})
    low = against((bpb + 0.03, bpb + 0.031, bpb + 0.032), (0.0, 0.001, 0.002))
    dearer = tuple(
        replace(seed, replay=replace(seed.replay, blind=seed.replay.blind + np.float32(0.05)))
        for seed in low.seeds
        if seed.replay is not None
    )
    some = claiming(0.5)
    fault = EnvironmentFault(seed=1, phase="train", reason="it slept")
    claims = {
        "too good": claiming(0.5),
        "with fewer seeds": (claiming(bpb - 0.03), four),
        "none": claiming(None),
        "no number": claiming(float("nan")),
        "nothing measured": _lost("scoring"),
        "too good in a rehearsal": (claiming(0.5), REHEARSAL),
        "too good on other data": replace(
            some, held_out=replace(some.held_out, manifest_digest="0" * 64)
        ),
        "too good on a machine at fault": make.with_seed(some, environment=(fault,)),
    }
    records = {
        "surely better": (against((bpb + 0.1, bpb + 0.11, bpb + 0.12)), THREE),
        "as good": (against((bpb, bpb + 0.01, bpb + 0.02)), THREE),
        "perhaps better": (against((bpb - 2, bpb + 0.1, bpb + 2.2)), THREE),
        "not beyond the bound": (replace(low, seeds=dearer), THREE),
        "against one": (against((bpb + 0.1,)), THREE),
        "with one seed": replace(make.evidence(), previous=row),
        "a spot check": (replace(make.evidence(count=2), previous=row), THREE),
        "a rehearsal": (replace(make.evidence(), previous=row), REHEARSAL),
        "no bound": make.with_seed(replace(make.evidence(), previous=row), replay=None),
        "an empty row": replace(make.evidence(), previous=replace(row, bpb=())),
    }
    named: dict[str, Any] = {f"claim: {name}": made for name, made in claims.items()}
    return named | {f"record: {name}": made for name, made in records.items()}


def _walls() -> dict[str, Any]:
    strong = make.changed(make.local(), isolation={"least_assurance": "L2"})
    hit = WallHits(seed=1, phase="train", attempts=tuple(f"connect {i}" for i in range(25)))
    lacking = (make.box(lacking=("b", "a")), make.box(lacking=("a",), assurance=Assurance.L1))
    image = replace(make.opening().image, pinned=False)
    return {
        "isolation: weak": (replace(make.evidence(), boxes=lacking), strong),
        "isolation: not pinned": make.with_opening(make.evidence(), image=image),
        "isolation: another root": replace(
            make.evidence(), boxes=(make.box(), make.box(label="pack", root_digest="0" * 64))
        ),
        "isolation: attempts": replace(make.evidence(), wall_hits=(hit,)),
        "isolation: not read back": replace(make.evidence(), boxes=()),
    }


def _scripts() -> dict[str, Any]:
    made, bare = scripted.evidence(), _bare()
    behaviour = scripted.behaviour()
    eight = make.changed(make.local(), hardware={"gpus": 8, "model": "H100"})
    fault = EnvironmentFault(seed=1, phase="script", reason="it slept")

    def told(**changes: Any) -> Evidence:
        return replace(made, behaviour=replace(behaviour, **changes))

    named: dict[str, Any] = {
        f"{each.condition}: {outcome.value} at toy scale": replace(
            made, behaviour=scripted.behaviour(**{each.condition: outcome})
        )
        for each in behaviour.conditions
        for outcome in (Outcome.BROKEN, Outcome.UNPROVEN)
    }
    named |= {
        f"{each.condition}: {name}": found
        for each in behaviour.conditions
        for name, found in (
            ("no shadow run", replace(made, behaviour=None)),
            ("not asked", told(conditions=())),
        )
    }
    named |= {
        "future: learned first in full": in_full(learned=N // 2),
        "known-source: nobody reaches it": in_full(number=0.9, saved_nats=4_000.0),
        "known-source: silent in full": in_full(number=None),
        "known-source: not run in full": bare,
        "held-out: other bytes": in_full(artifact=Outcome.BROKEN),
        "held-out: cannot be told": in_full(artifact=Outcome.UNPROVEN),
        "held-out: not run again": replace(made, counterfactual=None),
        "bytes: miscounted in full": scripted.evidence(bpb=1.15),
        "coverage: not made up in full": in_full(counted=None),
        "coverage: half in full": in_full(counted=N // 2),
        "coverage: nothing noted": in_full(noted=False),
        "coverage: data of others": replace(
            made, held_out=replace(make.held_out(), manifest_digest="0" * 64)
        ),
        "artifact-size: read from elsewhere": told(elsewhere=("/tmp/w.bin", "/tmp/v.bin")),
        "artifact-size: reads none": told(artifact=()),
        "artifact-size: left none": scripted.evidence(artifact=()),
        "claim: not reached again": scripted.evidence(bpb=1.28),
        "claim: script on a machine at fault": make.with_seed(
            scripted.evidence(bpb=1.28), environment=(fault,)
        ),
    }
    runs: dict[str, Any] = {
        "script late": scripted.evidence(**LATE),
        "script slow": scripted.evidence(**SLOW),
        "script stopped": scripted.evidence(**STOPPED),
        "script stopped without artifact": scripted.evidence(artifact_seconds=None, **STOPPED),
        "script near": scripted.evidence(
            artifact_seconds=(359.5, 360.5), wall_seconds=(659.8, 660.2)
        ),
        "script without artifact": scripted.evidence(artifact_seconds=None),
        "script failed": scripted.evidence(exit_code=1),
        "script out of memory": scripted.evidence(ended_by=EndedBy.MEMORY, exit_code=None),
        "script unfair": scripted.evidence(unfair="a clock stepped", **LATE),
        "script at fault": make.with_seed(scripted.evidence(**LATE), environment=(fault,)),
        "script on other hardware": (made, eight),
        "script late on other hardware": (scripted.evidence(**LATE), eight),
        "script not run": bare,
        "script not run on other hardware": (bare, eight),
    }
    return named | {
        f"{audit}: {name}": found
        for audit in ("train-budget", "score-budget")
        for name, found in runs.items()
    }


if __name__ == "__main__":
    write()
