"""What is a submission's own tokenizer, stripped to its pieces?

A SentencePiece model is a protocol buffer in which any amount of data can ride along: unknown
fields, training samples, a normaliser's table. Only what its pieces spell is shipped and weighed
(PROTOCOL §6). Reads the bytes itself: a hostile model must never reach a C++ parser in the judging
process. Field numbers are those of sentencepiece's `sentencepiece_model.proto`.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NoReturn

from verifier.errors import BadSubmission

PIECES_AT_MOST = 1 << 20
_VARINT, _BYTES = 0, 2
_VARINT_BITS = 63
_MORE = 0x80
_PIECES, _TRAINER, _NORMALIZER = 1, 2, 3
_TRAINER_KEPT = frozenset({3, 4, 35, 40, 41, 42, 43})
"""model_type, vocab_size, byte_fallback, and the ids of unknown, begin, end and padding."""
_NORMALIZER_KEPT = frozenset({3, 4, 5})
"""add_dummy_prefix, remove_extra_whitespaces, escape_whitespaces."""
_SMALL = 1 << 24


@dataclass(frozen=True, slots=True)
class _Source:
    content: bytes
    name: str

    def refuse(self, sentence: str, offset: int) -> NoReturn:
        raise BadSubmission(
            f"not a SentencePiece model: {sentence}", file=self.name, place=f"byte {offset}"
        )


def reserialised(content: bytes, name: str) -> bytes:
    """The same model with its pieces, scores, kinds and ids, and nothing else.

    Raises BadSubmission naming `name` and the byte offset when it is not a SentencePiece model.
    """
    source = _Source(content, name)
    out: list[bytes] = []
    pieces = 0
    for number, kind, value, offset in _fields(source, 0, len(content)):
        if number == _PIECES and kind == _BYTES:
            pieces += 1
            if pieces > PIECES_AT_MOST:
                source.refuse(f"more than {PIECES_AT_MOST} pieces", offset)
            out.append(_message(_PIECES, _piece(source, value)))
        elif number == _TRAINER and kind == _BYTES:
            out.append(_message(_TRAINER, _kept_numbers(source, value, _TRAINER_KEPT)))
        elif number == _NORMALIZER and kind == _BYTES:
            out.append(_message(_NORMALIZER, _kept_numbers(source, value, _NORMALIZER_KEPT)))
    if pieces == 0:
        source.refuse("it holds no piece", 0)
    return b"".join(out)


def _piece(source: _Source, span: slice) -> bytes:
    text, score, kind_of_piece = b"", b"", b""
    for number, kind, value, offset in _fields(source, span.start, span.stop):
        match number, kind:
            case 1, 2:
                text = _message(1, source.content[value])
            case 2, 5:
                number_read = struct.unpack("<f", source.content[value])[0]
                if not math.isfinite(number_read):
                    source.refuse("a score is not a number", offset)
                score = b"\x15" + source.content[value]
            case 3, 0:
                kind_of_piece = b"\x18" + _varint(_small(source, value, offset))
    return text + score + kind_of_piece


def _kept_numbers(source: _Source, span: slice, kept: frozenset[int]) -> bytes:
    found: dict[int, int] = {}
    for number, kind, value, offset in _fields(source, span.start, span.stop):
        if number in kept and kind == _VARINT:
            found[number] = _small(source, value, offset)
    return b"".join(
        _varint(number << 3) + _varint(value) for number, value in sorted(found.items())
    )


def _small(source: _Source, span: slice, offset: int) -> int:
    """A number no larger than an id can be (negative ids are ten bytes long: -1 is kept)."""
    value, _ = _read_varint(source, span.start, span.stop)
    if value >= _SMALL and value != 2**64 - 1:
        source.refuse("a setting is out of range", offset)
    return value


def _fields(source: _Source, start: int, stop: int) -> Iterator[tuple[int, int, slice, int]]:
    """(field number, wire type, slice of the value's bytes, offset of the field) in order."""
    at = start
    while at < stop:
        offset = at
        key, at = _read_varint(source, at, stop)
        kind = key & 7
        match kind:
            case 0:
                _, end = _read_varint(source, at, stop)
            case 1:
                end = at + 8
            case 5:
                end = at + 4
            case 2:
                size, at = _read_varint(source, at, stop)
                end = at + size
            case _:
                source.refuse(f"wire type {kind}", offset)
        if end > stop:
            source.refuse("a field goes beyond its end", offset)
        yield key >> 3, kind, slice(at, end), offset
        at = end


def _read_varint(source: _Source, at: int, stop: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, _VARINT_BITS + 1, 7):
        if at >= stop:
            source.refuse("a number goes beyond its end", at)
        byte = source.content[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < _MORE:
            return value, at
    source.refuse("a number is too long", at)


def _varint(value: int) -> bytes:
    out = bytearray()
    while value >= _MORE:
        out.append(value & 0x7F | _MORE)
        value >>= 7
    out.append(value)
    return bytes(out)


def _message(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | _BYTES) + _varint(len(content)) + content
