"""What do the competition's own shards hold? Documents, bytes and boundaries, recovered.

Takes `fineweb_val_*.bin` and the tokenizer they were made with. A document runs from BOS to BOS;
its bytes are what its pieces spell (never `decode`, which turns lone byte pieces into U+FFFD), or
the raw text where that is given. Shards are checked whole and never repaired.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import xxhash

from verifier.errors import BadData
from verifier.heldout import folders, manifest, shards, tokens
from verifier.heldout.data import (
    DOCUMENTS,
    HELD_OUT_SHARDS,
    MODEL,
    SECRET,
    TRAINING,
    TRAINING_PATH,
    TRAINING_SHARDS,
    HeldOut,
    open_folder,
)
from verifier.heldout.manifest import Manifest
from verifier.heldout.tokenizer import Tokenizer
from verifier.heldout.tokens import Tokens
from verifier.watch import Unwatched, Watch

NAME = "fineweb"


def import_competition(
    source: Path,
    model: Path,
    store: Path,
    *,
    documents: Path | None = None,
    training: Path | None = None,
    watch: Watch | None = None,
) -> HeldOut:
    """Import `source` (one shard, or a folder of `fineweb_val_*.bin`) into `store`.

    `documents` is a file of {"text": …} lines with the raw text, one per document of the shards;
    `training` a folder of `fineweb_train_*.bin`, which is searched for held-out documents (the
    first place of each is reported) and stays where it is. Raises BadData naming file and byte
    offset (or line) for anything corrupt, and StorageFault when `store` cannot be written.
    """
    watch = watch or Unwatched()
    files = [source] if source.is_file() else sorted(source.glob(HELD_OUT_SHARDS))
    if not files:
        raise BadData(f"holds no {HELD_OUT_SHARDS}", file=source)
    tokenizer = Tokenizer(model)
    with watch.phase("recover the held-out documents", None):
        ids = shards.read_stream(files, tokenizer.vocabulary, tokenizer.end)
        raw = None if documents is None else tuple(manifest.read_documents(documents))
        if raw is not None:
            _check_count(documents, len(raw), int((ids == tokenizer.end).sum()))
        made, texts = tokens.from_stream(
            ids, raw, tokenizer.pieces(), end=tokenizer.end, digest=tokenizer.digest
        )
    train_files = [] if training is None else sorted(training.glob(TRAINING_SHARDS))
    if training is not None and not train_files:
        raise BadData(f"holds no {TRAINING_SHARDS}", file=training)
    with watch.phase("look for them in the training shards", len(train_files)) as progress:
        met: dict[int, tuple[int, str, int]] = {}
        sought = _Sought(made)
        for file in train_files:
            for found in sought.find(file, tokenizer):
                met.setdefault(found[0], found)
            progress.advance(1)
    with folders.locked(store / "data"):
        copied = {f"{SECRET}/{_shard_name(number)}": file for number, file in enumerate(files)}
        copied[f"{TRAINING}/{MODEL}"] = model
        if documents is not None:
            copied[f"{SECRET}/{DOCUMENTS}"] = documents
        described = _describe(made, texts, copied, [met[number] for number in sorted(met)])
        place = store / "data" / f"{NAME}-{described.digest()[:12]}"
        if not (place / manifest.FILE).is_file():
            with folders.making(place) as scratch:
                _lay_out(scratch, copied, training)
                folders.seal(scratch, described)
    return open_folder(place)


def _check_count(documents: Path | None, given: int, held: int) -> None:
    if given != held:
        raise BadData(
            f"{given} documents, but the shards hold {held}",
            file=documents or "",
            place=min(given, held) + 1,
        )


def _describe(
    made: Tokens,
    texts: Sequence[bytes],
    copied: Mapping[str, Path],
    met: Sequence[tuple[int, str, int]],
) -> Manifest:
    return Manifest(
        format="held-out/1",
        name=NAME,
        origin="competition",
        source={},
        documents=made.documents,
        document_bytes=made.document_bytes,
        documents_digest=manifest.documents_digest(texts),
        targets=made.targets,
        vocabulary=made.vocabulary,
        training_documents=0,
        training_tokens=0,
        found_in_training=tuple(met),
        files={place: manifest.file_digest(path) for place, path in copied.items()},
    )


def _shard_name(number: int) -> str:
    return f"fineweb_val_{number:06d}.bin"


def _lay_out(folder: Path, copied: Mapping[str, Path], training: Path | None) -> None:
    for place, path in copied.items():
        shutil.copyfile(path, folder / place)
    if training is not None:
        (folder / TRAINING_PATH).write_text(str(training.resolve()))


class _Sought:
    """Held-out documents by length and hash of their ids, so that most others cost nothing."""

    def __init__(self, held_out: Tokens) -> None:
        self._by_hash = {
            xxhash.xxh3_128_digest(held_out.document(number)[:-1].astype("<u2").tobytes()): number
            for number in range(held_out.documents)
        }
        self._lengths = np.unique(held_out.target_counts)

    def find(self, file: Path, tokenizer: Tokenizer) -> list[tuple[int, str, int]]:
        """(document, shard, first token) of each held-out document that `file` holds whole."""
        ids = shards.read(file, tokenizer.vocabulary)
        starts = np.flatnonzero(ids == tokenizer.end)
        stops = np.append(starts[1:], len(ids))
        likely = np.flatnonzero(np.isin(stops - starts, self._lengths))
        met = []
        for start, stop in zip(starts[likely].tolist(), stops[likely].tolist(), strict=False):
            digest = xxhash.xxh3_128_digest(ids[start + 1 : stop].tobytes())
            if digest in self._by_hash:
                met.append((self._by_hash[digest], file.name, start))
        return met
