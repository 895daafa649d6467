"""Are the charges this artifact's? Drawn documents are scored again, in a box, here.

Documents are drawn by a nonce made now, so that nobody could prepare for them. The batches that
they are in are scored as in the pass, with the same companions in the same rows. Must never call a
deviation a forgery where image, harness or device are others than the run's.
"""

from __future__ import annotations

import math
import secrets
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from verifier import image, store
from verifier import submission as submissions
from verifier.audits.calibration import uncalibrated
from verifier.errors import RequestError
from verifier.heldout import HeldOut, Tokens
from verifier.metric import bits_per_byte, exact_sum
from verifier.pipeline import grounds, harness
from verifier.pipeline.boxes import scoring_spec
from verifier.pipeline.grounds import Ground
from verifier.pipeline.harness import Harness
from verifier.pipeline.machine import hardware
from verifier.pipeline.rechecking.arithmetic import Finished
from verifier.pipeline.rechecking.findings import Depth, Forged, Looked
from verifier.pipeline.rechecking.handed import Handed, shipment_folder, submission_folder
from verifier.pipeline.request import Request
from verifier.records import Adaptation, Answer, Pass, Weighing
from verifier.scoring.box import Setting
from verifier.scoring.passing import PassResult, Scoring, Targets, run_pass
from verifier.scoring.plan import Batch, plan, shuffled
from verifier.submission import Submission
from verifier.watch import Watch

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where is scored again, and against what."""

    found: Finished
    handed: Handed
    submission: Submission
    tokens: Tokens
    ground: Ground
    harness: Harness
    watch: Watch


def require_scored(found: Finished) -> None:
    """Raises RequestError where there is nothing that could be scored again."""
    terms = found.evidence.opening.submission.scorer
    if terms is None or not any(seed.scoring for seed in found.evidence.seeds):
        raise RequestError("no scorer was scored in this run: there is nothing to score again")
    if terms.adaptation is Adaptation.STREAM:
        raise RequestError("a scorer that adapts over the stream cannot be scored in part")


def rescore(
    found: Finished,
    handed: Handed,
    held_out: HeldOut,
    count: int,
    *,
    backend: str,
    watch: Watch,
) -> Looked:
    """Score `count` drawn documents of every seed again.

    1. Make boxes, image and tokens ready, as a run does.
    2. Draw the documents.
    3. Score the batches that they are in, and compare.

    Raises Forged where charges are further off than τ on the run's own ground, RequestError where
    parts are missing, MachineFault or ImageFault.
    """
    # 1. ready
    place = _place(found, handed, held_out, backend, watch)
    # 2. draw
    nonce = secrets.token_bytes(32)
    documents = len(found.evidence.held_out.target_counts)
    drawn = sorted(shuffled(nonce, range(documents))[:count])
    # 3. score
    said, doubts = [], []
    for seed in found.evidence.seeds:
        for weighing in found.ledger.find(Weighing, seed=seed.seed):
            if seed.scoring is not None:
                proved, doubt = _seed(place, seed.scoring, weighing, drawn)
                said += proved
                doubts += doubt
    named = f"drawn by nonce {nonce.hex()[:16]}, made now"
    return Looked(
        depth=Depth.RESCORE,
        proved=tuple(f"{each}, {named}" for each in said),
        unproven=(
            "that training made this artifact, in time and without held-out text",
            "that it charges before it looks: blind replay showed that in the run",
        ),
        doubts=tuple(doubts),
    )


def _place(found: Finished, handed: Handed, held_out: HeldOut, backend: str, watch: Watch) -> Place:
    opening, root = found.evidence.opening, store.root()
    submission = _submission(handed, opening.submission.digest)
    request = Request(
        reference=handed.named,
        policy=found.policy,
        out=handed.scratch,
        backend=backend,
        image="pinned" if opening.image.pinned else "host",
    )
    ground = grounds.open_ground(request, root, watch)
    guest = harness.lay_out(root)
    with watch.phase("tokenize the held-out documents", None):
        tokens = grounds.open_tokens(
            submission, held_out, found.policy.policy, ground, guest, lambda _: None
        )
    if tokens.ids_digest != found.evidence.held_out.ids_digest:
        raise Forged("held-out data: the ledger's ids_digest is not what is counted here")
    return Place(
        found=found,
        handed=handed,
        submission=submission,
        tokens=tokens,
        ground=ground,
        harness=guest,
        watch=watch,
    )


def _submission(handed: Handed, digest: str) -> Submission:
    folder = submission_folder(handed, digest)
    files = tuple(
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()
    )
    found = submissions.frozen(folder, files)
    if not isinstance(found, Submission) or found.digest != digest:
        raise RequestError(f"{folder} is no longer the submission that it was")
    return found


def _seed(
    place: Place, scored: Pass, weighing: Weighing, drawn: list[int]
) -> tuple[list[str], list[str]]:
    """(What one seed's second scoring proved, what it left open). Raises Forged."""
    terms, tokens = place.submission.manifest, place.tokens
    whole = plan(np.diff(tokens.offsets).tolist(), terms.rows, terms.adaptation)
    chosen = set(drawn)
    batches = [batch for batch in whole if chosen & set(batch.documents)]
    result = _scored(place, scored.seed, shipment_folder(place.handed, weighing), batches)
    if result.faults:
        fault = result.faults[0]
        return [], [
            f"seed {scored.seed} cannot be scored here: {fault.kind.value} ({fault.message})"
        ]
    there = np.flatnonzero(~np.isnan(result.charges))
    again, before = result.charges[there], scored.charges[there]
    apart = float(np.abs(again.astype(np.float64) - before).max())
    with_companions = sorted(document for batch in batches for _, document in batch.real())
    size = int(place.found.evidence.held_out.byte_counts[with_companions].sum(dtype=np.int64))
    gap = bits_per_byte(exact_sum(again), size) - bits_per_byte(exact_sum(before), size)
    said = (
        f"charges: seed {scored.seed}, {len(drawn)} drawn documents and"
        f" {len(with_companions) - len(drawn)} companions, {len(there):,} targets scored again:"
        f" at most {apart:.3g} nats apart, {gap:+.2e} bits a byte"
    )
    tau = place.found.policy.policy.replay.tau_nats
    if apart <= tau:
        return [f"{said} (τ {tau:g})"], []
    elsewhere = _elsewhere(place)
    if not elsewhere and place.found.verdict.answer is Answer.VERIFIED:
        raise Forged(f"{said}, and τ is {tau:g}: these are not this artifact's charges")
    why = elsewhere or f"the ledger itself says {place.found.verdict.answer.value}"
    return [], [f"{said}, more than τ = {tau:g}; {why}"]


def _elsewhere(place: Place) -> str:
    """Why a deviation here proves nothing, or ""."""
    opening, policy = place.found.evidence.opening, place.found.policy.policy
    if place.ground.root.digest != opening.image.root_digest:
        return f"this machine's image is {place.ground.root.digest[:12]}, another than the run's"
    if not opening.image.pinned:
        return "the run's image was not pinned"
    if place.harness.digest != opening.harness_digest:
        return "this version's harness is another than the run's"
    return uncalibrated(replace(opening, hardware=hardware()), policy)


def _scored(place: Place, seed: int, shipment: Path, batches: list[Batch]) -> PassResult:
    """The charges of these batches, as in the pass; NaN elsewhere."""
    policy, manifest = place.found.policy.policy, place.submission.manifest
    targets = Targets(place.tokens.ids, place.tokens.offsets)
    compiled = image.bytecode(place.ground.root, place.ground.sandbox, store.root())
    setting = Setting(
        sandbox=place.ground.sandbox,
        spec=scoring_spec(
            place.ground.root, place.harness, compiled, shipment, manifest.scorer, policy
        ),
        rows=manifest.rows,
        chunk=manifest.chunk,
        vocabulary=place.tokens.vocabulary,
        threads=policy.hardware.threads,
        start_seconds=policy.score.start_seconds,
        answer_seconds=policy.score.answer_seconds,
        budget_seconds=math.inf,
        seed=seed,
        opened=lambda _: None,
        ended=lambda _, __: None,
    )
    total = float(sum(len(row) for batch in batches for row in targets.rows(batch)))
    with place.watch.phase(f"score {len(batches)} batches of seed {seed} again", total) as progress:
        return run_pass(
            Scoring(
                setting=setting,
                targets=targets,
                batches=batches,
                adaptation=manifest.adaptation,
                scorers=1,
                advance=progress.advance,
            )
        )
