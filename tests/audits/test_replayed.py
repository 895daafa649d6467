"""The replay must be whole, sound and in time before anything it did not see is kept."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.audits import evidence as make
from tests.audits.evidence import EVERYWHERE, HONEST, N
from tests.audits.test_chain import CHEAT, GAINED
from verifier.audits import determinism, lookahead, normalization, purity, reset
from verifier.audits.calibration import device_of
from verifier.audits.replayed import ASKED, read_replay
from verifier.policy import CalibrationRule, Policy
from verifier.records import Adaptation, Array, Evidence, NonceOpened, Outcome, Step

FIVE = (lookahead.AUDIT, normalization.AUDIT, reset.AUDIT, purity.AUDIT, determinism.AUDIT)


def outcomes(found: Evidence, policy: Policy | None = None) -> set[Outcome]:
    return {audit.judge(found, policy or make.local()).outcome for audit in FIVE}


def test_charges_that_equal_the_blind_costs_everywhere_keep_all_five() -> None:
    """§4.3: `all` leaves nothing to miss."""
    assert outcomes(make.evidence()) == {Outcome.KEPT}


def test_deviations_within_tau_are_kept() -> None:
    """§4.4: what two honest answers may differ by."""
    near = (HONEST - np.float32(5e-5)).astype(np.float32)
    assert outcomes(make.evidence(near)) == {Outcome.KEPT}


def test_a_deviation_without_a_chain_is_unproven() -> None:
    """§4.5: no chain, no name."""
    assert outcomes(make.evidence(CHEAT)) == {Outcome.UNPROVEN}


def test_one_deviating_token_is_enough() -> None:
    """§4.5: any token beyond τ."""
    charges = HONEST.copy()
    charges[100] -= np.float32(0.01)
    assert outcomes(make.evidence(charges)) == {Outcome.UNPROVEN}


def test_blind_costs_that_differ_are_counted_beyond_tau() -> None:
    """§4.5: what is within it does not; infinite in both, it does not either."""
    charges, blind = np.ones(N, dtype=np.float32), np.ones(N, dtype=np.float32)
    blind[:4] = 1.25, 1.5, np.nan, np.inf
    charges[3] = np.inf
    found = make.with_part(make.evidence(charges), "replay", blind=blind)
    quarter = make.changed(make.local(), replay={"tau_nats": 0.25})
    finding = purity.AUDIT.judge(found, quarter)
    assert finding.evidence["deviating"] == 2
    assert finding.reason.startswith("2 blind costs differ from the pass")


@pytest.mark.parametrize(
    "changes",
    [
        {"targets": EVERYWHERE[:-1], "blind": HONEST[:-1], "log_sums": np.zeros(N - 1)},
        {"faults": 2},
        {"busy_seconds": 301.0},
        {"busy_seconds": float("nan")},
        {"blind": HONEST[:-1]},
        {"log_sums": np.zeros(3)},
        {"targets": EVERYWHERE + 1},
        {"targets": EVERYWHERE - 1},
        {"targets": EVERYWHERE[::-1], "blind": HONEST[::-1]},
        {"targets": EVERYWHERE.reshape(2, -1), "blind": HONEST.reshape(2, -1)},
        {"blind": np.full(N, np.nan, dtype=np.float32)},
        {"everything": False},
    ],
)
def test_a_replay_that_is_not_whole_keeps_nothing(changes: dict[str, Any]) -> None:
    """§4.1, §4.3: targets left out, two faults, too slow, or arrays that contradict each other."""
    found = make.with_part(make.evidence(), "replay", **changes)
    assert outcomes(found) == {Outcome.UNPROVEN}


@pytest.mark.parametrize(
    ("targets", "said"),
    [
        (np.sort(np.append(EVERYWHERE[:-1], 7)), "ascending and unique"),
        (EVERYWHERE + 1, "outside the held-out data"),
        (EVERYWHERE - 1, "outside the held-out data"),
        (EVERYWHERE[:1].repeat(N), "ascending and unique"),
    ],
)
def test_targets_that_cannot_be_are_said_to_be_wrong(targets: Array, said: str) -> None:
    """One asked twice would stand for another that was never asked."""
    found = make.with_part(make.evidence(), "replay", targets=targets)
    assert said in read_replay(found, found.seeds[0], make.local())["reset"].reason


def test_a_replay_may_take_all_the_time_it_is_granted() -> None:
    """§4.1: up to the last second of it."""
    allowed = make.local().replay.busy_seconds(10.0, make.local().score.limit_seconds)
    assert outcomes(make.with_part(make.evidence(), "replay", busy_seconds=allowed)) == {
        Outcome.KEPT
    }


def test_how_much_was_replayed_is_said() -> None:
    """Every target is another thing than some."""
    whole = lookahead.AUDIT.judge(make.evidence(), make.local())
    assert whole.reason == "every target cost the same blind, within 0.0001 nats"
    some = lookahead.AUDIT.judge(make.with_draws(make.evidence()), make.sampled())
    count = some.evidence["replayed"]
    assert some.reason == f"{count} targets cost the same blind, within 0.0001 nats"
    missing = lookahead.AUDIT.judge(make.with_seed(make.evidence(), replay=None), make.local())
    assert missing.reason == "the replay was not finished"


def test_a_broken_rule_is_not_excused_by_a_nonce_that_fails() -> None:
    """Whoever is caught cannot buy doubt with the verifier's own paperwork."""
    steps = make.chain(CHEAT, GAINED, {Step.EVERY_SYMBOL: HONEST})
    drawn = make.with_draws(make.evidence(CHEAT), 200)
    found = replace(make.with_seed(drawn, chain=steps), nonce=None)
    finding = lookahead.AUDIT.judge(found, make.sampled(200))
    assert finding.outcome is Outcome.BROKEN


def test_one_fault_of_the_machine_is_forgiven() -> None:
    """§4.1: a replay that dies is repeated once."""
    assert outcomes(make.with_part(make.evidence(), "replay", faults=1)) == {Outcome.KEPT}


def test_a_slow_replay_does_not_hide_a_broken_rule() -> None:
    """Whoever is caught cannot buy doubt by answering slowly."""
    steps = make.chain(CHEAT, GAINED, {Step.EVERY_SYMBOL: HONEST})
    found = make.with_seed(make.evidence(CHEAT), chain=steps)
    slow = make.with_part(found, "replay", busy_seconds=1e6)
    answers = read_replay(slow, slow.seeds[0], make.local())
    assert answers["lookahead"].outcome is Outcome.BROKEN
    assert {answers[audit].outcome for audit in ASKED[:-1]} == {Outcome.UNPROVEN}


def test_a_slow_replay_still_says_what_to_do() -> None:
    """Law 9: the advice stands, whatever is proven."""
    found = make.with_seed(make.evidence(CHEAT), chain=make.chain(CHEAT, GAINED))
    slow = make.with_part(found, "replay", busy_seconds=1e6)
    in_time, late = (lookahead.AUDIT.judge(each, make.local()) for each in (found, slow))
    assert late.outcome is Outcome.UNPROVEN and late.reason.startswith("the replay took")
    assert late.advice == in_time.advice != ""


def test_a_chain_that_contradicts_itself_is_unproven() -> None:
    """A step with targets outside the data, or fewer answers than targets, is no evidence."""
    steps = make.chain(CHEAT, GAINED, {Step.EVERY_SYMBOL: HONEST})
    steps[Step.AGAIN] = replace(steps[Step.AGAIN], costs=CHEAT[:-1])
    assert outcomes(make.with_seed(make.evidence(CHEAT), chain=steps)) == {Outcome.UNPROVEN}


def test_no_pass_and_no_replay_are_not_run() -> None:
    """Law 4: missing evidence is never a pass."""
    assert outcomes(make.with_seed(make.evidence(), scoring=None)) == {Outcome.NOT_RUN}
    assert outcomes(make.with_seed(make.evidence(), replay=None)) == {Outcome.NOT_RUN}


def test_a_script_has_nothing_to_replay() -> None:
    """Its ledger has no pass; one that claims to have both is not believed."""
    facts = replace(make.opening().submission, scorer=None)
    found = make.with_opening(make.evidence(), submission=facts)
    assert lookahead.AUDIT.judge(found, make.local()).outcome is Outcome.NOT_RUN


def test_a_stream_scorer_is_said_to_be_beyond_the_replay() -> None:
    """§1: `adaptation: stream` is not promised until built."""
    stream = replace(make.scorer(), adaptation=Adaptation.STREAM)
    facts = replace(make.opening().submission, scorer=stream)
    found = make.with_opening(make.with_seed(make.evidence(), replay=None), submission=facts)
    finding = lookahead.AUDIT.judge(found, make.local())
    assert finding.outcome is Outcome.NOT_RUN
    assert "stream" in finding.reason


def test_a_pass_over_other_targets_cannot_be_held_against_a_replay() -> None:
    """Arrays of another length, or of none, are refused before they are compared."""
    short = make.with_part(make.evidence(), "scoring", charges=HONEST[:-1])
    nothing = {"targets": EVERYWHERE[:0], "blind": HONEST[:0], "log_sums": np.zeros(0)}
    none = make.with_part(make.evidence(HONEST[:0]), "replay", **nothing)
    none = make.with_held_out(none, targets=0, target_counts=np.zeros(0, dtype=np.int32))
    for found in (short, none):
        assert outcomes(found) == {Outcome.UNPROVEN}
        assert "every target" in lookahead.AUDIT.judge(found, make.local()).reason


def test_a_predict_that_is_no_distribution_is_unproven_as_normalization() -> None:
    """The host normalises, so this bought nothing; an author should know all the same."""
    sums = np.full(N, 0.01, dtype=np.float32)
    found = make.with_part(make.evidence(), "replay", log_sums=sums)
    assert normalization.AUDIT.judge(found, make.local()).outcome is Outcome.UNPROVEN
    assert lookahead.AUDIT.judge(found, make.local()).outcome is Outcome.KEPT


@pytest.mark.parametrize(("log_sum", "positions"), [(0.0, 0), (0.25, 0), (0.3, 1), (np.nan, 1)])
def test_a_predict_may_sum_to_one_within_two_tau(log_sum: float, positions: int) -> None:
    """§4.5d; the place that is named is the worst, which is one that is no number."""
    sums = np.zeros(N, dtype=np.float32)
    sums[4], sums[9] = 0.25, log_sum
    exact = make.changed(make.local(), replay={"tau_nats": float(np.expm1(0.25)) / 2})
    found = make.with_part(make.evidence(), "replay", log_sums=sums)
    finding = normalization.AUDIT.judge(found, exact)
    assert finding.outcome is (Outcome.UNPROVEN if positions else Outcome.KEPT)
    if positions:
        assert finding.evidence["positions"] == positions
        assert "at token 9 of document 0" in finding.reason


def test_a_sampled_replay_of_the_drawn_positions_is_kept() -> None:
    """§4.6: everyone draws the same positions from nonce and score root."""
    assert outcomes(make.with_draws(make.evidence()), make.sampled()) == {Outcome.KEPT}


def test_more_than_was_asked_is_kept() -> None:
    """A policy that samples is content with every position."""
    assert outcomes(make.evidence(), make.sampled()) == {Outcome.KEPT}
    assert outcomes(replace(make.evidence(), nonce=None), make.sampled()) == {Outcome.KEPT}


def test_a_sample_that_lacks_draws_is_unproven() -> None:
    """§4.3: each draw must be replayed, and as many as the policy asks."""
    found = make.with_draws(make.evidence())
    assert outcomes(found, make.sampled(41)) == {Outcome.UNPROVEN}
    replay = found.seeds[0].replay
    assert replay is not None
    left = {name: getattr(replay, name)[1:] for name in ("targets", "blind", "log_sums")}
    assert outcomes(make.with_part(found, "replay", **left), make.sampled()) == {Outcome.UNPROVEN}


def test_positions_that_the_nonce_did_not_draw_prove_nothing() -> None:
    """§4.1: nobody may choose where to look."""
    found = make.with_draws(make.evidence())
    replay = found.seeds[0].replay
    assert replay is not None
    chosen = make.with_part(found, "replay", draws=np.full(40, replay.targets[0]))
    finding = lookahead.AUDIT.judge(chosen, make.sampled())
    assert finding.outcome is Outcome.UNPROVEN
    assert "nonce" in finding.reason


@pytest.mark.parametrize(
    ("nonce", "signature", "said"),
    [
        (None, None, "never opened"),
        ("zz", None, "hexadecimal"),
        ("00" * 32, None, "committed"),
        (None, "00" * 64, "signed"),
    ],
)
def test_a_nonce_that_was_not_committed_and_signed_proves_nothing(
    nonce: str | None, signature: str | None, said: str
) -> None:
    """§4.1: sha256 of the key's signature, committed before the pass."""
    found = make.with_draws(make.evidence())
    assert found.nonce is not None
    other = NonceOpened(
        nonce=nonce or found.nonce.nonce, signature=signature or found.nonce.signature
    )
    opened = None if nonce is None and signature is None else other
    finding = lookahead.AUDIT.judge(replace(found, nonce=opened), make.sampled())
    assert finding.outcome is Outcome.UNPROVEN
    assert said in finding.reason
    assert found.seeds[0].replay is not None
    assert finding.evidence["replayed"] == len(found.seeds[0].replay.targets)


# ---------------------------------------------------------------- where τ was measured

H200 = "NVIDIA H200"


def on_a_gpu(device: str | None) -> Policy:
    """The default policy for one GPU, its τ measured on `device` (None: on none)."""
    known = None if device is None else CalibrationRule(device=device, evidence="e" * 64)
    return make.changed(make.local(), hardware={"gpus": 1}, replay={"calibrated": known})


def run_on(gpu: str) -> Evidence:
    """A run whose machine has GPUs of these models; "" for none that is known by name."""
    machine = {"cpu": "some", "gpus": "1", **({"gpu": gpu} if gpu else {})}
    return make.with_opening(make.evidence(), hardware=machine)


def test_a_replay_on_the_calibrated_device_is_judged() -> None:
    """§4.4: measured once for its model, τ holds there."""
    assert outcomes(run_on(H200), on_a_gpu(H200)) == {Outcome.KEPT}


@pytest.mark.parametrize(
    ("gpu", "device", "said"),
    [
        (H200, None, "what honest answers differ by on NVIDIA H200 was not measured"),
        (H200, "NVIDIA H100 80GB HBM3", "measured on NVIDIA H100 80GB HBM3, this ran on"),
        (f"{H200}, NVIDIA L4", H200, "this ran on NVIDIA H200, NVIDIA L4"),
        ("", H200, "not known by name"),
    ],
)
def test_on_another_device_agreement_proves_nothing(
    gpu: str, device: str | None, said: str
) -> None:
    """§4.4: what lies within a τ that was measured elsewhere is not kept."""
    found = run_on(gpu)
    assert outcomes(found, on_a_gpu(device)) == {Outcome.UNPROVEN}
    finding = purity.AUDIT.judge(found, on_a_gpu(device))
    assert finding.reason.startswith("uncalibrated: ")
    assert said in finding.reason
    assert "verifier calibrate" in finding.advice
    assert finding.evidence["largest_nats"] == 0.0


def test_on_an_uncalibrated_device_no_deviation_refutes() -> None:
    """§4.4: what the chain calls a look ahead there may be the device's own arithmetic."""
    steps = make.chain(CHEAT, GAINED, {Step.EVERY_SYMBOL: HONEST})
    cheat = make.with_seed(make.evidence(CHEAT), chain=steps)
    assert lookahead.AUDIT.judge(cheat, make.local()).outcome is Outcome.BROKEN
    elsewhere = make.with_opening(cheat, hardware={"gpus": "1", "gpu": H200})
    assert outcomes(elsewhere, on_a_gpu(None)) == {Outcome.UNPROVEN}
    assert lookahead.AUDIT.judge(elsewhere, on_a_gpu(H200)).outcome is Outcome.BROKEN


def test_any_cpu_is_the_calibrated_one_even_beside_a_gpu() -> None:
    """§4.4: boxes of a policy without GPUs have none; the machine's own change nothing."""
    assert outcomes(run_on(H200), make.local()) == {Outcome.KEPT}


def test_a_gpu_without_a_name_is_no_device_of_any_calibration() -> None:
    """§4.4: nor is it called by another's name."""
    assert device_of(run_on("").opening, on_a_gpu(H200)) == ""
    assert device_of(run_on(H200).opening, on_a_gpu(H200)) == H200


def test_without_a_calibration_a_cpus_replay_proves_nothing_either() -> None:
    """§4.4: null is null."""
    bare = make.changed(make.local(), replay={"calibrated": None})
    assert outcomes(make.evidence(), bare) == {Outcome.UNPROVEN}
