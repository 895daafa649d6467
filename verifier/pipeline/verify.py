"""One submission, from reference to verdict."""

from __future__ import annotations

from verifier import store
from verifier import submission as submissions
from verifier.pipeline.evidence import conclude
from verifier.pipeline.opening import require_own_name
from verifier.pipeline.preparation import Preparation, prepare
from verifier.pipeline.reproducing import reproduce
from verifier.pipeline.request import Report, Request
from verifier.pipeline.seed import replay_seed, score_seed, train_seed
from verifier.pipeline.witnessing import AFTER, BEFORE, note_spoilt, probe_speed
from verifier.records import EnvironmentFault, NonceOpened, Verdict
from verifier.submission import Script
from verifier.watch import Watch


def verify(request: Request, watch: Watch) -> Report:
    """Verify one submission under one policy.

    A script (contract script/1) is reproduced and shadowed instead (`reproduce`). A scorer:

    1. Prepare: open the held-out data, build the image, pick the sandbox, commit a nonce.
    2. Train every seed in a box of its own, freeze and weigh what it left.
    3. Score every seed: commit, charge, reveal.
    4. Open the nonce: from here on the positions are known.
    5. Replay every seed blind in fresh boxes; where it deviates, ask which rule broke.
    6. Decide from the ledger alone, sign, and write the reports.

    Each step is an event in the ledger; a re-run with the same `out` resumes after the last one,
    and a finished verdict is shown again, never drawn again (PROTOCOL §4.1).

    Raises RequestError for what was asked, MachineFault or ImageFault for what failed here.
    """
    require_own_name(request)
    submission = submissions.pull(request.reference, store.root())
    if isinstance(submission, Script):
        return reproduce(request, submission, watch)
    # 1. prepare
    with prepare(request, submission, watch) as preparation:
        if not preparation.ledger.find(Verdict):
            run_seeds(preparation)
        # 6. decide, sign, report
        return conclude(preparation.ledger, preparation.trial.key, request, watch)


def run_seeds(preparation: Preparation) -> None:
    """Steps 2 to 5 of `verify`, each skipped where the ledger already has it."""
    ledger = preparation.ledger
    for seed in preparation.seeds:
        probe_speed(preparation, seed, BEFORE)
        # 2. train, freeze, weigh
        train_seed(preparation, seed)
        # 3. commit, charge, reveal
        score_seed(preparation, seed)
        probe_speed(preparation, seed, AFTER)
    if not ledger.find(NonceOpened):
        note_spoilt(ledger, preparation.policy)
    if ledger.find(EnvironmentFault):
        # The machine spoiled it: the nonce stays closed, and another run is free.
        return
    # 4. open the nonce, now that every charge is fixed
    if not ledger.find(NonceOpened):
        ledger.append(preparation.trial.opened())
    for seed in preparation.seeds:
        # 5. replay, and the chain where charges and blind costs differ
        replay_seed(preparation, seed)
