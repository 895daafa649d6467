"""Errands beside the story: data and images made on their own, and what an audit means."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path

from verifier import bundle, heldout, image, store
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


def explain(audit: str) -> str:
    """The section of docs/audits.md about one audit, Markdown. Raises RequestError."""
    page = (bundle.path("docs") / "audits.md").read_text(encoding="utf-8")
    sections = {
        text.partition("\n")[0].strip(): f"## {text.strip()}\n" for text in page.split("\n## ")[1:]
    }
    if audit not in sections:
        close = get_close_matches(audit, sections, 1)
        hint = f"did you mean {close[0]}?" if close else f"one of {', '.join(sections)}"
        raise RequestError(f"there is no audit {audit!r}", remedy=hint)
    return sections[audit]
