"""What bytes does each token of a sentencepiece model stand for?

Only models that the verifier made or the organizers published are loaded here. A submission's own
tokenizer is never loaded on the host: it runs in a box and its answers are checked by `tokens`.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import sentencepiece  # type: ignore[import-untyped, unused-ignore]

from verifier.errors import BadData

SPACE = "▁"
VOCABULARY = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Pieces:
    """What a tokenizer's ids spell, and how the competition's table counts them.

    `spelled` [V] are the bytes of each id; `base_bytes` int32 [V], `leading_space` bool [V] and
    `boundary` bool [V] are the three look-up tables.
    """

    spelled: tuple[bytes, ...]
    base_bytes: npt.NDArray[np.int32]
    leading_space: npt.NDArray[np.bool_]
    boundary: npt.NDArray[np.bool_]

    def table_bytes(self, targets: npt.NDArray[np.integer], end: int) -> int:
        """The competition's count for a stream of targets whose first predecessor is `end` (BOS).

        Source: the official script: base bytes of the target, and one more where it has a leading
        space and its predecessor is no boundary token. Only one leading space is stripped from a
        piece, so a piece of several spaces counts three bytes for each further one.
        """
        total, previous = 0, end
        for start in range(0, len(targets), 1 << 22):
            block = targets[start : start + (1 << 22)]
            before = np.concatenate((np.array([previous], block.dtype), block[:-1]))
            spaced = self.leading_space[block] & ~self.boundary[before]
            total += int(self.base_bytes[block].sum(dtype=np.int64)) + int(spaced.sum())
            previous = int(block[-1])
        return total


class Tokenizer:
    """A sentencepiece model whose bytes are trusted."""

    def __init__(self, path: Path) -> None:
        """Load `path`. Raises BadData when it is no sentencepiece model or has no BOS."""
        try:
            self.model = path.read_bytes()
        except OSError as fault:
            raise BadData(f"cannot be read: {fault.strerror}", file=path) from fault
        self.path = path
        self.digest = hashlib.sha256(self.model).hexdigest()
        self._processor = sentencepiece.SentencePieceProcessor()
        try:
            self._processor.LoadFromSerializedProto(self.model)
        except RuntimeError as fault:
            raise BadData("is no sentencepiece model", file=path, place=0) from fault
        self.vocabulary = int(self._processor.vocab_size())
        self.end = int(self._processor.bos_id())
        if self.end < 0:
            raise BadData("the tokenizer has no BOS", file=path)

    def encode(self, documents: Sequence[bytes]) -> list[npt.NDArray[np.int32]]:
        """Ids of each document, without BOS or END."""
        encoded = self._processor.encode([document.decode() for document in documents])
        return [np.asarray(ids, np.int32) for ids in encoded]

    def pieces(self) -> Pieces:
        """What each id spells, with the competition's look-up tables."""
        processor = self._processor
        spelled: list[bytes] = []
        base = np.zeros(self.vocabulary, np.int32)
        leading = np.zeros(self.vocabulary, np.bool_)
        boundary = np.ones(self.vocabulary, np.bool_)
        for token in range(self.vocabulary):
            piece = str(processor.id_to_piece(token))
            if processor.is_control(token) or processor.is_unknown(token):
                spelled.append(b"")
                continue
            if processor.is_byte(token):
                spelled.append(bytes([int(piece[1:-1], 16)]))
                base[token], boundary[token] = 1, False
                continue
            spelled.append(piece.replace(SPACE, " ").encode())
            if processor.is_unused(token):
                continue
            boundary[token] = False
            leading[token] = piece.startswith(SPACE)
            base[token] = len(piece.removeprefix(SPACE).encode())
        return Pieces(
            spelled=tuple(spelled), base_bytes=base, leading_space=leading, boundary=boundary
        )


def train(documents: Iterable[bytes]) -> bytes:
    """Train the embedded default's BPE-1024; returns the serialised model.

    Deterministic: one thread, no sampling, input in the order given. Identity normalisation and
    byte fallback make every document round-trip; ids 0 to 3 are ordered as the competition's.
    """
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=_lines(documents),
        model_writer=model,
        model_type="bpe",
        vocab_size=VOCABULARY,
        normalization_rule_name="identity",
        byte_fallback=True,
        add_dummy_prefix=False,
        remove_extra_whitespaces=False,
        allow_whitespace_only_pieces=False,
        character_coverage=0.999,
        input_sentence_size=0,
        shuffle_input_sentence=False,
        max_sentence_length=1 << 20,
        num_threads=1,
        pad_id=0,
        bos_id=1,
        eos_id=2,
        unk_id=3,
        minloglevel=2,
    )
    return model.getvalue()


def _lines(documents: Iterable[bytes]) -> Iterator[str]:
    for document in documents:
        yield from (line for line in document.decode().split("\n") if line)
