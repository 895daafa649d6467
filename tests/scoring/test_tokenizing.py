"""A submission's own tokenizer is asked in a box, and nothing of its answer is taken on trust."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.scoring.fake import LIMITS
from tests.training.fake_sandbox import FakeSandbox
from verifier.errors import BadSubmission, BrokenInvariant
from verifier.heldout import HeldOut, Tokens
from verifier.records import BoxFacts, BoxSpec, Mount, Root
from verifier.scoring.tokenizing import PIECES_AT_MOST, tokenize

DOCUMENTS = (b"abba", b"b", "naïve".encode())
PIECES = [bytes([byte]) for byte in range(256)]
Answer = Callable[[Path], None]


def held_out(tmp_path: Path) -> HeldOut:
    """Three documents and nothing else."""
    return HeldOut(
        folder=tmp_path,
        name="three",
        manifest_digest="0" * 64,
        whole_digest="0" * 64,
        documents=DOCUMENTS,
        training_folder=tmp_path,
        tokenizer_path=tmp_path / "none",
        tokenizer_digest="",
    )


def honest(out: Path, **changes: Any) -> None:
    """One token a byte, as bytes are numbered; `changes` replace what is written."""
    counts = np.array([len(document) for document in DOCUMENTS], "<i8")
    table = {"pieces": [base64.b64encode(piece).decode() for piece in PIECES], "bos": -1}
    answer = {
        "counts.bin": counts.tobytes(),
        "ids.bin": np.frombuffer(b"".join(DOCUMENTS), np.uint8).astype("<i4").tobytes(),
        "pieces.json": json.dumps(table).encode(),
        **changes,
    }
    for name, content in answer.items():
        if content is not None:
            (out / name).write_bytes(content)


def asked(
    tmp_path: Path, answer: Answer, code: int = 0
) -> tuple[Tokens, list[BoxSpec], list[BoxFacts]]:
    """What comes of a box that leaves `answer`."""

    def run(spec: BoxSpec, _: object) -> int:
        assert spec.output is not None
        answer(spec.output.source)
        return code

    sandbox, opened = FakeSandbox(run), []
    (tmp_path / "harness").mkdir()
    (tmp_path / "own.model").write_bytes(b"a model")
    spec = BoxSpec(
        label="",
        root=Root(digest="host", python="python3", pinned=False),
        argv=(),
        environment={},
        inputs=(Mount(source=tmp_path / "harness", target="/harness"),),
        output=None,
        channel=None,
        working_folder="/",
        limits=LIMITS,
    )
    model = tmp_path / "own.model"
    tokens = tokenize(held_out(tmp_path), model, "d" * 64, sandbox, spec, opened.append)
    return tokens, sandbox.specs, opened


def test_ids_and_pieces_become_targets_with_an_end_of_their_own(tmp_path: Path) -> None:
    """§2: a tokenizer without BOS gets one symbol more. The box's facts are handed on."""
    tokens, (spec,), opened = asked(tmp_path, honest)
    assert (tokens.vocabulary, tokens.end, tokens.unspelled) == (257, 256, 0)
    assert tokens.ids.tolist() == [*b"abba", 256, *b"b", 256, *"naïve".encode(), 256]
    assert [facts.label for facts in opened] == ["tokenize"]
    assert {mount.target for mount in spec.inputs} == {"/harness", "/tokenizer", "/documents"}
    assert spec.argv[0] == "python3"


def test_a_tokenizer_with_a_bos_ends_documents_by_it(tmp_path: Path) -> None:
    """END is the tokenizer's BOS id."""
    table = {"pieces": [base64.b64encode(p).decode() for p in [*PIECES, b""]], "bos": 256}
    tokens, _, _ = asked(
        tmp_path, lambda out: honest(out, **{"pieces.json": json.dumps(table).encode()})
    )
    assert (tokens.vocabulary, tokens.end) == (257, 256)


def test_pieces_that_do_not_spell_a_document_are_counted(tmp_path: Path) -> None:
    """R8: whoever judges can refuse the number."""
    table = {"pieces": [base64.b64encode(b"x").decode() for _ in PIECES], "bos": -1}
    tokens, _, _ = asked(
        tmp_path, lambda out: honest(out, **{"pieces.json": json.dumps(table).encode()})
    )
    assert tokens.unspelled == 3


def link(out: Path) -> None:
    """An answer that is a link to a file of the host."""
    honest(out, **{"ids.bin": None})
    (out / "ids.bin").symlink_to("/etc/hostname")


def hole(out: Path, name: str) -> None:
    """A terabyte that takes no room."""
    honest(out)
    with (out / name).open("r+b") as file:
        file.truncate(1 << 40)


def deep(out: Path) -> None:
    """Nothing but folders, one in the other."""
    place = os.open(out, os.O_RDONLY)
    for _ in range(2_000):
        os.mkdir("d", dir_fd=place)
        inner = os.open("d", os.O_RDONLY, dir_fd=place)
        os.close(place)
        place = inner
    os.close(place)


PIECE = base64.b64encode(b"a").decode()


@pytest.mark.parametrize(
    "answer",
    [
        lambda out: None,
        link,
        deep,
        lambda out: hole(out, "counts.bin"),
        lambda out: hole(out, "ids.bin"),
        lambda out: hole(out, "pieces.json"),
        lambda out: honest(out, **{"pieces.json": b"[" + b"{}," * (PIECES_AT_MOST + 1) + b"{}]"}),
        lambda out: honest(out, **{"counts.bin": b"123"}),
        lambda out: honest(out, **{"counts.bin": np.array([4, 1], "<i8").tobytes()}),
        lambda out: honest(out, **{"counts.bin": np.array([4, -1, 8], "<i8").tobytes()}),
        lambda out: honest(out, **{"counts.bin": np.array([4, 1, 2**62], "<i8").tobytes()}),
        lambda out: honest(out, **{"counts.bin": np.array([4, 1, 5], "<i8").tobytes()}),
        lambda out: honest(out, **{"ids.bin": b"1"}),
        lambda out: honest(out, **{"ids.bin": np.array([999] * 11, "<i4").tobytes()}),
        lambda out: honest(out, **{"pieces.json": b"{"}),
        lambda out: honest(out, **{"pieces.json": b"[" * 100_000}),
        lambda out: honest(out, **{"pieces.json": b"[]"}),
        lambda out: honest(out, **{"pieces.json": b'{"pieces": [], "bos": 1}'}),
        lambda out: honest(out, **{"pieces.json": b'{"pieces": ["!"], "bos": 1}'}),
        lambda out: honest(out, **{"pieces.json": b'{"pieces": ["YQ=="], "bos": 1e999}'}),
        lambda out: honest(
            out,
            **{
                "pieces.json": json.dumps(
                    {"pieces": [PIECE] * (PIECES_AT_MOST + 1), "bos": 1}
                ).encode()
            },
        ),
    ],
)
def test_whatever_else_the_box_leaves_is_refused_by_name(answer: Answer, tmp_path: Path) -> None:
    """Hostile output ends in one sentence about the submission, never in a crash of ours."""
    with pytest.raises(BadSubmission, match=r"own\.model|own"):
        asked(tmp_path, answer)


def test_a_tokenizer_that_kills_its_box_kills_nothing_else(tmp_path: Path) -> None:
    """A model made to crash its parser: the box's last words are the reason."""
    with pytest.raises(BadSubmission, match="log of tokenize"):
        asked(tmp_path, honest, code=139)


def test_a_box_that_returns_without_an_end_is_a_bug_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wait without a timeout always has an answer."""
    monkeypatch.setattr("tests.training.fake_sandbox.FakeBox.wait", lambda *_: None)
    with pytest.raises(BrokenInvariant):
        asked(tmp_path, honest)
