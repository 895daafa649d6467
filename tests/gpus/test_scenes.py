"""Every machine that was written down, played to the real witness, and judged from the ledger."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.audits import evidence as make
from tests.audits import scripted
from tests.gpus.judging import evidence, judged, packed, policy, unpacked, witnessed
from tests.gpus.playing import play
from tests.gpus.scenes import CHEATS, HONEST, MACHINES, SCENES, UNTOLD, Scene
from verifier.audits import score_budget, script_budget, train_budget
from verifier.audits.gpuwatched import machine_fault
from verifier.records import Array, Outcome

Libraries = dict[bool, Path]


def played(scene: Scene, libraries: Libraries, tmp_path: Path) -> Array:
    return play(scene.stage, libraries[scene.stage.old], tmp_path)


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
def test_every_machine_gets_the_ruling_that_is_written_beside_it(
    scene: Scene, libraries: Libraries, tmp_path: Path
) -> None:
    """Fair and in time: kept. The machine's fault: another run. The submission's: broken."""
    trace = played(scene, libraries, tmp_path)
    found = judged(scene, trace)
    assert found.outcome is scene.outcome
    assert scene.says in found.reason
    assert (
        bool(machine_fault(witnessed(trace), policy(scene.gpus), scene.init_seconds)) is scene.fault
    )


def test_no_machine_refutes_and_no_cheat_is_blamed_on_it() -> None:
    """Our fault and theirs never share a channel."""
    assert not any(scene.outcome is Outcome.BROKEN for scene in (*MACHINES, *UNTOLD, *HONEST))
    assert all(scene.outcome is Outcome.BROKEN and not scene.fault for scene in CHEATS)
    assert all(scene.fault and scene.outcome is Outcome.UNPROVEN for scene in MACHINES)


def test_what_is_shown_are_the_figures_of_the_trace(libraries: Libraries, tmp_path: Path) -> None:
    """A person can follow the ruling: how long at least and at most, and how often was looked."""
    shown = judged(HONEST[0], played(HONEST[0], libraries, tmp_path)).evidence
    assert shown["gpu_seconds_at_least"] == pytest.approx(10.4, abs=0.11)
    assert shown["gpu_seconds_at_most"] == pytest.approx(10.6, abs=0.11)
    assert shown["looks_per_second"] == pytest.approx(10.0, abs=0.2)
    assert shown["joules"] == 899.0
    assert shown["gpus_watched"] == ["NVIDIA H100 80GB HBM3"]
    (early,) = [scene for scene in HONEST if scene.name == "GPU used before the clock"]
    before = judged(early, played(early, libraries, tmp_path)).evidence
    assert before["gpu_before_the_clock_seconds"] == pytest.approx(4.0, abs=0.11)


def test_scoring_asks_for_the_same_fairness(libraries: Libraries, tmp_path: Path) -> None:
    """A stranger on the card while scoring ran is the machine's fault, and nobody else's."""
    for scene in (HONEST[0], MACHINES[0]):
        trace = played(scene, libraries, tmp_path)
        given = evidence(trace, 1)
        seed = given.seeds[0]
        watched = make.with_seed(given, gpus=(replace(seed.gpus[0], phase="score"),))
        found = score_budget.AUDIT.judge(watched, policy(1))
        assert found.outcome is scene.outcome
        assert ("used by process 900" in found.reason) is scene.fault
        assert score_budget.AUDIT.judge(given, policy(1)).outcome is Outcome.UNPROVEN
        slow = make.with_part(watched, "scoring", busy_seconds=999.0)
        over = score_budget.AUDIT.judge(slow, policy(1)).outcome
        assert over is (Outcome.UNPROVEN if scene.fault else Outcome.BROKEN)


def _of_a_script(line: dict[str, Any]) -> dict[str, Any]:
    """A line of a training's trace, as it would be of a script's."""
    own = {"box": "script"}
    contexts = [{**c, **own} if c["box"] else c for c in line.get("contexts", [])]
    return {**line, **(own if "box" in line else {}), "contexts": contexts}


def test_a_script_is_held_to_it_too(libraries: Libraries, tmp_path: Path) -> None:
    """Both budgets of a script that scores itself rest on GPUs that were watched and fair."""
    rules = policy(1, limit_seconds=300.0)
    for scene in (HONEST[0], MACHINES[0]):
        told = unpacked(played(scene, libraries, tmp_path))
        trace = packed(_of_a_script(line) for line in told)
        made = make.with_opening(
            scripted.evidence(), hardware={"gpus": "1", "gpu": "NVIDIA H100 80GB HBM3"}
        )
        seen = make.with_seed(made, gpus=(witnessed(trace, phase="script"),))
        for audit in (script_budget.TRAIN, script_budget.SCORE):
            found = audit.judge(seen, rules)
            assert found.outcome is scene.outcome
            assert ("used by process 900" in found.reason) is scene.fault
            assert audit.judge(made, rules).reason == "nobody watched the GPUs"


def test_a_policy_without_gpus_asks_for_no_witness(libraries: Libraries, tmp_path: Path) -> None:
    """What is judged on a CPU is judged as before, whatever a trace says."""
    trace = played(MACHINES[0], libraries, tmp_path)
    given = make.with_seed(make.evidence(), gpus=(witnessed(trace),))
    for audit in (train_budget.AUDIT, score_budget.AUDIT):
        without = audit.judge(make.evidence(), make.local())
        assert audit.judge(given, make.local()) == without
        assert without.outcome is Outcome.KEPT
