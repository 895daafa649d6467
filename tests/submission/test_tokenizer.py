"""A submission's own tokenizer is its pieces; everything else in the file is dropped."""

from __future__ import annotations

import io

import pytest
import sentencepiece
from hypothesis import given
from hypothesis import strategies as st

from verifier.errors import BadSubmission
from verifier.submission.tokenizer import reserialised


def field(number: int, content: bytes) -> bytes:
    return bytes([number << 3 | 2, len(content)]) + content


def model_bytes() -> bytes:
    """Two pieces, with score and kind, and the settings that matter."""
    pieces = [
        field(1, field(1, text) + b"\x15\0\0\x80\xbf\x18\x02") for text in (b"a", b"\xc3\xa9")
    ]
    return b"".join(pieces) + field(2, b"\x18\x02") + field(3, b"\x18\x00")


def test_what_rides_along_in_a_model_file_is_dropped() -> None:
    """Promise: unknown fields, names and tables carry nothing into the scoring box."""
    extra = field(1, b"hidden") + b"\x20\x01" + b"\x2d\0\0\0\0" + b"\x31" + bytes(8)
    hidden = model_bytes()[:-4] + field(3, b"\x18\x00" + extra) + field(9, b"hidden")
    assert reserialised(hidden, "m.model") == model_bytes()[:-4] + field(3, b"\x18\x00 \x01")
    assert reserialised(model_bytes(), "m.model") == model_bytes()


def test_a_real_model_encodes_the_same_after_reserialising() -> None:
    """Promise: an honest tokenizer is still itself, and smaller."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["the cat sat on the mat", "a dog ate the hat"] * 20),
        model_writer=model,
        vocab_size=300,
        model_type="bpe",
        byte_fallback=True,
        normalization_rule_name="identity",
        add_dummy_prefix=False,
        hard_vocab_limit=False,
        minloglevel=2,
    )
    whole = model.getvalue()
    stripped = reserialised(whole, "m.model")
    assert len(stripped) < len(whole)
    one = sentencepiece.SentencePieceProcessor(model_proto=whole)
    two = sentencepiece.SentencePieceProcessor(model_proto=stripped)
    text = "the hat of the cat ☃"
    assert one.encode(text) == two.encode(text)
    assert (one.bos_id(), one.eos_id(), one.unk_id()) == (two.bos_id(), two.eos_id(), two.unk_id())


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "no piece"),
        (field(2, b""), "no piece"),
        (b"\x0a\x10a", "beyond its end"),
        (b"\x0a", "beyond its end"),
        (b"\xff" * 12, "too long"),
        (b"\x0b", "wire type 3"),
        (field(1, b"\x15\0\0\xc0\x7f"), "not a number"),
        (field(1, b"\x18\xff\xff\xff\xff\x7f"), "out of range"),
    ],
)
def test_a_corrupt_model_is_named_with_its_offset(content: bytes, why: str) -> None:
    """Promise: our own error, naming file and byte."""
    with pytest.raises(BadSubmission, match=why) as refused:
        reserialised(content, "m.model")
    assert refused.value.file == "m.model"
    assert refused.value.place.startswith("byte ")


@given(st.binary(max_size=200))
def test_any_bytes_are_a_model_or_a_named_error(content: bytes) -> None:
    """Promise: what is accepted stays the same when it is done again."""
    try:
        once = reserialised(content, "m.model")
    except BadSubmission:
        return
    assert reserialised(once, "m.model") == once
