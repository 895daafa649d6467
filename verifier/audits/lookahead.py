"""Was each token charged before anything could know it? (R5, C1, C3; PROTOCOL §4)

Where positions were sampled, they are drawn again here from nonce and score root: a replay of
other positions proves nothing. Must never accept positions that somebody may have chosen.
"""

from __future__ import annotations

import numpy as np

from verifier import sampling
from verifier.audits.audit import Audit, Reading, each_seed, unproven
from verifier.audits.nonce import opened
from verifier.audits.replayed import read_replay
from verifier.policy import Policy
from verifier.records import Evidence, Outcome, SeedEvidence


def judge(evidence: Evidence, seed: SeedEvidence, policy: Policy) -> Reading:
    """The replay's word, if the positions were the nonce's."""
    reading = read_replay(evidence, seed, policy)["lookahead"]
    scoring, replay = seed.scoring, seed.replay
    if reading.outcome is not Outcome.KEPT or scoring is None or replay is None:
        return reading
    if replay.everything:
        return reading
    nonce = opened(evidence)
    if isinstance(nonce, str):
        return unproven(nonce, **reading.evidence)
    weights = sampling.weights(scoring.charges, scoring.reference, policy.replay.slack_nats)
    drawn = sampling.draw(nonce, scoring.score_root, weights, len(replay.draws))
    if not np.array_equal(drawn, replay.draws):
        return unproven("the positions are not those that nonce and score root give")
    return reading


AUDIT = Audit(
    "lookahead",
    "Each token is charged before anything can know it.",
    "R5, C1, C3, PROTOCOL §4",
    each_seed(judge),
)
