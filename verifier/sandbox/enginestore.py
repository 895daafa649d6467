"""Which image of the engine is the pinned root? Imported once per digest, from the tar itself.

The engine's own id is only a handle (importing one tar twice gives two). Must never take a name for
a proof of content, nor give our name to bytes that were not hashed on their way.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
from docker.errors import ImageNotFound

from verifier.errors import ImageFault
from verifier.records import Root

REPOSITORY = "golf-verifier-root"
ROOT_LABEL = "golf-verifier.root"
BLOCK_BYTES = 1 << 20


class EngineStore:
    """The images that this engine holds for us. Errors of the engine pass through."""

    def __init__(self, api: docker.APIClient) -> None:
        """`api`: the engine."""
        self._api = api
        self._images: dict[str, str] = {}

    def image(self, root: Root) -> str:
        """The engine's id of `root`, which is imported where it was not yet. Raises ImageFault."""
        if root.digest not in self._images:
            self._images[root.digest] = self._known(root) or self._imported(root)
        return self._images[root.digest]

    def _known(self, root: Root) -> str | None:
        try:
            image: dict[str, Any] = self._api.inspect_image(  # type: ignore[no-untyped-call]
                f"{REPOSITORY}:{tag(root)}"
            )
        except ImageNotFound:
            return None
        labels = image["Config"].get("Labels") or {}
        return str(image["Id"]) if labels.get(ROOT_LABEL) == root.digest else None

    def _imported(self, root: Root) -> str:
        """Hash the very bytes that go to the engine; only then give the image its name."""
        if root.tar is None:
            raise ImageFault(
                f"a container needs an image file, and {root.digest!r} has none",
                remedy="--image pinned, or --backend local",
            )
        digest = hashlib.sha256()
        label = [f"LABEL {ROOT_LABEL}={root.digest}"]
        said = self._api.import_image_from_stream(_hashed(root.tar, digest), changes=label)
        image = image_in(str(said))
        if digest.hexdigest() != root.digest:
            self._api.remove_image(image, force=True)
            raise ImageFault(
                f"{root.tar}: its sha256 is {digest.hexdigest()}, not {root.digest}",
                remedy="delete it; `verifier image build` makes it again",
            )
        self._api.tag(image, REPOSITORY, tag(root))
        return image


def tag(root: Root) -> str:
    """What the engine's image of `root` is called within REPOSITORY, for people who list images."""
    return root.digest[:32]


def image_in(said: str) -> str:
    """The image's id out of the engine's answer to an import. Raises ImageFault."""
    for line in said.splitlines():
        found = json.loads(line)
        if "error" in found:
            raise ImageFault(f"the engine could not take the image: {found['error']}")
        if str(found.get("status", "")).startswith("sha256:"):
            return str(found["status"])
    raise ImageFault("the engine did not say which image it made")


def _hashed(path: Path, digest: Any) -> Iterator[bytes]:
    """The blocks of a file, hashed as they go by. Raises ImageFault."""
    try:
        with path.open("rb") as file:
            while block := file.read(BLOCK_BYTES):
                digest.update(block)
                yield block
    except OSError as fault:
        raise ImageFault(f"{path}: cannot be read: {fault.strerror}") from fault
