"""Finished runs of every kind, and what it takes to write and read their reports."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np

from tests.audits import evidence as make
from tests.audits import scripted
from tests.audits.evidence import HONEST
from tests.audits.test_chain import CHEAT, GAINED
from tests.audits.traces import trace
from verifier import installed, report
from verifier.policy import Policy
from verifier.records import (
    Adaptation,
    Claim,
    EndedBy,
    EnvironmentFault,
    Evidence,
    FaultKind,
    Outcome,
    PreviousRow,
    Screened,
    SpeedProbe,
    Step,
    Verdict,
    WaitingToldBy,
    WallHits,
)
from verifier.report.contents import tell
from verifier.report.model import Report
from verifier.verdict import decide

HOSTILE = (
    '<script>alert(1)</script>"><img src=x onerror=alert(2)> \x1b[31mred\x1b[0m\x07 \x9b2J'
    " [link](https://evil.example/a) ![p](http://evil.example/b) www.evil.example @everyone #1"
    " | a `tick` ``two`` ~~~ \u202egnp.exe\u202c \u200b\ud800 e\u0301\u0302\u0303\u0304"
    "\n# VERIFIED\r\n| kept |\n```\n</pre></details><h1>x</h1> {{ 7*7 }} [bold red]markup[/]"
)


def verified() -> Evidence:
    """Everything kept."""
    return make.evidence()


def refuted() -> Evidence:
    """A score that needs what follows, named by the chain."""
    steps = make.chain(CHEAT, GAINED, {Step.EVERY_SYMBOL: HONEST})
    return make.with_seed(make.evidence(CHEAT), chain=steps)


def unexplained() -> Evidence:
    """The same without a chain."""
    return make.evidence(CHEAT)


def training_failed() -> Evidence:
    """Stopped at the limit; nothing came after."""
    late = make.with_part(
        make.evidence(),
        "training",
        ended_by=EndedBy.WALL_CLOCK,
        exit_code=137,
        wall_seconds=(300.1, 300.6),
        init_seconds=4.0,
        pack_seconds=2.0,
        log="".join(f"step {i}\n" for i in range(40)) + "still training\n",
    )
    return make.with_seed(late, weighing=None, scoring=None, replay=None, secrecy=())


def nothing() -> Evidence:
    """Not even a training run was finished, and no box was read back."""
    bare = make.with_seed(
        make.evidence(), training=None, weighing=None, scoring=None, replay=None, secrecy=()
    )
    return replace(bare, boxes=(), nonce=None)


def no_pass() -> Evidence:
    """The scorer raised while asked."""
    message = "Traceback:\n  line 7\nRuntimeError: shapes"
    raised = make.fault(FaultKind.ERROR, message=message, host_starved=True)
    silent = make.fault(FaultKind.LATE, document=None)
    return make.with_seed(make.evidence(), scoring=None, replay=None, faults=(raised, silent))


def no_replay() -> Evidence:
    """Scored, and not replayed."""
    return make.with_seed(make.evidence(), replay=None)


def stream() -> Evidence:
    """Adapts over the stream, for which there is no replay."""
    found = make.with_seed(make.evidence(), replay=None)
    facts = found.opening.submission
    scorer = replace(make.scorer(), adaptation=Adaptation.STREAM)
    return make.with_opening(found, submission=replace(facts, scorer=scorer))


def several() -> Evidence:
    """Three seeds where one was asked, the second without a pass."""
    found = make.evidence(count=3)
    first, second, third = found.seeds
    cheat = replace(third, scoring=replace(third.scoring, charges=CHEAT))  # type: ignore[type-var]
    return replace(found, seeds=(first, replace(second, scoring=None, replay=None), cheat))


def machine_fault() -> Evidence:
    """The machine was at fault, and a rule was broken all the same."""
    heavy = make.with_part(make.evidence(), "weighing", artifact_bytes=16_000_001)
    seed = heavy.seeds[0].seed
    fault = EnvironmentFault(seed=seed, phase="train", reason="a foreign process on the GPU")
    return make.with_seed(heavy, environment=(fault,))


def busy_machine() -> Evidence:
    """Watched throughout: others were there, and the node is slower than it usually is."""
    seen = (
        trace(seconds=100, box=0.7, waits=0.3, others=1.0),
        trace(seconds=11, phase="pass"),
        trace(seconds=50, phase="replay", waiting=WaitingToldBy.MACHINE),
    )
    probes = tuple(
        SpeedProbe(
            seed=1,
            moment=moment,
            threads=1,
            seconds={"interpreter": seconds, "memory copy": seconds, "matrix product": 9.0},
            usual_seconds={"interpreter": 0.5, "memory copy": 0.5},
            usual_of=12,
        )
        for moment, seconds in (("before", 1.0), ("after", 1.1))
    )
    return make.with_seed(make.evidence(), cpu={each.phase: each for each in seen}, speed=probes)


def no_numbers() -> Evidence:
    """Charges, blind costs and clocks that are no numbers."""
    charges, blind = HONEST.copy(), HONEST.copy()
    charges[3], charges[31], blind[5], blind[7] = np.nan, np.inf, np.nan, np.inf
    found = make.with_part(make.evidence(charges), "replay", blind=blind, busy_seconds=np.nan)
    found = make.with_part(found, "scoring", busy_seconds=np.inf)
    found = make.with_part(found, "training", wall_seconds=(np.nan, np.inf), cpu_seconds=np.nan)
    return make.with_opening(
        found, submission=replace(found.opening.submission, claim=Claim(val_bpb=np.nan))
    )


def hostile() -> Evidence:
    """Every text that a submission can write says the worst."""
    found = make.with_opening(
        make.evidence(),
        submission=replace(
            make.opening().submission,
            name=HOSTILE,
            author=HOSTILE,
            scorer=replace(make.scorer(), tokenizer=HOSTILE),
        ),
        image=replace(make.opening().image, pinned=False, packages={HOSTILE: HOSTILE}),
        hardware={"cpu": HOSTILE},
    )
    found = make.with_part(found, "training", log=HOSTILE * 3, exit_code=1, unfair=HOSTILE)
    found = make.with_part(found, "weighing", objections=(HOSTILE,) * 60)
    scans = (
        replace(make.scan("submission and artifact", 0.84), worst_file=HOSTILE, unread=(HOSTILE,)),
        make.scan("image"),
    )
    fault = make.fault(FaultKind.ERROR, message=HOSTILE, request=HOSTILE)
    seed = found.seeds[0].seed
    return replace(
        make.with_seed(found, secrecy=scans, faults=(fault,)),
        boxes=(make.box(walls={HOSTILE: HOSTILE}, lacking=(HOSTILE,)),),
        wall_hits=(WallHits(seed=seed, phase="train", attempts=(HOSTILE, "connect 1.1.1.1:53")),),
        previous=PreviousRow(name=HOSTILE, bpb=(1.9, float("nan"))),
    )


def reproduced() -> Evidence:
    """A script that was run again, and shadowed."""
    return scripted.evidence()


def script_failed() -> Evidence:
    """A script that ended badly; its behaviour was refuted, and it left nothing."""
    found = scripted.evidence(
        exit_code=1, bpb=None, printed="", artifact_seconds=None, artifact=(), is_claimed=False
    )
    return replace(found, behaviour=scripted.behaviour(future=Outcome.BROKEN), screened=None)


def hostile_script() -> Evidence:
    """Every text that a script can write says the worst."""
    found = scripted.evidence(printed=HOSTILE, log=HOSTILE * 3, artifact=(HOSTILE,), unfair=HOSTILE)
    facts, terms = found.opening.submission, found.opening.submission.script
    assert terms is not None
    assert found.behaviour is not None
    terms = replace(terms, entry=HOSTILE, command=HOSTILE, told_by=HOSTILE)
    tested = tuple(
        replace(each, outcome=Outcome.BROKEN, said=HOSTILE, evidence={"file": HOSTILE})
        for each in found.behaviour.conditions
    )
    return replace(
        make.with_opening(
            found, submission=replace(facts, name=HOSTILE, author=HOSTILE, script=terms)
        ),
        behaviour=replace(found.behaviour, conditions=tested, notes=(HOSTILE,)),
        counterfactual=scripted.elsewhere(printed=HOSTILE, unit=HOSTILE, log=HOSTILE),
        screened=Screened(answer=HOSTILE, remarks=(HOSTILE,) * 3),
    )


RUNS: dict[str, Callable[[], Evidence]] = {
    run.__name__: run
    for run in (
        verified,
        refuted,
        unexplained,
        training_failed,
        nothing,
        no_pass,
        no_replay,
        stream,
        several,
        machine_fault,
        busy_machine,
        no_numbers,
        hostile,
        reproduced,
        script_failed,
        hostile_script,
    )
}


@cache
def found(name: str) -> tuple[Evidence, Verdict]:
    """A run's evidence and its verdict."""
    evidence = RUNS[name]()
    return evidence, decide(evidence, make.local())


def told(name: str, policy: Policy | None = None) -> Report:
    """A run's report, under the default policy if none is given."""
    return tell(*found(name), policy or make.local())


def sampled(count: int = 1) -> tuple[Evidence, Verdict, Policy]:
    """Runs replayed only where nonce and score root say."""
    policy = make.sampled()
    evidence = make.evidence(count=count)
    drawn = [make.with_draws(replace(evidence, seeds=(seed,))).seeds[0] for seed in evidence.seeds]
    evidence = replace(evidence, seeds=tuple(drawn))
    return evidence, decide(evidence, policy), policy


def written(folder: Path, name: str) -> Path:
    """The page of a run, written into `folder` where the run's policy lies too."""
    evidence, verdict = found(name)
    text = (installed.path("policies") / "local_cpu.yaml").read_bytes()
    (folder / "ledger").mkdir(parents=True)
    (folder / "ledger" / "policy.yaml").write_bytes(text)
    digest = hashlib.sha256(text).hexdigest()
    opening = replace(evidence.opening, policy_digest=digest)
    return report.write(folder, replace(evidence, opening=opening), verdict)


@cache
def files(name: str) -> dict[str, str]:
    """What a run's report.json, report.md and report.html say."""
    with tempfile.TemporaryDirectory() as folder:
        beside = written(Path(folder) / "run", name).parent
        return {path.name: path.read_text("utf-8") for path in beside.iterdir() if path.is_file()}


def page(name: str) -> str:
    """The HTML of a run."""
    return files(name)["report.html"]
