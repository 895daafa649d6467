"""What does a script find where it looks for data and tokenizer? Laid out here for one vocabulary.

For shadow runs a sentencepiece model of exactly the size that the script expects is made as the
competition's are (four control pieces, 256 bytes, then text), with shards of ids: nothing in it is
a real document's. For a run in full it is the data set's own.
"""

from __future__ import annotations

import random
import re
import shutil
import string
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from verifier.heldout import shards
from verifier.heldout.tokenizer import SPACE, Pieces, Tokenizer
from verifier.shadow.streams import DOCUMENT, Ids

CONTROLS = ("<pad>", "<s>", "</s>", "<unk>")
KNOWN = (1024, 2048, 4096, 8192)
"""Vocabularies after which scripts name data and tokenizers that nothing else tells them."""
SMALLEST = 512
"""A vocabulary has 4 controls, 256 bytes, a lone space, and some text."""
_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,100}")
_NORMAL, _UNKNOWN, _CONTROL, _BYTE = 1, 2, 3, 6
_BPE = 2


@dataclass(frozen=True, slots=True, eq=False)
class World:
    """A tokenizer laid out in `folder`, what its pieces spell, and which of them text is made of.

    `alphabet` are the ids that streams are drawn from: visible bytes, a lone space, text.
    """

    folder: Path
    vocabulary: int
    pieces: Pieces
    alphabet: npt.NDArray[np.int64]

    @property
    def datasets(self) -> str:
        """Where the shards lie, below the world's folder."""
        return f"datasets/fineweb10B_sp{self.vocabulary}"

    def target_bytes(self, ids: npt.NDArray[np.integer]) -> npt.NDArray[np.int64]:
        """What the competition's table counts for each token of a stream [n]; 0 for the first."""
        counts: npt.NDArray[np.int64] = self.pieces.base_bytes[ids].astype(np.int64)
        counts[1:] += self.pieces.leading_space[ids[1:]] & ~self.pieces.boundary[ids[:-1]]
        counts[0] = 0
        return counts

    @property
    def tokenizer(self) -> str:
        """Where the tokenizer lies, below the world's folder."""
        return f"tokenizers/fineweb_{self.vocabulary}_bpe.model"


def lay_out(folder: Path, vocabulary: int) -> World:
    """Write a tokenizer of `vocabulary` pieces. Raises ValueError for fewer than `SMALLEST`."""
    if not SMALLEST <= vocabulary <= 1 << 16:
        raise ValueError(f"a vocabulary of {vocabulary} pieces, not {SMALLEST} to 65536")
    path = folder / f"tokenizers/fineweb_{vocabulary}_bpe.model"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_model(vocabulary))
    pieces = Tokenizer(path).pieces()
    first = len(CONTROLS)
    visible = [first + byte for byte in range(0x21, 0x7F)]
    alphabet = np.array([*visible, *range(first + 256, vocabulary)])
    return World(folder, vocabulary, pieces, alphabet)


def of(folder: Path, tokenizer: Path) -> World:
    """The world of a data set's own tokenizer, copied below `folder`. Raises BadData as it does."""
    read = Tokenizer(tokenizer)
    world = World(folder, read.vocabulary, read.pieces(), np.zeros(0, np.int64))
    place = folder / world.tokenizer
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(tokenizer, place)
    return world


def furnish(
    world: World,
    folder: Path,
    heldout: Ids,
    training: Ids,
    *,
    names: Iterable[str] = (),
    sidecar: bool = False,
) -> None:
    """Tokenizer, held-out and training shards below `folder`; else as `furnish_held_out`."""
    place = furnish_held_out(world, folder, heldout, names=names, sidecar=sidecar)
    half = len(training) // 2 // DOCUMENT * DOCUMENT
    shards.write(place / "fineweb_train_000000.bin", training[:half])
    shards.write(place / "fineweb_train_000001.bin", training[half:])


def furnish_held_out(
    world: World,
    folder: Path,
    heldout: npt.NDArray[np.integer],
    *,
    names: Iterable[str] = (),
    sidecar: bool = False,
) -> Path:
    """Tokenizer and held-out shard below `folder`, under every name that they are known by.

    Returns the folder of the shards. `names` are more of those: of folders below datasets/, and of
    files below tokenizers/. `sidecar`: beside the held-out shard lies one with the bytes of its
    tokens, as the table counts them; most scripts would take it for another held-out shard.
    """
    place, tokenizer = folder / world.datasets, folder / world.tokenizer
    place.mkdir(parents=True)
    tokenizer.parent.mkdir(parents=True)
    shutil.copyfile(world.folder / world.tokenizer, tokenizer)
    shards.write(place / "fineweb_val_000000.bin", heldout)
    if sidecar:
        shards.write(place / "fineweb_val_bytes_000000.bin", world.target_bytes(heldout))
    known = (replace(world, vocabulary=vocabulary) for vocabulary in KNOWN)
    for name in {*(path for each in known for path in (each.datasets, each.tokenizer)), *names}:
        kind, _, last = name.partition("/")
        if _PLAIN.fullmatch(last) and not (link := folder / kind / last).exists():
            link.symlink_to(place.name if kind == place.parent.name else tokenizer.name)
    return place


def _model(vocabulary: int) -> bytes:
    """A sentencepiece model, field by field (sentencepiece_model.proto)."""
    pieces = [(name, _UNKNOWN if name == "<unk>" else _CONTROL) for name in CONTROLS]
    pieces += [(f"<0x{byte:02X}>", _BYTE) for byte in range(256)]
    pieces += [(text, _NORMAL) for text in _texts(vocabulary - len(pieces))]
    written = b"".join(
        _field(1, _field(1, text.encode()) + _float(2, -float(place)) + _number(3, kind))
        for place, (text, kind) in enumerate(pieces)
    )
    ids = b"".join(_number(field, place) for place, field in enumerate((43, 41, 42, 40)))
    trainer = _number(3, _BPE) + _number(4, vocabulary) + _number(35, 1) + ids
    normalizer = _field(1, b"identity") + _number(3, 0) + _number(4, 0) + _number(5, 1)
    return written + _field(2, trainer) + _field(3, normalizer)


def _texts(count: int) -> list[str]:
    """A lone space, the letters, then syllables: every other one begins a word."""
    made = dict.fromkeys([SPACE, *string.ascii_lowercase])
    drawn = random.Random(0)
    while len(made) < count:
        letters = "".join(drawn.choices(string.ascii_lowercase, k=drawn.randint(2, 6)))
        made[SPACE + letters if len(made) % 2 else letters] = None
    return list(made)[:count]


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def _field(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _number(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value)


def _float(number: int, value: float) -> bytes:
    return _varint(number << 3 | 5) + np.float32(value).tobytes()
