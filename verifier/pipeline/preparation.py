"""Before anything runs: what is verified, against what, with which image, walls, key and nonce?"""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

import numpy as np

from verifier import __version__, bundle, heldout, image, sampling, signature, store
from verifier import submission as submissions
from verifier.errors import RequestError
from verifier.heldout import HeldOut, Tokens
from verifier.ledger import FORMAT, Ledger
from verifier.pipeline.request import Request
from verifier.policy import Policy
from verifier.records import (
    Adaptation,
    HeldOutFacts,
    ImageFacts,
    Mount,
    NonceOpened,
    Opening,
    Root,
    Secrecy,
    Weighing,
)
from verifier.sandbox import open_sandbox
from verifier.sandbox.interface import Sandbox
from verifier.scoring.box import Floats
from verifier.scoring.passing import Targets
from verifier.scoring.plan import Batch, plan
from verifier.submission import Submission
from verifier.watch import Watch

GUEST_FILES = ("harness.py", "tokenize_documents.py")


@dataclass(kw_only=True)
class Preparation:
    """Everything one verification stands on. Made by `prepare`, read by the seeds' steps."""

    request: Request
    watch: Watch
    store: Path
    folder: Path
    ledger: Ledger
    submission: Submission
    held_out: HeldOut
    tokens: Tokens
    root: Root
    image_facts: ImageFacts
    sandbox: Sandbox
    harness: Path
    harness_digest: str
    key: signature.Key
    attempt: int
    nonce: bytes
    nonce_signature: bytes
    seeds: tuple[int, ...]

    @property
    def policy(self) -> Policy:
        """The rules of this verification."""
        return self.request.policy.policy

    @property
    def streams(self) -> bool:
        """Whether the scorer adapts over the whole stream, for which no replay is built yet."""
        return self.submission.manifest.adaptation is Adaptation.STREAM

    @cached_property
    def targets(self) -> Targets:
        """The secret as scoring drives it."""
        return Targets(self.tokens.ids, self.tokens.offsets)

    @cached_property
    def batches(self) -> tuple[Batch, ...]:
        """The pass's plan."""
        manifest = self.submission.manifest
        counts = np.diff(self.tokens.offsets).tolist()
        return plan(counts, manifest.rows, manifest.adaptation)

    def training_ids(self) -> np.ndarray | None:
        """The training side in the scorer's own tokens; None for a submission's own tokenizer."""
        kind = self.submission.manifest.tokenizer
        return self.held_out.training_ids(kind) if kind in {"data", "bytes"} else None

    @cached_property
    def bytecode_mounts(self) -> tuple[Mount, ...]:
        """Compiled standard modules of the image: an image has none, and every box is new."""
        folder = image.bytecode(self.root, self.sandbox, self.store)
        return () if folder is None else (Mount(source=folder, target="/bytecode"),)

    @property
    def bytecode_environment(self) -> dict[str, str]:
        """Where Python finds them."""
        prefix = {"PYTHONPYCACHEPREFIX": "/bytecode"} if self.bytecode_mounts else {}
        return {"PYTHONDONTWRITEBYTECODE": "1", **prefix}

    def opened_nonce(self) -> NonceOpened:
        """The event that reveals the nonce."""
        return NonceOpened(nonce=self.nonce.hex(), signature=self.nonce_signature.hex())

    def root_parts(
        self, weighing: Weighing, plan_digest: str, charges: Floats
    ) -> list[tuple[str, bytes]]:
        """What `score_root` is taken over, in PROTOCOL §5's order."""
        facts = self.held_out_facts
        named = {
            "format": FORMAT,
            "submission": self.submission.digest,
            "artifact": weighing.shipment_digest,
            "policy": self.request.policy.digest,
            "root": self.root.digest,
            "harness": self.harness_digest,
            "tokenizer": facts.tokenizer_digest,
            "held-out": facts.manifest_digest,
            "plan": plan_digest,
            "verifier": __version__,
        }
        parts = [(name, value.encode()) for name, value in named.items()]
        return [*parts, ("charges", charges.astype("<f4").tobytes())]

    @cached_property
    def held_out_facts(self) -> HeldOutFacts:
        """The held-out data as counted."""
        return self.held_out.facts(self.tokens)

    def scan(self, seed: int, weighing: Weighing) -> Iterator[Secrecy]:
        """PROTOCOL §7's windows over what the scoring box could read."""
        shipment = submissions.extracted(self.store / "shipments", weighing.shipment_digest)
        rule, held_out = self.policy.secrecy, self.held_out
        with self.watch.phase("look for held-out text in the box", None):
            found = heldout.scan([shipment], held_out, rule)
            yield found.record(seed=seed, scanned="submission and artifact")
            if self.root.folder is not None:
                found = heldout.scan_cached(self.root.folder, self.root.digest, held_out, rule, self.store)
                yield found.record(seed=seed, scanned="image")


@contextlib.contextmanager
def prepare(request: Request, watch: Watch) -> Iterator[Preparation]:
    """Gather all of it; the ledger is locked while the block runs.

    Raises RequestError, BadInput, MachineFault or ImageFault.
    """
    place = store.root()
    policy = request.policy.policy
    submission = submissions.pull(request.reference, place)
    held_out = open_held_out(request, place, watch)
    root, image_facts = open_image(request, place, watch)
    sandbox = open_sandbox(request.backend)
    with watch.phase(f"prepare the {sandbox.name} box", None):
        sandbox.prepare(root)
    key = signature.load_or_create(request.key)
    harness, harness_digest = lay_out_harness(place)
    identity = (submission.digest, request.policy.digest, root.digest, held_out.manifest_digest)
    attempt = store.count_attempt(
        place,
        author=submission.author,
        submission_digest=submission.digest,
        policy_digest=request.policy.digest,
        root_digest=root.digest,
        key=key.public_hex,
    )
    nonce, nonce_signature = signature.nonce(key, submission.digest, attempt)
    folder = run_folder(request, submission, (*identity, key.public_hex, sandbox.name))
    with Ledger.resume_or_create(folder / "ledger") as ledger:
        preparation = Preparation(
            request=request,
            watch=watch,
            store=place,
            folder=folder,
            ledger=ledger,
            submission=submission,
            held_out=held_out,
            tokens=submissions_tokens(submission, held_out),
            root=root,
            image_facts=image_facts,
            sandbox=sandbox,
            harness=harness,
            harness_digest=harness_digest,
            key=key,
            attempt=attempt,
            nonce=nonce,
            nonce_signature=nonce_signature,
            seeds=chosen_seeds(policy, submission, nonce, request.seeds),
        )
        open_ledger(preparation)
        yield preparation


def open_held_out(request: Request, place: Path, watch: Watch) -> HeldOut:
    """The policy's held-out data: the embedded default, or what `data import` made.

    Raises RequestError when the policy wants data that was not given.
    """
    rule = request.policy.policy.data
    if request.data is not None:
        held_out = heldout.open_imported(request.data)
    elif rule.name == heldout.EMBEDDED_NAME:
        held_out = heldout.build(place, watch)
    else:
        raise RequestError(
            f"the policy scores on '{rule.name}', which does not come with the verifier",
            remedy="import it with `verifier data import` and pass its folder with --data",
        )
    return held_out if request.documents is None else held_out.subset(request.documents)


def open_image(request: Request, place: Path, watch: Watch) -> tuple[Root, ImageFacts]:
    """The pinned image, or the interpreter at hand where that was asked for."""
    if request.image == "host":
        watch.note("not pinned: the box runs the Python at hand (--image host)")
        return image.host_root()
    recipe = "cuda" if request.policy.policy.hardware.gpus else "cpu"
    return image.build(recipe, place, locked=False, watch=watch)


def submissions_tokens(submission: Submission, held_out: HeldOut) -> Tokens:
    """The held-out documents in the submission's tokens."""
    return held_out.tokens(submission.manifest.tokenizer)


def chosen_seeds(
    policy: Policy, submission: Submission, nonce: bytes, wanted: int | None
) -> tuple[int, ...]:
    """PROTOCOL §8: the verifier's seeds, or the submission's own where the policy says so."""
    count = policy.seeds.count if wanted is None else wanted
    if policy.seeds.chosen_by == "submission" and len(submission.claim.seeds) >= count:
        return submission.claim.seeds[:count]
    return sampling.chosen_seeds(nonce, count)


def run_folder(request: Request, submission: Submission, identity: tuple[str, ...]) -> Path:
    """One folder per thing verified: another submission, policy, image or key never mixes in."""
    short = hashlib.sha256("\n".join(identity).encode()).hexdigest()[:12]
    folder = request.out / f"{submission.folder_name}-{short}"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def lay_out_harness(place: Path) -> tuple[Path, str]:
    """A folder with what runs inside scoring boxes, and its digest."""
    guest = bundle.path("images") / "guest"
    files = {name: (guest / name).read_bytes() for name in GUEST_FILES if (guest / name).exists()}
    files["wire.py"] = (Path(__file__).parents[1] / "wire.py").read_bytes()
    digest = hashlib.sha256()
    for name in sorted(files):
        digest.update(f"{name}\0{len(files[name])}\0".encode() + files[name])
    folder = place / "harness" / digest.hexdigest()
    if not folder.exists():
        making = folder.with_name(f"{folder.name}.{os.getpid()}")
        making.mkdir(parents=True)
        for name, content in files.items():
            (making / name).write_bytes(content)
        with contextlib.suppress(OSError):
            making.rename(folder)
        shutil.rmtree(making, ignore_errors=True)
    return folder, digest.hexdigest()


def open_ledger(preparation: Preparation) -> None:
    """The first events of a new ledger; a resumed one has them."""
    ledger, request = preparation.ledger, preparation.request
    if ledger.find(Opening):
        return
    ledger.write_policy(request.policy.text)
    policy = preparation.policy
    ledger.append(
        Opening(
            format=FORMAT,
            verifier_version=__version__,
            started_utc=datetime.now(UTC).isoformat(timespec="seconds"),
            submission=preparation.submission.facts(),
            policy_name=policy.name,
            policy_digest=request.policy.digest,
            public_key=preparation.key.public_hex,
            self_run=True,
            attempt=preparation.attempt,
            nonce_commitment=signature.commitment(preparation.nonce),
            seeds=preparation.seeds,
            spot_check=len(preparation.seeds) < policy.seeds.count,
            image=preparation.image_facts,
            backend=preparation.sandbox.name,
            assurance=preparation.sandbox.level,
            harness_digest=preparation.harness_digest,
            hardware=hardware(),
        )
    )
    ledger.append(preparation.held_out_facts)
    if request.previous is not None:
        ledger.append(request.previous)


def hardware() -> dict[str, str]:
    """What this machine is, in words."""
    model = platform.processor() or platform.machine()
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    return {"cpu": model, "cores": str(os.cpu_count() or 0), "kernel": platform.release(), "gpus": "0"}
