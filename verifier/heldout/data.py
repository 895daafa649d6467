"""What is the secret? One held-out data set, opened: documents, tokens, and the training side.

Held-out bytes stay in the judging process and in the folder `secret` beside its manifest; only
`training_folder` may ever be mounted into a box.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, assert_never

import numpy as np
import numpy.typing as npt

from verifier.errors import BadData, RequestError
from verifier.heldout import manifest, shards, tokens
from verifier.heldout.cutting import rank
from verifier.heldout.tokenizer import Tokenizer
from verifier.heldout.tokens import BYTE_END, Tokens
from verifier.records import HeldOutFacts

SECRET = "secret"
TRAINING = "training"
TRAINING_PATH = "training.path"
DOCUMENTS = "documents.jsonl"
MODEL = "tokenizer.model"
TRAINING_SHARDS = "fineweb_train_*.bin"
HELD_OUT_SHARDS = "fineweb_val_*.bin"

Kind = Literal["data", "bytes"]


@dataclass(frozen=True, kw_only=True)
class HeldOut:
    """One held-out data set, kept in `folder`. `documents` are UTF-8 bytes in canonical order.

    `stream` are the imported shards' own tokens, None where documents are encoded afresh.
    `found_in_training` lists held-out documents met in training shards: (document, shard, first
    token). `whole_digest` is the manifest's; `manifest_digest` differs from it for a subset.
    """

    folder: Path
    name: str
    manifest_digest: str
    whole_digest: str
    documents: tuple[bytes, ...]
    training_folder: Path
    tokenizer_path: Path
    tokenizer_digest: str
    stream: Tokens | None = None
    found_in_training: tuple[tuple[int, str, int], ...] = ()

    def tokens(self, kind: Kind) -> Tokens:
        """The target stream under the data set's own tokenizer, or one token a byte."""
        match kind:
            case "bytes":
                return tokens.from_bytes(self.documents)
            case "data" if self.stream is not None:
                return self.stream
            case "data":
                tokenizer = Tokenizer(self.tokenizer_path)
                pieces = tokenizer.pieces()
                return tokens.from_encoded(
                    tokenizer.encode(self.documents),
                    self.documents,
                    pieces.spelled,
                    tokenizer="data",
                    digest=self.tokenizer_digest,
                    end=tokenizer.end,
                    pieces=pieces,
                )
            case _:
                assert_never(kind)

    def tokens_from_box(
        self,
        ids: Sequence[npt.NDArray[np.integer]],
        pieces: Sequence[bytes],
        *,
        digest: str,
        end: int | None,
    ) -> Tokens:
        """Tokens of a submission's own tokenizer, as its box answered; nothing of it is believed.

        `ids` are one array per document, `pieces` [V] what each id spells. `end` is the
        tokenizer's BOS id; None adds one symbol, V. Raises BadSubmission as `from_encoded` does,
        and when `end` is no id.
        """
        if end is not None and not 0 <= end < len(pieces):
            raise RequestError(f"END {end} is no id of a table of {len(pieces)} pieces")
        return tokens.from_encoded(
            ids,
            self.documents,
            pieces,
            tokenizer="own",
            digest=digest,
            end=len(pieces) if end is None else end,
        )

    def training_documents(self) -> Iterator[bytes]:
        """The training side's text; of shards without text, what the first one's tokens spell."""
        path = self.training_folder / DOCUMENTS
        if path.is_file():
            yield from manifest.read_documents(path)
            return
        files = sorted(self.training_folder.glob(TRAINING_SHARDS))[:1]
        if files:
            tokenizer = Tokenizer(self.tokenizer_path)
            stream = shards.read_stream(files, tokenizer.vocabulary, tokenizer.end)
            pieces = tokenizer.pieces()
            _, spelled = tokens.from_stream(
                stream, None, pieces, end=tokenizer.end, digest=tokenizer.digest
            )
            yield from spelled

    def training_ids(self, kind: Kind) -> npt.NDArray[np.int32]:
        """The training side as one flat int32 array, each document between two ENDs.

        Of several shards only the first is read: enough for a bigram, and it fits in memory.
        Raises BadData where there is no training side.
        """
        match kind:
            case "data":
                tokenizer = Tokenizer(self.tokenizer_path)
                files = sorted(self.training_folder.glob(TRAINING_SHARDS))[:1]
                if not files:
                    raise BadData("no training shards here", file=self.training_folder)
                stream = shards.read_stream(files, tokenizer.vocabulary, tokenizer.end)
                return np.append(stream.astype(np.int32), np.int32(tokenizer.end))
            case "bytes":
                ids = tokens.from_bytes(tuple(self.training_documents())).ids
                return np.insert(ids, 0, BYTE_END)
            case _:
                assert_never(kind)

    def subset(self, count: int, salt: str = "") -> HeldOut:
        """The `count` documents of smallest sha256, in canonical order, under a derived digest.

        Another `salt` gives another set of them. Raises RequestError when there are fewer
        documents, or none is asked for.
        """
        if not 0 < count <= len(self.documents):
            raise RequestError(
                f"{count} held-out documents asked for; there are {len(self.documents)}",
                remedy=f"--documents 1 to {len(self.documents)}, or all without it",
            )
        if count == len(self.documents):
            return self
        salted = [salt.encode() + document for document in self.documents]
        order = sorted(range(len(salted)), key=lambda i: rank(salted[i]))
        chosen = sorted(order[:count])
        named = f"subset\0{self.whole_digest}\0{count}\0{salt}"
        derived = hashlib.sha256(named.encode()).hexdigest()
        renumbered = {old: new for new, old in enumerate(chosen)}
        met = [(renumbered[d], f, at) for d, f, at in self.found_in_training if d in renumbered]
        return dataclasses.replace(
            self,
            manifest_digest=derived,
            documents=tuple(self.documents[number] for number in chosen),
            stream=self._part_of_stream(chosen),
            found_in_training=tuple(met),
        )

    def _part_of_stream(self, chosen: Sequence[int]) -> Tokens | None:
        if self.stream is None:
            return None
        tokenizer = Tokenizer(self.tokenizer_path)
        parts = [self.stream.document(number) for number in chosen]
        ids = np.concatenate([np.array([tokenizer.end], np.int32), *parts])[:-1]
        documents = [self.documents[number] for number in chosen]
        part, _ = tokens.from_stream(
            ids, documents, tokenizer.pieces(), end=tokenizer.end, digest=tokenizer.digest
        )
        return part

    def facts(self, made: Tokens) -> HeldOutFacts:
        """What the ledger records about this data under one tokenizer."""
        return HeldOutFacts(
            name=self.name,
            manifest_digest=self.manifest_digest,
            tokenizer_digest=made.tokenizer_digest,
            tokenizer=made.tokenizer,
            vocabulary=made.vocabulary,
            targets=made.targets,
            document_bytes=made.document_bytes,
            table_bytes=made.table_bytes,
            unspelled=made.unspelled,
            first_unspelled=made.first_unspelled,
            ids_digest=made.ids_digest,
            target_counts=made.target_counts,
            byte_counts=made.byte_counts,
        )


def unopened(name: str) -> HeldOutFacts:
    """What the ledger records where no data set was opened: nothing was counted."""
    return HeldOutFacts(
        name=name,
        manifest_digest="",
        tokenizer_digest="",
        tokenizer="",
        vocabulary=0,
        targets=0,
        document_bytes=0,
        table_bytes=None,
        unspelled=0,
        first_unspelled=None,
        ids_digest="",
        target_counts=np.zeros(0, np.int32),
        byte_counts=np.zeros(0, np.int32),
    )


def open_folder(folder: Path) -> HeldOut:
    """Open a data set that `build` or `import_competition` left in `folder`.

    Raises BadData when a file is missing or is not the one that the manifest names.
    """
    described = manifest.load(folder)
    tokenizer = Tokenizer(folder / TRAINING / MODEL)
    raw = folder / SECRET / DOCUMENTS
    documents = tuple(manifest.read_documents(raw)) if raw.is_file() else None
    files = sorted((folder / SECRET).glob(HELD_OUT_SHARDS))
    stream: Tokens | None = None
    if files:
        ids = shards.read_stream(files, tokenizer.vocabulary, tokenizer.end)
        stream, documents = tokens.from_stream(
            ids, documents, tokenizer.pieces(), end=tokenizer.end, digest=tokenizer.digest
        )
    if not documents or manifest.documents_digest(documents) != described.documents_digest:
        raise BadData("the documents are not those of the manifest", file=folder / SECRET)
    elsewhere = folder / TRAINING_PATH
    digest = described.digest()
    return HeldOut(
        folder=folder,
        name=described.name,
        manifest_digest=digest,
        whole_digest=digest,
        documents=documents,
        training_folder=Path(elsewhere.read_text()) if elsewhere.is_file() else folder / TRAINING,
        tokenizer_path=folder / TRAINING / MODEL,
        tokenizer_digest=tokenizer.digest,
        stream=stream,
        found_in_training=described.found_in_training,
    )
