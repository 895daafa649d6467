"""In what order is an unmodified script verified? Read, shadowed, run in full, decided.

1. prepare: the script, the image with what it requires, data, sandbox, attempt, ledger
2. screen it: shown, never deciding
3. shadow it
4. run it in full for every seed, freeze and weigh what it left, look for held-out text in it;
   where the policy's hardware is missing, not at all
5. run it in full once more, on documents that nobody could know
6. open the nonce, decide, sign, report

Each step is an event in the ledger, and a re-run resumes after the last one. Must never call a
script's own number verified.
"""

from __future__ import annotations

import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from verifier import image, shadow
from verifier import submission as submissions
from verifier.errors import StorageFault
from verifier.heldout import HeldOut, Tokens
from verifier.pipeline import gpus, scripted, secrecy
from verifier.pipeline.evidence import conclude
from verifier.pipeline.request import Report, Request
from verifier.pipeline.script_preparation import ScriptPreparation, prepare
from verifier.pipeline.shadowing import RECIPE, ShadowRequest, shadowed_tree, stage_of
from verifier.pipeline.witnessing import AFTER, BEFORE, note_spoilt, note_told, probe_speed
from verifier.records import (
    Adaptation,
    Behaviour,
    Counterfactual,
    EnvironmentFault,
    NonceOpened,
    Outcome,
    Screened,
    ScriptRun,
    Verdict,
    Weighing,
)
from verifier.scratch import temporary
from verifier.screening import Confidence, Remark
from verifier.shadow.claimed import claimed_label
from verifier.shadow.toy import find_toy
from verifier.submission import Script
from verifier.watch import Watch

REMARKS = 20
SOURCE = ".py"
GIVEN = "handed-in"
SEED_BITS = 96
NOTED_TOKENS = 20_000_000
"""Of the training side: the recorder tells its tokens from held-out ones that are like them."""


@dataclass(frozen=True, slots=True)
class Shipping:
    """What of a script ships with its artifact: what it executes and reads."""

    folder: Path
    ships: tuple[str, ...]
    own_tokenizer: None = None


def reproduce(request: Request, script: Script, watch: Watch) -> Report:
    """Verify one unmodified script under one policy. Raises as `verify` does."""
    # 1. prepare
    with prepare(request, script, watch) as preparation:
        ledger = preparation.ledger
        if not ledger.find(Verdict):
            # 2. screen
            _screen(preparation)
            # 3. shadow
            _shadow(preparation)
            if preparation.data is not None:
                # 4. run in full, weigh, look for held-out text
                for seed in preparation.seeds:
                    _run_seed(preparation, seed, preparation.data)
                if not ledger.find(NonceOpened):
                    note_spoilt(ledger, preparation.policy)
                # 5. and once on documents that nobody could know
                _run_elsewhere(preparation, preparation.seeds[0], preparation.data)
            # 6. open the nonce; decide
            if not ledger.find(EnvironmentFault) and not ledger.find(NonceOpened):
                ledger.append(preparation.trial.opened())
        return conclude(ledger, preparation.trial.key, request, watch)


# ---------------------------------------------------------------- read, and at toy scale


def _screen(preparation: ScriptPreparation) -> None:
    if preparation.ledger.find(Screened):
        return
    screening = preparation.reading.screening
    weighty = [each for each in screening.remarks if each.confidence is not Confidence.NOTE]
    preparation.ledger.append(
        Screened(
            answer=screening.answer.value,
            remarks=tuple(_said(remark) for remark in weighty[:REMARKS]),
        )
    )


def _said(remark: Remark) -> str:
    first = next(iter(remark.locations), None)
    where = f" ({first.path}:{first.line})" if first and first.line else ""
    return f"{remark.rule}: {remark.said}{where}"


def _shadow(preparation: ScriptPreparation) -> None:
    """The shadow runs, on the ground's own root where that is a CPU's."""
    ledger, policy, watch = preparation.ledger, preparation.policy, preparation.watch
    if ledger.find(Behaviour):
        return
    request = ShadowRequest(reference=preparation.request.reference)
    ground = preparation.ground
    root = ground.root
    if policy.hardware.gpus and preparation.data is not None:
        root, _ = image.build(RECIPE, preparation.store, locked=False, watch=watch)
        ground.sandbox.prepare(root)
    answer = shadowed_tree(
        preparation.reading.tree,
        preparation.reading.program,
        stage_of(ground.sandbox, root, request),
        request,
        watch,
        whole=preparation.script.folder,
        resets=Adaptation.STREAM not in policy.score.adaptation,
    )
    ledger.append(
        Behaviour(
            answer=answer.answer.value,
            conditions=answer.conditions,
            artifact=answer.artifact,
            opened=answer.opened,
            elsewhere=answer.elsewhere,
            notes=answer.notes,
            drawn_with=answer.seed,
            runs=len(answer.runs),
            seconds=answer.seconds,
        )
    )


# ---------------------------------------------------------------- in full


def _run_seed(preparation: ScriptPreparation, seed: int, data: tuple[HeldOut, Tokens]) -> None:
    """Run, freeze, weigh, and look for held-out text, each where the ledger does not have it."""
    ledger = preparation.ledger
    if not ledger.find(Weighing, seed=seed):
        probe_speed(preparation, seed, BEFORE)
        _run_and_weigh(preparation, seed, data)
        probe_speed(preparation, seed, AFTER)
    (weighing,) = ledger.find(Weighing, seed=seed)
    shelf = preparation.store / "shipments"
    secrecy.scan(
        ledger,
        seed,
        [preparation.script.folder, submissions.extracted(shelf, weighing.shipment_digest)],
        preparation.ground.root,
        data[0],
        request=preparation.request,
        store=preparation.store,
        watch=preparation.watch,
    )


def _run_and_weigh(preparation: ScriptPreparation, seed: int, data: tuple[HeldOut, Tokens]) -> None:
    ledger, policy, name = preparation.ledger, preparation.policy, f"seed-{seed}"
    if not ledger.find(ScriptRun, seed=seed):
        ran = _run(preparation, seed, data[0], _stream(data[1]), name, f"seed {seed}")
        ledger.append(ran.box)
        gpus.keep(ledger, ran.watched.gpus(), policy, seed=seed, phase="script")
        ledger.append(ran.facts)
        ran.watched.note(ledger)
    (facts,) = ledger.find(ScriptRun, seed=seed)
    note_told(ledger, facts, "script")
    artifact = scripted.left_alone(preparation.folder / name)
    with preparation.watch.phase("freeze and weigh the artifact", None):
        shipment = submissions.freeze(
            artifact,
            Shipping(preparation.script.folder, _ship_data(preparation, artifact)),
            preparation.store / "shipments",
            policy,
        )
        ledger.append(submissions.weigh(shipment, policy.size, seed=seed))


def _run_elsewhere(preparation: ScriptPreparation, seed: int, data: tuple[HeldOut, Tokens]) -> None:
    """The same seed on documents drawn anew; and again on the real ones, if its artifact moved.

    Nothing where the run on the real documents came to no score, or a rule is broken already.
    """
    ledger, (held_out, tokens) = preparation.ledger, data
    (first,) = ledger.find(ScriptRun, seed=seed)
    (behaviour,) = ledger.find(Behaviour)
    broken = any(each.outcome is Outcome.BROKEN for each in behaviour.conditions)
    done = any((ledger.find(Counterfactual), ledger.find(EnvironmentFault), broken))
    if done or first.exit_code != 0 or not first.is_claimed:
        return
    training = held_out.training_ids("data")
    pairs = shadow.Pairs(training, tokens.end, tokens.vocabulary)
    random = np.random.default_rng(secrets.randbits(SEED_BITS))
    drawn = shadow.text_like(pairs, tokens.target_counts, tokens.end, random)
    noted = not preparation.policy.hardware.gpus and len(training) <= NOTED_TOKENS
    ran = _run(
        preparation,
        seed,
        held_out,
        drawn.ids,
        "elsewhere",
        "on documents drawn anew",
        scripted.Noting(drawn.ids, training) if noted else None,
    )
    same, runs = ran.facts.artifact_sha256 == first.artifact_sha256, 1
    artifact = Outcome.KEPT
    if not same:
        again = _run(preparation, seed, held_out, _stream(tokens), "again", "again: it moved")
        steady, runs = again.facts.artifact_sha256 == first.artifact_sha256, 2
        artifact = Outcome.BROKEN if steady else Outcome.UNPROVEN
    unit, saving, seen = "", None, shadow.Seen()
    if ran.score is not None:
        sizes = ran.world.target_bytes(drawn.ids)
        unit, saving = shadow.saving(ran.score, drawn, sizes)
        seen = shadow.seen(ran.score, drawn, sizes, ran.notes)
    ledger.append(
        Counterfactual(
            seed=seed,
            printed=ran.facts.printed,
            unit=unit,
            number=None if saving is None else saving.printed,
            floor=None if saving is None else saving.floor,
            saved_nats=None if saving is None else saving.saved,
            threshold_nats=None if saving is None else saving.threshold,
            noted=noted,
            counted=seen.counted,
            learned=seen.learned,
            artifact=artifact,
            runs=runs,
            wall_seconds=ran.facts.wall_seconds,
            ended_by=ran.facts.ended_by,
            exit_code=ran.facts.exit_code,
            log=ran.facts.log,
        )
    )


def _stream(tokens: Tokens) -> npt.NDArray[np.int32]:
    """The held-out tokens as a shard has them: BOS before each document."""
    return np.concatenate((np.array([tokens.end], np.int32), tokens.ids[:-1]))


def _run(
    preparation: ScriptPreparation,
    seed: int,
    held_out: HeldOut,
    stream: npt.NDArray[np.integer],
    name: str,
    called: str,
    noting: scripted.Noting | None = None,
) -> scripted.Ran:
    """One run in full on `stream`, which lies on disk for as long as it runs."""
    tree, program = preparation.reading.tree, preparation.reading.program
    ground, policy = preparation.ground, preparation.policy
    toy = find_toy(program)
    (behaviour,) = preparation.ledger.find(Behaviour)
    most = scripted.seconds_at_most(policy)
    with (
        temporary("data", preparation.folder) as given,
        preparation.watch.phase(f"run the script in full, {called}", most) as progress,
    ):
        given.chmod(0o755)
        folder = given / "data"
        full = scripted.Full(
            folder=preparation.script.folder,
            program=program,
            toy=toy,
            data=folder,
            world=scripted.lay_out_data(folder, held_out, stream, toy),
            ground=ground,
            guest=preparation.guest.folder,
            bytecode=image.bytecode(ground.root, ground.sandbox, preparation.store),
            policy=policy,
            label=claimed_label(tree, (unit.text for unit in program.units)),
            artifact=behaviour.artifact,
        )
        ran = scripted.run_in_full(full, seed, preparation.folder / name, progress, noting)
        if ran.facts.exit_code != 0:
            progress.stopped(f"exit code {ran.facts.exit_code}, {ran.facts.ended_by.value}")
        return ran


def _ships(preparation: ScriptPreparation) -> tuple[str, ...]:
    """What the script executes and reads: that is code, wherever the claim counts it."""
    weights = preparation.reading.screening.weights
    (behaviour,) = preparation.ledger.find(Behaviour)
    paths = {unit.path for unit in preparation.reading.program.units}
    counted = paths | set(weights.counted if weights else ()) | set(behaviour.opened)
    return tuple(sorted(counted & set(preparation.script.files)))


def _ship_data(preparation: ScriptPreparation, artifact: Path) -> tuple[str, ...]:
    """Put what ships and is no source beside the artifact; the names of the rest, its source."""
    ships = _ships(preparation)
    data = [name for name in ships if not name.endswith(SOURCE)]
    try:
        for name in data:
            # Beside the artifact, under a name that a script does not have for a file of its own.
            place = artifact / f"{GIVEN}-{preparation.script.digest[:16]}" / name
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(preparation.script.folder / name, place)
    except OSError as fault:
        raise StorageFault(f"{artifact}: cannot be written: {fault.strerror}") from fault
    return tuple(name for name in ships if name not in data)
