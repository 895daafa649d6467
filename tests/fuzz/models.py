"""SentencePiece models that nobody would train, made field by field or byte by byte.

`Model` is what a file says that is shipped: pieces, kinds of them, ids and switches. `mutated`
draws one; `MADE` are the ones that showed what a reader of them can do, by name.
"""

from __future__ import annotations

import functools
import io
import random
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import sentencepiece

NORMAL, UNKNOWN, CONTROL, OWN, UNUSED, BYTE = 1, 2, 3, 4, 5, 6
UNIGRAM, BPE, WORD, CHAR = 1, 2, 3, 4
Piece = tuple[bytes, float, int]


def varint(value: int) -> bytes:
    """A number as protocol buffers write it; negative ones in ten bytes."""
    value &= 2**64 - 1
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*out, value))


def message(number: int, content: bytes, length: int | None = None) -> bytes:
    """A field of bytes, said to be `length` long."""
    size = len(content) if length is None else length
    return varint(number << 3 | 2) + varint(size) + content


@dataclass(frozen=True)
class Model:
    """`trainer` and `normalizer` are numbers by field, as `sentencepiece_model.proto` has them."""

    pieces: tuple[Piece, ...]
    trainer: Mapping[int, int] = field(default_factory=dict)
    normalizer: Mapping[int, int] = field(default_factory=dict)

    def bytes(self) -> bytes:
        """The file."""
        parts = [
            message(
                1,
                message(1, text) + b"\x15" + struct.pack("<f", score) + b"\x18" + varint(kind),
            )
            for text, score, kind in self.pieces
        ]
        for number, fields in ((2, self.trainer), (3, self.normalizer)):
            parts.append(
                message(number, b"".join(varint(n << 3) + varint(v) for n, v in fields.items()))
            )
        return b"".join(parts)


BYTES: tuple[Piece, ...] = tuple((f"<0x{value:02X}>".encode(), 0.0, BYTE) for value in range(256))
START: tuple[Piece, ...] = (
    (b"<unk>", 0.0, UNKNOWN),
    (b"<s>", 0.0, CONTROL),
    (b"</s>", 0.0, CONTROL),
)
LETTERS: tuple[Piece, ...] = tuple((bytes([c]), -float(c), NORMAL) for c in b"abcdefghijklmnop t")
HONEST = Model(
    (*START, *BYTES, *LETTERS, (b"at", -1.0, NORMAL), (b"the", -2.0, NORMAL)),
    {3: BPE, 35: 1},
    {3: 0, 4: 0, 5: 1},
)


@functools.cache
def trained(kind: str) -> bytes:
    """A model that sentencepiece trained itself."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["the cat sat on the mat", "a dog ate the hat"] * 20),
        model_writer=model,
        vocab_size=300,
        model_type=kind,
        byte_fallback=kind in ("bpe", "unigram"),
        hard_vocab_limit=False,
        minloglevel=2,
    )
    return model.getvalue()


_TEXTS: tuple[bytes, ...] = (
    b"", b"\0", b"\xff\xfe", b"\xed\xa0\x80", b"a" * 70_000, "▁".encode(), "▁".encode() * 300,
    b"<0x00>", b"<0xZZ>", b"<0x1FF>", b"<unk>", b"<s>", b" ", b"\n", "é".encode()[:1], b"a", b"ab",
)  # fmt: skip
_SCORES = (0.0, -0.0, 3.4e38, -3.4e38, 1e-45, float("inf"), float("-inf"), float("nan"), 1.0)
_NUMBERS = (0, 1, 2, 3, 4, 5, 7, -1, -2, 300, 2**24 - 1, 2**31 - 1, 2**31, 2**32, 2**63 - 1)


def _piece(chance: random.Random) -> Piece:
    return (
        chance.choice(_TEXTS),
        chance.choice(_SCORES),
        chance.choice((1, 1, 2, 3, 4, 5, 6, 200)),
    )


def _fields(chance: random.Random, model: Model) -> Model:
    """Some pieces and settings of a model changed."""
    pieces = list(model.pieces)
    for _ in range(chance.randint(0, 6)):
        at = chance.randrange(len(pieces) + 1)
        match chance.randrange(5):
            case 0:
                pieces[at:at] = [_piece(chance)]
            case 1:
                del pieces[at : at + chance.choice((1, 1, 200))]
            case 2:
                pieces[at:at] = pieces[at : at + 1] * chance.choice((1, 50))
            case _ if at < len(pieces):
                text, score, kind = pieces[at]
                other = _piece(chance)
                pieces[at] = chance.choice(
                    [(other[0], score, kind), (text, other[1], kind), (text, score, other[2])]
                )
    trainer, normalizer = dict(model.trainer), dict(model.normalizer)
    for _ in range(chance.randint(0, 3)):
        trainer[chance.choice((3, 4, 35, 40, 41, 42, 43))] = chance.choice(_NUMBERS)
    if chance.random() < 0.3:
        normalizer[chance.choice((3, 4, 5))] = chance.choice(_NUMBERS)
    return Model(tuple(pieces), trainer, normalizer)


def _bytes(chance: random.Random, content: bytes) -> bytes:
    """Some bytes of a file flipped, cut, said to be longer, or moved."""
    made = bytearray(content)
    for _ in range(chance.randint(1, 5)):
        at = chance.randrange(len(made)) if made else 0
        match chance.randrange(5):
            case 0 if made:
                made[at] ^= 1 << chance.randrange(8)
            case 1:
                del made[at:]
            case 2:
                made[at:at] = varint(chance.choice(_NUMBERS))
            case 3:
                made[at : at + 2] = varint(chance.choice(_NUMBERS))
            case _:
                made[at:at] = made[: chance.randrange(40)]
    return bytes(made)


def mutated(chance: random.Random) -> tuple[str, bytes]:
    """(the way it was made, a model)."""
    if chance.random() < 0.6:
        model = replace(HONEST, trainer={**HONEST.trainer, 3: chance.choice((1, 2, 3, 4))})
        return "fields", _fields(chance, model).bytes()
    kind = chance.choice(("bpe", "unigram", "char", "word"))
    return f"bytes of {kind}", _bytes(chance, trained(kind))


def _with(*more: Piece, **trainer: int) -> Callable[[], bytes]:
    return lambda: replace(HONEST, pieces=(*HONEST.pieces, *more)).bytes()


MADE: Mapping[str, Callable[[], bytes]] = {
    "cut": lambda: HONEST.bytes()[:-40],
    "nothing": lambda: b"",
    "a million pieces": lambda: replace(
        HONEST, pieces=(*HONEST.pieces, *((b"x%d" % n, 0.0, NORMAL) for n in range(1_000_000)))
    ).bytes(),
    "an empty piece": _with((b"", 0.0, NORMAL)),
    "a piece twice": _with((b"at", 0.0, NORMAL)),
    "a piece that is no UTF-8": _with((b"\xff\xfe", 0.0, NORMAL)),
    "a piece of fifteen megabytes": _with((b"a" * 15_000_000, 0.0, NORMAL)),
    "no unknown piece": lambda: Model(HONEST.pieces[1:], HONEST.trainer).bytes(),
    "a hole in the bytes": lambda: replace(
        HONEST, pieces=(*START, *BYTES[:100], *BYTES[101:], *LETTERS)
    ).bytes(),
    "a byte that is none": _with((b"<0xZZ>", 0.0, BYTE)),
    "scores of all sizes": _with((b"ca", 3.4e38, NORMAL), (b"cat", -3.4e38, NORMAL)),
    "an unknown model": lambda: replace(HONEST, trainer={3: 9}).bytes(),
}
