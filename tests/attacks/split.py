"""A thousand held-out documents of the embedded default's source, for the attacks' own use.

Weak cheats can only be told apart over many documents, and PROTOCOL §7's rule (no window shared
with any other document) leaves about a hundred. Here it is waived: documents are the first thousand
by their sha256, and cut finer, so that a pass over all of them takes ten seconds of a processor.
Nothing but the attacks may be judged on them.
"""

from __future__ import annotations

from pathlib import Path

from verifier import store
from verifier.heldout import HeldOut, cutting, django, embedded, folders, manifest, open_imported
from verifier.heldout.cutting import Cut

NAME = "django-5.2-thousand"
DOCUMENTS = 1_000
DOCUMENT = Cut(least_bytes=150, most_bytes=500)


def build(place: Path) -> HeldOut:
    """Make the split in `place`, or open it if it is there; the archive is the store's."""
    with folders.locked(place.parent):
        if not (place / manifest.FILE).is_file():
            archive = django.fetch(store.root() / "downloads")
            held_out, training = split(django.texts(archive))
            with folders.making(place) as scratch:
                source = {django.ARCHIVE: django.ARCHIVE_SHA256}
                embedded.lay_out(held_out, training, scratch, source, NAME)
    return open_imported(place)


def split(texts: list[str]) -> tuple[list[bytes], list[bytes]]:
    """Held-out documents in order of their sha256, and all others in order of `texts`."""
    cut = (document.encode() for text in texts for document in cutting.cut(text, DOCUMENT))
    documents = list(dict.fromkeys(cut))
    held_out = sorted(documents, key=cutting.rank)[:DOCUMENTS]
    chosen = set(held_out)
    return held_out, [document for document in documents if document not in chosen]
