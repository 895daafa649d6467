"""In which box is a scorer tried? The lightest that runs it as a verdict's box would.

The image that the store has, in a box without an engine; else in an engine's; else the virtual
environment that an earlier run made of the same lock; else this Python, if it has torch. Must
never build an image: that takes minutes, and a trial takes seconds.
"""

from __future__ import annotations

from pathlib import Path

from verifier import image
from verifier.errors import MachineFault, RequestError
from verifier.pipeline.grounds import Ground
from verifier.policy import Policy
from verifier.records import Assurance, ImageFacts, Root
from verifier.sandbox import choose, open_sandbox
from verifier.sandbox.interface import Sandbox
from verifier.watch import Watch

BUILD = "`verifier image build {recipe}` (once, some minutes)"
INSTALL = "pip install 'golf-verifier[guest]' into the environment of `verifier`"


def open_ground(wanted: str, policy: Policy, store: Path, watch: Watch) -> Ground:
    """Box and root for `wanted`: auto, pinned or host.

    Raises RequestError, with both ways to mend it, when there is nothing to run a scorer in.
    """
    recipe = "cuda" if policy.hardware.gpus else "cpu"
    sandbox: Sandbox
    if wanted != "host" and (found := _pinned(recipe, store, watch)):
        sandbox, root, facts = found
    elif wanted != "pinned" and (installed := _installed(recipe, store)):
        sandbox = open_sandbox("plain")
        root, facts = installed
    else:
        remedies = [BUILD.format(recipe=recipe)]
        remedies += [] if wanted == "pinned" else [INSTALL]
        raise RequestError(
            f"there is nothing to run a scorer in: {_missing(wanted, recipe)}",
            remedy=", or ".join(remedies),
        )
    with watch.phase(f"prepare the {sandbox.name} box", None):
        sandbox.prepare(root)
    return Ground(sandbox, root, facts)


def in_words(ground: Ground) -> str:
    """Which box, and what Python in it."""
    named = (
        f"image {ground.image.recipe}" if ground.root.pinned else f"{ground.image.recipe} Python"
    )
    return f"{ground.sandbox.name} box, {named} {ground.image.python}"


def _pinned(recipe: str, store: Path, watch: Watch) -> tuple[Sandbox, Root, ImageFacts] | None:
    found = image.find(recipe, store)
    if found is None:
        return None
    root, facts = found
    local, _ = choose("local")
    if local.level > Assurance.L0:
        return local, image.extract(root, watch), facts
    try:
        return open_sandbox("docker"), root, facts
    except MachineFault:
        return None


def _installed(recipe: str, store: Path) -> tuple[Root, ImageFacts] | None:
    if found := image.find_unrooted(recipe, store):
        return found
    root, facts = image.host_root()
    return (root, facts) if "torch" in facts.packages else None


def _missing(wanted: str, recipe: str) -> str:
    image_said = f"the store has no image {recipe} that a box here can hold"
    host_said = "this Python has no torch"
    return {"pinned": image_said, "host": host_said}.get(wanted, f"{image_said}, and {host_said}")
