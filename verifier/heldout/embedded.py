"""How is the embedded default made? Django 5.2's documentation, the same bytes everywhere.

Nothing here depends on the machine, the clock or a choice: the archive is pinned, documents are
cut at headings, the held-out ones are the first by sha256 among those that share no window with
any other document, and the tokenizer is trained on what remains. `MANIFEST` pins the result; a
build that differs is an error, never another data set under the same name.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from verifier.errors import BrokenInvariant, MachineFault
from verifier.heldout import cutting, django, folders, manifest, shards, tokens
from verifier.heldout.cutting import Cut
from verifier.heldout.data import DOCUMENTS, MODEL, SECRET, TRAINING, HeldOut, open_folder
from verifier.heldout.manifest import Manifest
from verifier.heldout.tokenizer import Tokenizer, train
from verifier.watch import Unwatched, Watch

NAME = "django-5.2"
MANIFEST = "1bf54b82605f2a389248e068a6d5c08e433f4d14041db3e1a62ea033a25e502a"
TRAINING_SHARD = "fineweb_train_000000.bin"

# PROTOCOL §7's windows; the competition's documents average 3 kB.
WINDOW_BYTES = 48
DISTINCT_BYTES = 12
DOCUMENT = Cut(least_bytes=1_500, most_bytes=12_000)
HELD_OUT_BYTES = 200_000


def place(store: Path) -> Path:
    """The data set's folder in `store`."""
    return store / "data" / NAME / MANIFEST[:12]


def build(store: Path, watch: Watch | None = None) -> HeldOut:
    """Make the embedded default in `store`, or open it if it is there.

    Raises MissingTool or MachineFault when the archive cannot be had, StorageFault when `store`
    cannot be written, MachineFault when the result is not the pinned one, BadData when what lies
    there is damaged.
    """
    watch = watch or Unwatched()
    folder = place(store)
    with folders.locked(folder.parent):
        if not (folder / manifest.FILE).is_file():
            with watch.phase("fetch the documentation of Django 5.2", None):
                archive = django.fetch(store / "downloads")
            with watch.phase("cut, choose and tokenize", None), folders.making(folder) as scratch:
                source = {django.ARCHIVE: django.ARCHIVE_SHA256}
                _check(make(django.texts(archive), scratch, source))
    return open_embedded(store)


def open_embedded(store: Path) -> HeldOut:
    """Open what `build` made. Raises BadData when it is absent or damaged."""
    held_out = open_folder(place(store))
    _check(held_out.manifest_digest)
    return held_out


def _check(digest: str) -> None:
    if digest != MANIFEST:
        raise MachineFault(
            f"the data set made here has manifest {digest}, not the pinned {MANIFEST}",
            remedy="install the locked version of sentencepiece",
        )


def make(texts: list[str], folder: Path, source: dict[str, str]) -> str:
    """Make a data set of `texts` in `folder`, which has its `secret` and `training`.

    Returns the manifest's digest.
    """
    return lay_out(*split(texts), folder, source, NAME)


def lay_out(
    held_out: list[bytes], training: list[bytes], folder: Path, source: dict[str, str], name: str
) -> str:
    """Lay a data set of two sides out in `folder`, as `make` does; returns the manifest's digest.

    The tokenizer is trained on the `training` side. Which documents may be held out is the
    caller's to see to.
    """
    (folder / TRAINING / MODEL).write_bytes(train(training))
    tokenizer = Tokenizer(folder / TRAINING / MODEL)
    pieces = tokenizer.pieces()
    digest = tokenizer.digest
    made, ours = (
        tokens.from_encoded(
            tokenizer.encode(side),
            side,
            pieces.spelled,
            tokenizer="data",
            digest=digest,
            end=tokenizer.end,
        )
        for side in (held_out, training)
    )
    if made.unspelled or ours.unspelled:
        raise BrokenInvariant("a document is not what its tokens spell")
    bos_first = np.concatenate((np.array([tokenizer.end], np.int32), ours.ids[:-1]))
    shards.write(folder / TRAINING / TRAINING_SHARD, bos_first)
    manifest.write_documents(folder / TRAINING / DOCUMENTS, training)
    manifest.write_documents(folder / SECRET / DOCUMENTS, held_out)
    described = Manifest(
        format="held-out/1",
        name=name,
        origin="embedded",
        source=source,
        documents=len(held_out),
        document_bytes=made.document_bytes,
        documents_digest=manifest.documents_digest(held_out),
        targets=made.targets,
        vocabulary=made.vocabulary,
        training_documents=len(training),
        training_tokens=ours.targets,
        found_in_training=(),
        files=folders.digests(folder),
    )
    folders.seal(folder, described)
    return described.digest()


def split(texts: list[str]) -> tuple[list[bytes], list[bytes]]:
    """Held-out documents, in order of their sha256, and training documents, in order of `texts`."""
    cut = (document.encode() for text in texts for document in cutting.cut(text, DOCUMENT))
    documents = list(dict.fromkeys(cut))
    alone = cutting.unshared(documents, WINDOW_BYTES, DISTINCT_BYTES)
    eligible = (document for document, flag in zip(documents, alone, strict=True) if flag)
    held_out: list[bytes] = []
    size = 0
    for document in sorted(eligible, key=cutting.rank):
        if size >= HELD_OUT_BYTES:
            break
        held_out.append(document)
        size += len(document)
    chosen = set(held_out)
    return held_out, [document for document in documents if document not in chosen]
