"""One trial at home, from a folder to what was found."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from verifier import __version__, image, store
from verifier import submission as submissions
from verifier.audits import SCORER
from verifier.errors import RequestError
from verifier.heldout import HeldOut
from verifier.heldout.data import Kind
from verifier.ledger import FORMAT
from verifier.pipeline import artifacts, grounds, harness
from verifier.pipeline.grounds import Ground
from verifier.pipeline.machine import hardware
from verifier.pipeline.request import Request
from verifier.pipeline.trying import documents, papers, projecting, running
from verifier.pipeline.trying.ground import in_words, open_ground
from verifier.pipeline.trying.request import Tried, TryRequest
from verifier.pipeline.trying.running import Stand
from verifier.pipeline.trying.spelling import spelled, words
from verifier.pipeline.trying.training import Untrained, artifact
from verifier.records import BoxFacts, Evidence, Finding, Opening, SeedEvidence
from verifier.scoring.plan import plan
from verifier.scratch import temporary
from verifier.submission import Submission
from verifier.submission.manifest import Manifest
from verifier.watch import Watch

ASKED = ("protocol", "lookahead", "normalization", "reset", "purity", "determinism")
AFTER = ("bytes", "artifact-size")
"""The audits of a verdict that a trial can answer; the others need the held-out documents."""
BYTES_A_TOKEN = {"bytes": 1.0}
OTHERWISE = 2.4


def try_out(request: TryRequest, watch: Watch) -> Tried:
    """Try whether a scorer keeps its contract; nothing is decided, counted or signed.

    1. Read the papers: verify.yaml, the source files, the claim; find data and a box.
    2. Cut documents from the training side, in the submission's tokens.
    3. Take the artifact at hand, or train one; weigh it with the code.
    4. Score, replay blind, and where the two differ ask fresh boxes which rule broke.
    5. Let the audits of a verdict judge; project the time that all documents would take.

    Raises RequestError or BadInput for what was handed over, MachineFault or ImageFault for what
    failed here; whatever the scorer does is a finding.
    """
    began = time.monotonic()
    # 1. papers
    place, policy = store.root(), request.policy.policy
    submission = submissions.pull(request.reference, place)
    if not isinstance(submission, Submission):
        raise RequestError(
            f"{request.reference} has no scorer to try: it is one script (contract script/1)",
            remedy=f"verifier shadow {request.reference}, or write a scorer: verifier init",
        )
    submissions.require_allowed(submission, policy.score)
    found = [papers.train_command(submission), papers.claim(submission)]
    held_out = grounds.open_held_out(_as_asked(request), place, watch)
    ground = open_ground(request.image, policy, place, watch)
    # 2. and 3. documents and artifact
    try:
        with _standing(request, submission, held_out, ground, place, watch) as stand:
            # 4. score, replay, chain
            seed, boxes = running.run(stand, watch)
    except Untrained as failed:
        return _untrained(request, submission, ground, [failed.finding, *found], failed.log, began)
    # 5. audits
    evidence = _evidence(request, submission, stand, seed, boxes)
    found[:0] = _judged(ASKED, stand, evidence)
    found += [*_judged(AFTER, stand, evidence), *_projected(stand, held_out, submission, seed)]
    return Tried(
        reference=request.reference,
        name=submission.claims.name,
        findings=tuple(found),
        artifact=stand.artifact,
        ground=in_words(ground),
        tried_on=_tried_on(stand),
        words=words(found, stand.targets, stand.spelled),
        said=seed.faults[0].message if seed.faults else "",
        notes=_notes(stand),
        seconds=time.monotonic() - began,
    )


@contextlib.contextmanager
def _standing(
    request: TryRequest,
    submission: Submission,
    held_out: HeldOut,
    ground: Ground,
    place: Path,
    watch: Watch,
) -> Iterator[Stand]:
    """Tokens, artifact and shipment of a trial, there while the block runs."""
    manifest, policy = submission.manifest, request.policy.policy
    guest = harness.lay_out(place)
    wanted = documents.wanted(manifest.rows, manifest.chunk)
    own = documents.tried_on(
        held_out,
        documents.pieces(
            held_out, wanted.lengths, BYTES_A_TOKEN.get(manifest.tokenizer, OTHERWISE)
        ),
    )
    tokens = grounds.open_tokens(submission, own, policy, ground, guest, lambda _: None)
    with (
        artifact(request, submission, ground, held_out, place, watch) as left,
        temporary("try") as own_shelf,
    ):
        own_shelf.chmod(0o755)
        shelf = place / "shipments" if left.new else own_shelf
        with watch.phase("freeze and weigh the artifact", None):
            shipment = submissions.freeze(left.folder, submission, shelf, policy)
            weighing = submissions.weigh(shipment, policy.size, seed=running.SEED)
        if left.new and not shipment.objections:
            artifacts.keep(place, request.reference, submission, shipment.digest, "try")
        yield Stand(
            ground=ground,
            harness=guest,
            bytecode=image.bytecode(ground.root, ground.sandbox, place),
            shipment=shipment.folder,
            artifact=left.said,
            weighing=weighing,
            manifest=manifest,
            policy=running.trial_policy(policy),
            held_out=own.facts(tokens),
            tokens=tokens,
            crosses=wanted.crosses,
            batches=documents.batches(tokens.documents, manifest.rows),
            training_ids=None if manifest.own_tokenizer else held_out.training_ids(_kind(manifest)),
            spelled=spelled(held_out, manifest.tokenizer),
        )


def _as_asked(request: TryRequest) -> Request:
    """What opening the data wants to know."""
    return Request(
        reference=request.reference, policy=request.policy, out=Path(), data=request.data
    )


def _kind(manifest: Manifest) -> Kind:
    return cast(Kind, manifest.tokenizer)


# ---------------------------------------------------------------- what the audits read


def _evidence(
    request: TryRequest,
    submission: Submission,
    stand: Stand,
    seed: SeedEvidence,
    boxes: list[BoxFacts],
) -> Evidence:
    """What was observed, in the form of a ledger's; nobody's key, and no nonce."""
    opening = Opening(
        format=FORMAT,
        verifier_version=__version__,
        started_utc=datetime.now(UTC).isoformat(timespec="seconds"),
        submission=submission.facts(),
        policy_name=stand.policy.name,
        policy_digest=request.policy.digest,
        public_key="",
        self_run=True,
        attempt=1,
        nonce_commitment="",
        seeds=(running.SEED,),
        spot_check=True,
        image=stand.ground.image,
        backend=stand.ground.sandbox.name,
        assurance=stand.ground.sandbox.level,
        harness_digest=stand.harness.digest,
        hardware=hardware(),
    )
    return Evidence(
        opening=opening,
        held_out=stand.held_out,
        seeds=(seed,),
        boxes=tuple(boxes),
        wall_hits=(),
        previous=None,
        nonce=None,
    )


def _judged(names: Sequence[str], stand: Stand, evidence: Evidence) -> list[Finding]:
    by_name = {audit.id: audit for audit in SCORER}
    return [by_name[name].judge(evidence, stand.policy) for name in names]


def _projected(
    stand: Stand, held_out: HeldOut, submission: Submission, seed: SeedEvidence
) -> list[Finding]:
    """The time of all documents; nothing where the pass did not end."""
    manifest = submission.manifest
    tried = projecting.work(stand.tokens.target_counts.tolist(), stand.batches, manifest.chunk)
    if manifest.own_tokenizer:
        per_byte = stand.tokens.targets / max(1, stand.tokens.document_bytes)
        counts = [1 + round(len(text) * per_byte) for text in held_out.documents]
    else:
        counts = held_out.tokens(_kind(manifest)).target_counts.tolist()
    batches = plan(counts, manifest.rows, manifest.adaptation)
    whole = projecting.work(counts, batches, manifest.chunk)
    found = projecting.project(tried, whole, seed, stand.policy)
    return [] if found is None else [found]


# ---------------------------------------------------------------- in words


def _tried_on(stand: Stand) -> str:
    tokens = stand.tokens
    return f"{tokens.documents} short pieces of the training side, {tokens.targets:,} tokens"


def _untrained(
    request: TryRequest,
    submission: Submission,
    ground: Ground,
    found: Sequence[Finding],
    log: str,
    began: float,
) -> Tried:
    """What can be said where training left nothing."""
    return Tried(
        reference=request.reference,
        name=submission.claims.name,
        findings=tuple(found),
        artifact="none",
        ground=in_words(ground),
        tried_on="nothing: there is no artifact to score with",
        words={},
        said=log,
        notes=(),
        seconds=time.monotonic() - began,
    )


def _notes(stand: Stand) -> tuple[str, ...]:
    """What a trial of this submission did not look at."""
    said = [
        "these were samples: what breaks rarely is found by `verify`, which asks every token again"
    ]
    if not stand.crosses:
        said.append(
            f"no document was longer than a chunk of {stand.manifest.chunk}: borders of chunks"
            " were not looked at"
        )
    return tuple(said)
