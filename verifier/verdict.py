"""What follows from ledger and policy? VERIFIED, REFUTED or INCONCLUSIVE. (PROTOCOL §8)

The best answer of contract script/1 is REPRODUCED, and its line never speaks of VERIFIED.

Pure: the same evidence and policy give the same verdict on every machine. Acceptance is the one
guarded branch; everything that was not proven falls through to INCONCLUSIVE. Must never read
anything but its arguments, nor default to yes.
"""

from __future__ import annotations

from collections.abc import Sequence

from verifier.audits import REGISTRY
from verifier.audits.isolation import SHOWN, attempts
from verifier.audits.number import Mean, alpha_of_attempt, mean_of, scores
from verifier.audits.waiting import share_held
from verifier.errors import BrokenInvariant
from verifier.policy import AuditRule, Policy
from verifier.records import (
    Adaptation,
    Answer,
    EnvironmentFault,
    Evidence,
    Finding,
    Opening,
    Outcome,
    Verdict,
)

KEY_SHOWN = 8


def decide(evidence: Evidence, policy: Policy) -> Verdict:
    """Run every audit and draw the conclusion.

    1. Every audit of the registry answers; one that a policy names and nobody has is NotRun.
    2. The number is taken from the ledger's charges.
    3. The required answers, and the machine's own faults, decide.

    Raises BrokenInvariant when the ledger was opened under another policy's name, or counts
    attempts from less than 1.
    """
    if evidence.opening.policy_name != policy.name:
        raise BrokenInvariant(
            f"opened under policy {evidence.opening.policy_name}, decided under {policy.name}"
        )
    if evidence.opening.attempt < 1:
        raise BrokenInvariant(f"attempt {evidence.opening.attempt}: attempts count from 1")
    rule = policy.audits.get(evidence.opening.submission.contract)  # type: ignore[call-overload]
    # 1.
    findings = judge_all(evidence, policy, rule)
    # 2.
    found = scores(evidence, policy)
    mean = mean_of(evidence, found)
    # 3.
    answer = conclude(evidence, findings, rule, mean)
    return Verdict(
        answer=answer,
        line=line(answer, evidence, policy, mean),
        bpb=None if mean is None else mean.bpb,
        bpb_std=None if mean is None else mean.std,
        delta_bpb=None if mean is None else mean.delta_bpb,
        seeds=found,
        findings=findings,
        required=() if rule is None else rule.required,
        disclosed=() if rule is None else rule.disclosed,
        policy=policy.name,
        assurance=evidence.opening.assurance,
        notes=notes(evidence, policy, findings, rule),
    )


def judge_all(evidence: Evidence, policy: Policy, rule: AuditRule | None) -> tuple[Finding, ...]:
    """Every audit's finding, in the registry's order, then the names that no audit has."""
    asked = REGISTRY.get(evidence.opening.submission.contract, ())
    findings = [audit.judge(evidence, policy) for audit in asked]
    known = {audit.id for audit in asked}
    listed = () if rule is None else (*rule.required, *rule.disclosed)
    unknown = [name for name in listed if name not in known]
    findings += [
        Finding(audit=name, outcome=Outcome.NOT_RUN, reason="this verifier has no such audit")
        for name in unknown
    ]
    return tuple(findings)


def conclude(
    evidence: Evidence,
    findings: Sequence[Finding],
    rule: AuditRule | None,
    mean: Mean | None,
) -> Answer:
    """Required: any Broken refutes; all Kept, a number and a fair machine verify; else open.

    A script's own number cannot be verified: its best answer is REPRODUCED.
    """
    if rule is None or machine_faults(evidence):
        return Answer.INCONCLUSIVE
    required = [finding.outcome for finding in findings if finding.audit in rule.required]
    if Outcome.BROKEN in required:
        return Answer.REFUTED
    complete = len(required) == len(rule.required) > 0
    if complete and mean is not None and all(outcome is Outcome.KEPT for outcome in required):
        return Answer.VERIFIED if evidence.opening.submission.script is None else Answer.REPRODUCED
    return Answer.INCONCLUSIVE


def machine_faults(evidence: Evidence) -> tuple[EnvironmentFault, ...]:
    """Faults of the machine before any replay: the run says nothing, and another is free."""
    return tuple(
        fault
        for seed in evidence.seeds
        for fault in seed.environment
        if fault.phase not in {"replay", "chain"}
    )


# ---------------------------------------------------------------- in words


def line(answer: Answer, evidence: Evidence, policy: Policy, mean: Mean | None) -> str:
    """The one line shown everywhere: answer · policy · level · seeds · bpb ± · δ · key.

    Of a script it says that the number is the script's own; there is no δ.
    """
    opening, scripted = evidence.opening, evidence.opening.submission.script is not None
    count, wanted = len(opening.seeds), policy.seeds.count
    seeds = f"{count} seed{'' if count == 1 else 's'}"
    if count < wanted:
        seeds += f" of {wanted} (spot check, not a record verdict)"
    if mean is None:
        number, delta = "no number", "δ –"
    else:
        spread = "" if mean.std is None else f" ± {mean.std:.4f}"
        number = f"{'printed bpb' if scripted else 'bpb'} {mean.bpb:.4f}{spread}"
        delta = "δ –" if mean.delta_bpb is None else f"δ {mean.delta_bpb:.4f}"
    whose = "self-run" if opening.self_run else "said to be the organizer's"
    key = f"{whose}, key {opening.public_key[:KEY_SHOWN]}"
    name = f"{policy.name} (a rehearsal)" if policy.rehearsal else policy.name
    said = (
        f"{answer.value}, and its behaviour tested" if answer is Answer.REPRODUCED else answer.value
    )
    parts = (
        said,
        name,
        opening.assurance.name,
        seeds,
        number,
        *(() if scripted else (delta,)),
        key,
    )
    return " · ".join(parts)


def _where(phase: str, reason: str) -> str:
    """The phase before the reason, where that does not begin with it."""
    return reason if reason.startswith(f"{phase}: ") else f"{phase}: {reason}"


def notes(
    evidence: Evidence, policy: Policy, findings: Sequence[Finding], rule: AuditRule | None
) -> tuple[str, ...]:
    """What a reader must know beside the answer: faults of ours, gaps, and what was disclosed."""
    opening = evidence.opening
    said = [context(opening)]
    said += [
        f"the machine was at fault ({_where(fault.phase, fault.reason)}); a re-run is free"
        for fault in machine_faults(evidence)
    ]
    said += busy(evidence, policy)
    if rule is None:
        said.append(f"the policy says nothing about contract {opening.submission.contract}")
    said += script_notes(evidence)
    unchecked = [f.audit for f in findings if f.outcome is Outcome.NOT_RUN]
    said.append(f"not checked: {', '.join(unchecked)}")
    said.append(_attempt(opening, policy))
    if opening.self_run:
        said.append("self-run: the key is the user's own, so this is a claim to others")
    else:
        said.append("the key is said to be the organizer's: compare it with the published one")
    if not opening.image.pinned:
        said.append("the image was not pinned")
    if policy.rehearsal:
        said.append("a rehearsal: times and numbers on this machine are not the track's")
    lacking = sorted({wall for box in evidence.boxes for wall in box.lacking})
    said += [f"a wall was lacking: {wall}" for wall in lacking]
    stopped = attempts(evidence)
    said += [f"a wall stopped: {what}" for what in stopped[:SHOWN]]
    if len(stopped) > SHOWN:
        said.append(f"walls stopped {len(stopped) - SHOWN} more attempts")
    return tuple(said)


def context(opening: Opening) -> str:
    """What a token's cost may rest on: numbers of a document and of a stream are not compared."""
    submission = opening.submission
    if submission.script is not None or submission.scorer is None:
        return (
            "context: stream (the script is handed all documents as one stream, and what stands"
            " before a document may help it)"
        )
    if submission.scorer.adaptation is Adaptation.STREAM:
        return "context: stream (documents in order; what was learned from one may help the next)"
    return (
        "context: document (every document is scored alone, from its first token on; not to be"
        " compared with a number of a stream, where the text before it helps)"
    )


def busy(evidence: Evidence, policy: Policy) -> list[str]:
    """Where others had the boxes' processors for longer than is fair, whatever followed of it."""
    said = []
    for seed in evidence.seeds:
        shares = [(phase, share_held(trace)) for phase, trace in seed.cpu.items()]
        unfair = [
            f"{phase} {100 * share:.0f} %"
            for phase, share in shares
            if share is not None and share > policy.witness.pressure_at_most
        ]
        if unfair:
            which = f" with seed {seed.seed}" if len(evidence.seeds) > 1 else ""
            said.append(
                f"this machine was busy{which}: others had the box's processors for"
                f" {', '.join(unfair)} of the time"
            )
    return said


def _attempt(opening: Opening, policy: Policy) -> str:
    """The how-manieth it was; of what was replayed, how sure the bound is then."""
    said = f"attempt {opening.attempt} of this author"
    if opening.submission.script is not None:
        return said
    alpha = alpha_of_attempt(policy.replay.alpha, opening.attempt)
    return f"{said}, decided at α = {alpha:g}"


def script_notes(evidence: Evidence) -> list[str]:
    """What must stand beside the number of a script, which scored itself."""
    script, screened = evidence.opening.submission.script, evidence.screened
    if script is None:
        return []
    said = ["the script saw the held-out data and scored itself: its number is its own"]
    if evidence.behaviour is not None:
        said += [f"shadow runs: {note}" for note in evidence.behaviour.notes]
    if not script.seeded:
        said.append("it reads no seed from its environment: every run of it has the same")
    if screened is not None:
        said += [f"screening, which reads and proves nothing: {each}" for each in screened.remarks]
    return said
