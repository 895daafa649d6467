"""On what grounds is it verified: which held-out data, which image in which box, which seeds?

Choices that the request and the policy make together, each said aloud where it is not the best
one. Must never weaken a choice in silence.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from verifier import heldout, image, sampling
from verifier import submission as submissions
from verifier.errors import RequestError
from verifier.heldout import HeldOut, Tokens
from verifier.heldout.data import Kind
from verifier.pipeline.boxes import tokenizing_spec
from verifier.pipeline.harness import Harness
from verifier.pipeline.request import Request
from verifier.policy import Policy
from verifier.records import Assurance, BoxFacts, ImageFacts, Root
from verifier.sandbox import choose
from verifier.sandbox.interface import Sandbox
from verifier.scoring.tokenizing import tokenize
from verifier.scratch import temporary
from verifier.submission import Submission
from verifier.watch import Watch


@dataclass(frozen=True, slots=True)
class Ground:
    """Where boxes stand: the sandbox, the root file system in it, and what that root holds."""

    sandbox: Sandbox
    root: Root
    image: ImageFacts


def open_held_out(request: Request, store: Path, watch: Watch) -> HeldOut:
    """The policy's held-out data: the embedded default, or what `data import` made.

    Raises RequestError when the policy wants data that was not given.
    """
    rule = request.policy.policy.data
    if request.data is not None:
        held_out = heldout.open_imported(request.data)
    elif rule.name == heldout.EMBEDDED_NAME:
        held_out = heldout.build(store, watch)
    else:
        raise RequestError(
            f"the policy scores on '{rule.name}', which does not come with the verifier",
            remedy="import it with `verifier data import` and pass its folder with --data",
        )
    if request.documents is None:
        return held_out
    return held_out.subset(request.documents, request.documents_salt)


def open_ground(request: Request, store: Path, watch: Watch) -> Ground:
    """The strongest sandbox that was asked for, and the image made ready in it.

    An ordinary process (L0) cannot change its root, and an engine takes only a root file system:
    where the two do not meet, `auto` and `local` go on with what does, and say so.
    """
    sandbox, reasons = choose(request.backend)
    for reason in reasons:
        watch.note(f"a stronger sandbox cannot be had: {reason}")
    root, facts = _open_image(request, sandbox, store, watch)
    if root.tar is None and sandbox.level >= Assurance.L2 and request.backend == "auto":
        watch.note("an engine needs an image file and there is none: boxes are local instead")
        sandbox, _ = choose("local")
    with watch.phase(f"prepare the {sandbox.name} box", None):
        sandbox.prepare(root)
    if sandbox.level < Assurance.L2:
        level = sandbox.level.name if sandbox.level > Assurance.NONE else "no level at all"
        watch.note(f"boxes are of {level} ({sandbox.name}), a container would be L2; they lack:")
        for wall in sandbox.lacking():
            watch.note(f"  {wall}")
    return Ground(sandbox, root, facts)


def _open_image(
    request: Request, sandbox: Sandbox, store: Path, watch: Watch
) -> tuple[Root, ImageFacts]:
    if request.image == "host":
        watch.note("not pinned: the box runs the Python at hand (--image host)")
        root, facts = image.host_root()
        if "torch" not in facts.packages:
            raise RequestError(
                "--image host needs torch in the verifier's own environment",
                remedy="pip install 'golf-verifier[guest]', or --image pinned",
            )
        return root, facts
    recipe = "cuda" if request.policy.policy.hardware.gpus else "cpu"
    if sandbox.level <= Assurance.L0:
        why = f"a {sandbox.name} box cannot change its root file system"
        return image.unrooted(recipe, store, why=why, watch=watch)
    return image.build(recipe, store, locked=False, watch=watch)


def open_tokens(
    submission: Submission,
    held_out: HeldOut,
    policy: Policy,
    ground: Ground,
    harness: Harness,
    opened: Callable[[BoxFacts], None],
) -> Tokens:
    """The held-out documents in the submission's tokens; its own tokenizer is asked in a box.

    Raises BadSubmission when that box leaves no usable answer.
    """
    own = submissions.shipped_tokenizer(submission, policy)
    if own is None:
        # The manifest's tokenizer is a path or one of the two words.
        return held_out.tokens(cast(Kind, submission.manifest.tokenizer))
    with temporary("tokenizer") as folder:
        folder.chmod(0o755)
        model = folder / "tokenizer.model"
        model.write_bytes(own)
        return tokenize(
            held_out,
            model,
            hashlib.sha256(own).hexdigest(),
            ground.sandbox,
            tokenizing_spec(ground.root, harness, policy),
            opened,
        )


def chosen_seeds(
    policy: Policy, claimed: tuple[int, ...], nonce: bytes, wanted: int | None
) -> tuple[int, ...]:
    """PROTOCOL §8: the verifier's seeds, or the submission's own where the policy says so.

    Raises RequestError for more seeds than the policy has.
    """
    count = policy.seeds.count if wanted is None else wanted
    if count > policy.seeds.count:
        raise RequestError(f"--seeds {count}: the policy has {policy.seeds.count}, no more")
    if policy.seeds.chosen_by == "submission" and len(claimed) >= count:
        return claimed[:count]
    return sampling.chosen_seeds(nonce, count)
