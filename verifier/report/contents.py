"""What is there to say? Evidence and verdict, gathered into one `Report`.

Every page is made from that report alone, so none can say what another does not. Must never judge
again: outcomes, answer and number are the verdict's.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from enum import Enum, IntEnum
from typing import Any, TypeVar

import numpy as np

from verifier import records, sampling
from verifier.audits import REGISTRY
from verifier.audits.number import alpha_of_attempt
from verifier.policy import Policy
from verifier.records import Array, ChainStep, Evidence, Pass, SeedEvidence, SeedScore, Step
from verifier.report import model, words
from verifier.report.curves import curves, number
from verifier.report.harmless import storable
from verifier.report.model import FORMAT, Report
from verifier.report.watched import speed, watched
from verifier.size import counted_bytes

AnyPart = TypeVar("AnyPart", bound=model.Part)


def tell(evidence: Evidence, verdict: records.Verdict, policy: Policy | None) -> Report:
    """The report of one run. `policy` is None where its file is not beside the run."""
    by_seed = {score.seed: score for score in verdict.seeds}
    return Report(
        format=FORMAT,
        verdict=_verdict(evidence, verdict, policy),
        opening=_part(model.Opening, evidence.opening),
        held_out=_part(
            model.HeldOut, evidence.held_out, documents=len(evidence.held_out.target_counts)
        ),
        policy=policy,
        nonce=_optional(model.Nonce, evidence.nonce),
        previous=_optional(model.PreviousRow, evidence.previous),
        seeds=tuple(_seed(evidence, s, by_seed.get(s.seed), policy) for s in evidence.seeds),
        boxes=_parts(model.Box, evidence.boxes),
        wall_hits=_parts(model.WallHits, evidence.wall_hits),
        behaviour=_behaviour(evidence.behaviour),
        counterfactual=_optional(model.Counterfactual, evidence.counterfactual),
        screened=_optional(model.Screened, evidence.screened),
    )


def plain(value: Any) -> Any:
    """JSON values of a record or of what is in one: no arrays, no NaN, maps in order of key.

    A ledger read back holds its maps in that order, so a report written again is the same bytes.
    """
    match value:
        case np.generic():
            return plain(value.item())
        case Enum():
            return value.name if isinstance(value, IntEnum) else value.value
        case float():
            return number(value)
        case str():
            return storable(value)
        case Mapping():
            return {storable(str(key)): plain(value[key]) for key in sorted(value, key=str)}
        case list() | tuple():
            return [plain(item) for item in value]
        case None | bool() | int():
            return value
    fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    return {n: plain(field) for n, field in fields.items() if not isinstance(field, np.ndarray)}


# ---------------------------------------------------------------- the answer


def _verdict(evidence: Evidence, verdict: records.Verdict, policy: Policy | None) -> model.Verdict:
    asked = REGISTRY.get(evidence.opening.submission.contract, ())
    sentences = {audit.id: audit.sentence for audit in asked}
    return _part(
        model.Verdict,
        verdict,
        findings=tuple(
            _part(
                model.Finding,
                finding,
                standing=_standing(finding, verdict),
                sentence=sentences.get(finding.audit, ""),
            )
            for finding in verdict.findings
        ),
        why=words.why(verdict.answer, verdict.findings, verdict.required),
        deciding=[f.audit for f in words.deciding(verdict.findings, verdict.required)],
        bound=_bound(evidence, verdict, policy),
        not_checked=[f.audit for f in words.unchecked(verdict.findings)],
    )


def _standing(finding: records.Finding, verdict: records.Verdict) -> str:
    if finding.audit in verdict.required:
        return "required"
    return "disclosed" if finding.audit in verdict.disclosed else "listed"


def _bound(evidence: Evidence, verdict: records.Verdict, policy: Policy | None) -> tuple[str, ...]:
    """What δ means in this run, and what it does not see."""
    if evidence.opening.submission.script is not None:
        return (words.OWN_NUMBER,)
    if verdict.delta_bpb is None:
        return ("There is no bound δ: a whole replay of every seed would have given one.",)
    replays = [seed.replay for seed in evidence.seeds if seed.replay is not None]
    if all(replay.everything for replay in replays):
        return (words.exact_sentence(verdict.delta_bpb),)
    if policy is None:
        return ("δ is a sampled replay’s; the policy that says how sure it is, is not beside it.",)
    rule = policy.replay
    alpha = alpha_of_attempt(rule.alpha, evidence.opening.attempt)
    sentence = words.bound_sentence(
        verdict.delta_bpb,
        confidence=words.percent(1 - alpha),
        slack_nats=rule.slack_nats,
        tau=rule.tau_nats,
    )
    bounded = {score.seed for score in verdict.seeds if score.delta_bpb is not None}
    bounds = [_sampled(seed, policy, alpha) for seed in evidence.seeds if seed.seed in bounded]
    sampled = [bound for bound in bounds if bound is not None]
    if len(sampled) > 1:
        sentence += " It holds for each seed’s δ; this one is their mean."
    return (sentence, words.blind_spot(sampled))


def _sampled(seed: SeedEvidence, policy: Policy, alpha: float) -> sampling.Bound | None:
    """The sampled replay's bound again, for its blind spot; None where nothing was sampled."""
    scoring, replay = seed.scoring, seed.replay
    if scoring is None or replay is None or replay.everything:
        return None
    blind = np.full(len(scoring.charges), np.nan, dtype=np.float32)
    blind[replay.targets] = replay.blind
    return sampling.bound(
        replay.draws,
        scoring.charges,
        blind,
        scoring.reference,
        slack_nats=policy.replay.slack_nats,
        tau=policy.replay.tau_nats,
        alpha=alpha,
    )


# ---------------------------------------------------------------- seeds


def _seed(
    evidence: Evidence, seed: SeedEvidence, score: SeedScore | None, policy: Policy | None
) -> model.Seed:
    scorer = evidence.opening.submission.scorer
    tau = None if policy is None else policy.replay.tau_nats
    scoring, replay, weighing = seed.scoring, seed.replay, seed.weighing
    return model.Seed(
        seed=seed.seed,
        bpb=None if score is None else score.bpb,
        delta_bpb=None if score is None else score.delta_bpb,
        training=_optional(model.Training, seed.training),
        script=_optional(model.ScriptRun, seed.script),
        weighing=_optional(
            model.Weighing,
            weighing,
            counted_bytes=None
            if policy is None or weighing is None
            else counted_bytes(weighing, policy.size),
        ),
        scoring=_optional(model.Pass, scoring),
        replay=_optional(
            model.Replay,
            replay,
            draws=0 if replay is None else len(replay.draws),
            targets=0 if replay is None else len(replay.targets),
        ),
        chain=tuple(_step(scoring, seed.chain[step]) for step in Step if step in seed.chain),
        faults=_parts(model.ProtocolFault, seed.faults),
        secrecy=_parts(model.Secrecy, seed.secrecy),
        environment=_parts(model.EnvironmentFault, seed.environment),
        watched=watched(seed, policy),
        speed=speed(seed),
        curves=None
        if scoring is None or scorer is None
        else curves(evidence.held_out, scoring, replay, max(1, scorer.chunk), tau),
    )


def _behaviour(found: records.Behaviour | None) -> model.Behaviour | None:
    if found is None:
        return None
    return _part(model.Behaviour, found, drawn_with=str(found.drawn_with))


def _step(scoring: Pass | None, step: ChainStep) -> model.ChainStep:
    """One box of the chain beside what the pass charged for the same targets."""
    charged = None
    if scoring is not None and len(step.targets) and step.targets.max() < len(scoring.charges):
        charged = _mean(scoring.charges[step.targets])
    return model.ChainStep(
        step=step.step,
        targets=len(step.targets),
        mean_nats=_mean(step.costs),
        charged_nats=charged,
    )


def _mean(costs: Array) -> float | None:
    """Of costs in nats; None where there is none, or no number among them."""
    return number(float(costs.mean(dtype=np.float64))) if len(costs) else None


# ---------------------------------------------------------------- records as parts


def _part(kind: type[AnyPart], record: Any, **beside: Any) -> AnyPart:
    """A record as the part of that kind, with what stands `beside` it."""
    said = plain(record)
    shown = {name: said[name] for name in kind.model_fields if name in said}
    return kind.model_validate({**shown, **beside})


def _optional(kind: type[AnyPart], record: Any, **beside: Any) -> AnyPart | None:
    """The same; None stays None."""
    return None if record is None else _part(kind, record, **beside)


def _parts(kind: type[AnyPart], found: Sequence[Any]) -> tuple[AnyPart, ...]:
    return tuple(_part(kind, record) for record in found)
