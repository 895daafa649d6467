"""Was each held-out target charged exactly once, for each seed that was to run? (R6, R10, C4)

The score root is taken again over the ledger's own parts, so that no charge can have been
exchanged since it was fixed. Must never read a number out of an incomplete pass.
"""

from __future__ import annotations

import numpy as np

from verifier import sampling
from verifier.audits.audit import Audit, Reading, each_seed, kept, not_run, unproven
from verifier.audits.data import other_data
from verifier.audits.nonce import opened
from verifier.audits.number import are_costs
from verifier.ledger import root_parts, score_root
from verifier.policy import Policy
from verifier.records import Evidence, SeedEvidence

WHOLE_DATA = "score all of the policy's documents: without --documents, on its own data"


def read(evidence: Evidence, policy: Policy) -> Reading:
    """The data and the seeds are the policy's, and each seed's pass is whole."""
    wrong = other_data_or_seeds(evidence, policy)
    return each_seed(_pass)(evidence, policy) if wrong is None else wrong


def other_data_or_seeds(evidence: Evidence, policy: Policy) -> Reading | None:
    """Unproven where data or seeds are not those that the policy asks for, else None."""
    return _data(evidence, policy) or _seeds(evidence, policy)


def _data(evidence: Evidence, policy: Policy) -> Reading | None:
    held_out = evidence.held_out
    if other := other_data(evidence, policy):
        return unproven(other, WHOLE_DATA, data=held_out.manifest_digest)
    if held_out.targets <= 0 or int(np.sum(held_out.target_counts)) != held_out.targets:
        return unproven("the documents' targets do not add up to the total")
    return None


def _seeds(evidence: Evidence, policy: Policy) -> Reading | None:
    seeds, rule = evidence.opening.seeds, policy.seeds
    if len(set(seeds)) != len(seeds):
        return unproven("a seed stands twice")
    claimed = evidence.opening.submission.claim.seeds
    if rule.chosen_by == "submission" and len(claimed) >= len(seeds):
        same = seeds == claimed[: len(seeds)]
        return None if same else unproven("the seeds are not the submission's first ones")
    nonce = opened(evidence)
    if isinstance(nonce, str):
        return unproven(f"the seeds' choice cannot be checked: {nonce}")
    if tuple(sampling.chosen_seeds(nonce, len(seeds))) != seeds:
        return unproven("the seeds are not those that the nonce gives")
    return None


def _pass(evidence: Evidence, seed: SeedEvidence, _: Policy) -> Reading:
    scoring, weighing, total = seed.scoring, seed.weighing, evidence.held_out.targets
    if scoring is None:
        return not_run("no scoring pass was finished")
    if scoring.charged != total:
        return unproven(f"{scoring.charged:,} of {total:,} targets were charged")
    charges, references = len(scoring.charges), len(scoring.reference)
    if not charges == references == total:
        said = f"{charges:,} charges and {references:,} references for {total:,} targets"
        return unproven(f"the ledger holds {said}")
    if not are_costs(scoring.charges):
        return unproven("a charge in the ledger is negative or not a number")
    if weighing is None:
        return unproven("the artifact that was scored was not weighed")
    opening, held_out = evidence.opening, evidence.held_out
    parts = root_parts(opening, held_out, weighing, scoring.plan_digest, scoring.charges)
    if score_root(parts) != scoring.score_root:
        return unproven("the score root is not that of the ledger's parts")
    return kept(f"each of {total:,} targets was charged exactly once", targets=total)


AUDIT = Audit(
    "coverage",
    "Each held-out target is charged exactly once.",
    "R6, R10, C4, PROTOCOL §5",
    read,
)
