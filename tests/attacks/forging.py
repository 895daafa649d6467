"""A finished run that took no box, its bundle, and a forger who can pack anything again.

The run is honest in all that arithmetic can see: a real submission, a real shipment of it, charges
of the embedded data's targets, a real nonce and a verdict that `decide` gave.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import tarfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, cast

import numpy as np

from tests.audits import evidence as make
from tests.cheats.catalog import HERE
from tests.cheats.running import cheats_policy
from verifier import __version__, bundle, heldout, image, pipeline, sampling, signature, store
from verifier import submission as submissions
from verifier.bundle.sealing import Opened, Sealing, check_seal
from verifier.image import recipe
from verifier.image.build import _BUILT, Built
from verifier.ledger import FORMAT, Ledger, root_parts, score_root
from verifier.pipeline import harness
from verifier.pipeline.rechecking.belonging import named
from verifier.records import Array, HeldOutFacts, ImageFacts, Opening, Pass, Verdict
from verifier.scoring.passing import Targets
from verifier.scoring.plan import plan, plan_digest
from verifier.scoring.reference import bigram_charges
from verifier.submission import Submission
from verifier.verdict import decide
from verifier.watch import Unwatched

DOCUMENTS = 6
ROOT = "7" * 64
HELD_OUT = "held-out"
Change = Callable[[Any], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A finished run, its bundle, the key that ran it, and a folder for what is forged."""

    folder: Path
    bundle: Path
    key: Path
    scratch: Path
    data: Path


@contextlib.contextmanager
def at_home(place: Path) -> Iterator[None]:
    """A user of our own, whose key and store lie in `place`, while the block runs."""
    names = (store.STORE_VARIABLE, "XDG_CONFIG_HOME")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update({names[0]: str(place / "store"), names[1]: str(place / "config")})
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def finished_run(place: Path) -> Run:
    """Make the run and its bundle in the new folder `place`; to be used `at_home` there."""
    held_out = heldout.build(store.root()).subset(DOCUMENTS)
    with at_home(place):
        key = signature.load_or_create()
        folder = place / "out" / "honest"
        write_run(folder, held_out, key)
        made = pipeline.bundle_run(folder, None, Unwatched())
        scratch = place / "forged"
        scratch.mkdir()
        return Run(
            folder=folder,
            bundle=made.packed.path,
            key=signature.default_path(),
            scratch=scratch,
            data=held_out.folder,
        )


def write_run(
    folder: Path,
    held_out: heldout.HeldOut,
    key: signature.Key,
    *,
    attempt: int = 1,
    version: str = __version__,
    touch: Mapping[str, str] | None = None,
) -> None:
    """A VERIFIED run of the honest submission with `touch`ed files, in the store at hand."""
    policy = cheats_policy()
    submission = _submission(folder, touch or {})
    output = folder / "output"
    output.mkdir(parents=True)
    np.save(output / "counts.npy", np.arange(257 * 257, dtype=np.int32).reshape(257, 257))
    shipment = submissions.freeze(output, submission, store.root() / "shipments", policy.policy)
    weighing = submissions.weigh(shipment, policy.policy.size, seed=0)
    tokens = held_out.tokens("bytes")
    nonce, signed = signature.nonce(key, submission.digest, attempt)
    (seed,) = sampling.chosen_seeds(nonce, 1)
    opening = dataclasses.replace(
        make.opening(),
        format=FORMAT,
        verifier_version=version,
        submission=submission.facts(),
        policy_name=policy.policy.name,
        policy_digest=policy.digest,
        public_key=key.public_hex,
        attempt=attempt,
        nonce_commitment=signature.commitment(nonce),
        seeds=(seed,),
        image=_image(),
        harness_digest=harness.lay_out(store.root()).digest,
    )
    facts = held_out.facts(tokens)
    weighing = dataclasses.replace(weighing, seed=seed)
    targets = Targets(tokens.ids, tokens.offsets)
    batches = plan(facts.target_counts.tolist(), 8, submission.manifest.adaptation)
    planned = plan_digest(batches, 32, submission.manifest.adaptation)
    charges = charged(tokens.ids)
    one = make.seed_evidence(seed)
    assert one.training and one.scoring and one.replay
    scored = dataclasses.replace(
        one.scoring,
        plan_digest=planned,
        score_root=score_root(root_parts(opening, facts, weighing, planned, charges)),
        charged=len(charges),
        charges=charges,
        reference=bigram_charges(targets, held_out.training_ids("bytes"), 257, 256),
    )
    replay = dataclasses.replace(
        one.replay,
        documents=DOCUMENTS,
        targets=np.arange(len(charges), dtype=np.int64),
        blind=charges,
        log_sums=np.zeros(len(charges), np.float32),
    )
    opened = make.evidence().nonce
    assert opened is not None
    opened = dataclasses.replace(opened, nonce=nonce.hex(), signature=signed.hex())
    scans = tuple(dataclasses.replace(scan, seed=seed) for scan in one.secrecy)
    events = (opening, facts, make.box(root_digest=ROOT), one.training, weighing, *scans, scored)
    with Ledger.create(folder / "ledger") as ledger:
        ledger.write_policy(policy.text)
        for event in (*events, opened, replay):
            ledger.append(event)
        verdict = decide(ledger.evidence(), policy.policy)
        assert verdict.answer.value == "VERIFIED", [
            (f.audit, f.reason) for f in verdict.findings if f.outcome != "kept"
        ]
        ledger.append(verdict)
        signature.sign_head(key, ledger.folder, ledger.head)


def charged(ids: Array) -> Array:
    """What the run's scorer charges, float32 nats: a token costs the more the greater its id."""
    return (1.0 + ids.astype(np.float32) / 128).astype(np.float32)


def _submission(folder: Path, touch: Mapping[str, str]) -> Submission:
    place = folder / "submitted"
    place.mkdir(parents=True)
    for path in sorted((HERE / "honest").iterdir()):
        if path.is_file():
            (place / path.name).write_bytes(path.read_bytes())
    for name, text in touch.items():
        (place / name).write_text(text, encoding="utf-8")
    return cast(Submission, submissions.pull(str(place), store.root()))


def _image() -> ImageFacts:
    """The facts of an image that nobody built, and its record in the store."""
    wanted = recipe.load("cpu")
    packages = {wheel.name: wheel.version for wheel in wanted.wheels}
    debs = wanted.debs or ()
    built = Built(
        digest=ROOT, recipe="cpu", python="3.11.2", tar_bytes=1, debs=debs, packages=packages
    )
    place = store.root() / "roots" / ROOT
    place.mkdir(parents=True, exist_ok=True)
    (place / "facts.json").write_bytes(_BUILT.dump_json(built, indent=1))
    assert image.names()
    debian = {f"debian/{deb.name}": deb.version for deb in debs}
    return ImageFacts(
        recipe="cpu", root_digest=ROOT, pinned=True, python="3.11.2", packages=packages | debian
    )


# ---------------------------------------------------------------- what a forger does


def opened_bundle(path: Path) -> dict[str, bytes]:
    """Every file of a bundle, by name."""
    with path.open("rb") as file:
        check_seal(file, str(path))
        content = Opened(file, str(path))
        plain = b"".join(iter(lambda: content.read(1 << 20), b""))
    with tarfile.open(fileobj=BytesIO(plain)) as tar:
        return {m.name: tar.extractfile(m).read() for m in tar if m.isreg()}  # type: ignore[union-attr]


def sealed(path: Path, tar: bytes) -> Path:
    """Any bytes in the wrapping that a bundle has."""
    with path.open("wb") as file:
        sealing = Sealing(file)
        sealing.write(tar)
        sealing.finish()
    return path


def packed(path: Path, files: Mapping[str, bytes]) -> Path:
    """Any files as a bundle in the form that the verifier writes, its manifest as it stands."""
    folder = path.with_suffix(".staged")
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return bundle.pack(folder, tuple(files), path).path


def with_manifest(path: Path, files: Mapping[str, bytes]) -> Path:
    """The same with a manifest that fits these files: a forger who knows the format.

    Where the ledger can be opened, what the manifest says of it is taken from it.
    """
    folder = path.with_suffix(".listed")
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    listed = tuple(name for name in files if name != bundle.MANIFEST)
    said = json.loads(files[bundle.MANIFEST])
    try:
        ledger = Ledger.open(folder / "ledger")
        again = json.loads(bundle.manifest(named(ledger), folder, listed))
    except Exception:  # noqa: BLE001 - a ledger that does not open keeps its manifest's words
        again = {
            **said,
            "files": {
                name: {"bytes": len(files[name]), "sha256": hashlib.sha256(files[name]).hexdigest()}
                for name in listed
            },
        }
    text = (json.dumps(again, indent=1, sort_keys=True) + "\n").encode()
    return packed(path, {**files, bundle.MANIFEST: text})


def rewritten(
    run: Run, folder: Path, change: Callable[[list[Any]], list[Any]], key: signature.Key | None
) -> Path:
    """The run's ledger with other events, hashed anew, signed by `key` or by nobody; a run folder.

    `change` gets the events without the verdict. Score roots are taken again where a pass is, and
    the verdict is what `decide` says now.
    """
    before = Ledger.open(run.folder / "ledger")
    events = change([record for record in before.records if not isinstance(record, Verdict)])
    policy = cheats_policy()
    with Ledger.create(folder / "ledger") as ledger:
        ledger.write_policy(policy.text)
        for event in events:
            ledger.append(event)
        ledger.append(decide(ledger.evidence(), policy.policy))
        if key is not None:
            signature.sign_head(key, ledger.folder, ledger.head)
    return folder


def with_root(events: list[Any]) -> list[Any]:
    """The events, each pass with the score root of what stands there."""
    ledger = {type(event).__name__: event for event in events}

    def seal(event: Any) -> Any:
        if not isinstance(event, Pass):
            return event
        parts = root_parts(
            ledger["Opening"],
            ledger["HeldOutFacts"],
            ledger["Weighing"],
            event.plan_digest,
            event.charges,
        )
        return dataclasses.replace(event, score_root=score_root(parts))

    return [seal(event) for event in events]


def replanned(events: list[Any]) -> list[Any]:
    """The events, each pass with the plan and the score root of what stands there."""
    (facts,) = (event for event in events if isinstance(event, HeldOutFacts))
    (opening,) = (event for event in events if isinstance(event, Opening))
    terms = opening.submission.scorer
    batches = plan(facts.target_counts.tolist(), terms.rows, terms.adaptation)
    planned = plan_digest(batches, terms.chunk, terms.adaptation)
    return with_root(replaced(Pass, plan_digest=planned)(events))


def replaced(kind: type, **changes: Any) -> Callable[[list[Any]], list[Any]]:
    """A change of some fields in every event of one kind."""

    def change(events: list[Any]) -> list[Any]:
        return [
            dataclasses.replace(event, **changes) if isinstance(event, kind) else event
            for event in events
        ]

    return change


def swapped_charges(run: Run) -> Array:
    """The charges with those of the first two documents of one length exchanged, or shifted."""
    ledger = Ledger.open(run.folder / "ledger")
    (scored,) = ledger.find(Pass)
    charges = scored.charges.copy()
    counts = ledger.evidence().held_out.target_counts
    first, second = int(counts[0]), int(counts[1])
    shorter = min(first, second)
    charges[:shorter], charges[first : first + shorter] = (
        scored.charges[first : first + shorter],
        scored.charges[:shorter],
    )
    return charges


def opening_of(folder: Path) -> Opening:
    """The first event of a run's ledger."""
    (found,) = Ledger.open(folder / "ledger").find(Opening)
    return found
