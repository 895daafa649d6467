"""Errands beside the story: data and images made on their own."""

from __future__ import annotations

from pathlib import Path

from verifier import heldout, image, store
from verifier.errors import RequestError
from verifier.heldout import HeldOut
from verifier.records import ImageFacts, Root
from verifier.watch import Watch


def build_data(watch: Watch) -> HeldOut:
    """Make (or find) the embedded default data set."""
    return heldout.build(store.root(), watch)


def import_data(
    shards: Path, tokenizer: Path, documents: Path | None, training: Path | None, watch: Watch
) -> HeldOut:
    """Take the competition's own shards and tokenizer. Raises BadData naming file and offset."""
    return heldout.import_competition(
        shards, tokenizer, store.root(), documents=documents, training=training, watch=watch
    )


def build_image(recipe: str, watch: Watch, *, locked: bool) -> tuple[Root, ImageFacts]:
    """Make (or find) an image by its recipe's name."""
    return image.build(recipe, store.root(), locked=locked, watch=watch)


def show_image(recipe: str) -> tuple[Root, ImageFacts]:
    """The image that the store has of a recipe. Raises RequestError when it has none."""
    found = image.find(recipe, store.root())
    if found is None:
        raise RequestError(
            f"image {recipe} is not built yet", remedy=f"verifier image build {recipe}"
        )
    return found
