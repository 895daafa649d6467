"""A submission's own tokenizer is asked in a box, and nothing of its answer is taken on trust."""

from __future__ import annotations

import base64
import json
import os
import re
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.scoring.fake import LIMITS
from tests.training.fake_sandbox import FakeBox, FakeSandbox
from verifier.errors import BadSubmission, BrokenInvariant
from verifier.heldout import HeldOut, Tokens
from verifier.records import BoxEnd, BoxFacts, BoxSpec, EndedBy, Mount, Root
from verifier.scoring import tokenizing
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
    model = tmp_path / "own.model"
    model.write_bytes(b"a model")
    spec = template(tmp_path)
    tokens = tokenize(held_out(tmp_path), model, "d" * 64, sandbox, spec, opened.append)
    return tokens, sandbox.specs, opened


def template(tmp_path: Path) -> BoxSpec:
    """What a box for a tokenizer is made after."""
    (tmp_path / "harness").mkdir()
    return BoxSpec(
        label="",
        root=Root(digest="host", python="python3", pinned=False),
        argv=(),
        environment={},
        inputs=(Mount(source=tmp_path / "harness", target="/harness"),),
        output=None,
        channel=None,
        working_folder="/elsewhere",
        limits=LIMITS,
    )


def test_ids_and_pieces_become_targets_with_an_end_of_their_own(tmp_path: Path) -> None:
    """§2: a tokenizer without BOS gets one symbol more. The box's facts are handed on."""
    tokens, (spec,), opened = asked(tmp_path, honest)
    assert (tokens.vocabulary, tokens.end, tokens.unspelled) == (257, 256, 0)
    assert tokens.ids.tolist() == [*b"abba", 256, *b"b", 256, *"naïve".encode(), 256]
    assert tokens.tokenizer_digest == "d" * 64
    assert [facts.label for facts in opened] == [spec.label] == ["tokenize"]


def test_its_box_gets_the_model_and_the_documents_and_room_for_an_answer(tmp_path: Path) -> None:
    """Readable for whoever it runs as; nothing of it stays on the host."""
    seen: list[Any] = []

    def look(out: Path) -> None:
        folder = out.parent
        seen.append((folder, stat.S_IMODE(folder.stat().st_mode), sorted(folder.iterdir())))
        seen.append((folder / "documents" / "documents.jsonl").read_bytes())
        honest(out)

    _, (spec,), _ = asked(tmp_path, look)
    (folder, mode, found), documents = seen
    assert (folder.name[:21], mode) == ("golf-verifier-tokens-", 0o755)
    assert found == [folder / "documents", folder / "out"]
    assert documents == b"".join(
        json.dumps({"text": text}).encode() + b"\n" for text in ("abba", "b", "naïve")
    )
    assert not folder.exists()
    (tmp_path / "harness").rmdir()
    made = template(tmp_path)
    assert spec == replace(
        made,
        label="tokenize",
        argv=(
            "python3",
            "/harness/tokenize_documents.py",
            "/tokenizer/own.model",
            "/documents/documents.jsonl",
            "/out",
        ),
        inputs=(
            *made.inputs,
            Mount(source=tmp_path, target="/tokenizer"),
            Mount(source=folder / "documents", target="/documents"),
        ),
        output=Mount(source=folder / "out", target="/out"),
        working_folder="/",
        limits=replace(LIMITS, output_bytes=8 * 11 + 8 * 3 + (64 << 20), output_files=16),
    )


def table(pieces: list[bytes], bos: Any) -> bytes:
    """pieces.json as a box writes it."""
    written = [base64.b64encode(piece).decode() for piece in pieces]
    return json.dumps({"pieces": written, "bos": bos}).encode()


@pytest.mark.parametrize(
    ("bos", "end"), [(256, 256), (0, 0), (1, 1), (257, 257), (-1, 257), (10**30, 257)]
)
def test_a_tokenizer_with_a_bos_ends_documents_by_it(tmp_path: Path, bos: int, end: int) -> None:
    """END is the tokenizer's BOS id; what is no id of its is none."""
    written = table([*PIECES, b""], bos)
    tokens, _, _ = asked(tmp_path, lambda out: honest(out, **{"pieces.json": written}))
    assert (tokens.vocabulary, tokens.end) == (257 + (end == 257), end)


def test_pieces_that_do_not_spell_a_document_are_counted(tmp_path: Path) -> None:
    """R8: whoever judges can refuse the number."""
    written = table([b"x"] * 256, -1)
    tokens, _, _ = asked(tmp_path, lambda out: honest(out, **{"pieces.json": written}))
    assert tokens.unspelled == 3


@pytest.mark.parametrize("counts", [[11, 0, 0], [0, 0, 11]])
def test_a_document_may_have_all_the_tokens_or_none(tmp_path: Path, counts: list[int]) -> None:
    """Which it has is compared with what it spells, and not refused."""
    written = np.array(counts, "<i8").tobytes()
    tokens, _, _ = asked(tmp_path, lambda out: honest(out, **{"counts.bin": written}))
    assert tokens.target_counts.tolist() == [count + 1 for count in counts]
    assert tokens.unspelled == 3


@pytest.mark.parametrize("more", [0, 1])
def test_a_table_has_a_piece_and_no_more_than_its_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: int
) -> None:
    """A million pieces; here four."""
    monkeypatch.setattr(tokenizing, "PIECES_AT_MOST", 4)
    changes = {"pieces.json": table([b"a"] * (4 + more), -1), "ids.bin": bytes(4 * 11)}
    if more:
        with pytest.raises(BadSubmission, match="a table of over 4 pieces"):
            asked(tmp_path, lambda out: honest(out, **changes))
    else:
        assert asked(tmp_path, lambda out: honest(out, **changes))[0].vocabulary == 5


def link(out: Path) -> None:
    """An answer that is a link to a file of the host."""
    honest(out, **{"ids.bin": None})
    (out / "ids.bin").symlink_to("/etc/hostname")


def counts(*each: int) -> dict[str, bytes]:
    return {"counts.bin": np.array(each, "<i8").tobytes()}


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


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"counts.bin": None}, "own.model: its box left no counts.bin"),
        ({"ids.bin": None}, "own.model: its box left no ids.bin"),
        ({"pieces.json": None}, "own.model: its box left no pieces.json"),
        ({"counts.bin": b"123"}, "own.model: its box left an unreadable table: buffer size"),
        (counts(4, 1), "own.model: its box's ids do not fit the documents"),
        (counts(4, 1, 6, 0), "own.model: its box left 32 bytes in counts.bin, not 24"),
        (counts(6, -1, 6), "own.model: its box's ids do not fit the documents"),
        (counts(4, 1, 2**62), "own.model: its box's ids do not fit the documents"),
        (counts(2**62, 2**62, 2**63 - 1), "own.model: its box's ids do not fit the documents"),
        (counts(4, 1, 5), "own.model: its box's ids do not fit the documents"),
        ({"ids.bin": b"1"}, "own.model: its box left an unreadable table: buffer size"),
        ({"ids.bin": np.array([999] * 11, "<i4").tobytes()}, "own"),
        ({"pieces.json": b"{"}, "own.model: its box left an unreadable table: Expecting"),
        ({"pieces.json": b"[" * 100_000}, "own.model: its box left an unreadable table: "),
        ({"pieces.json": b"[]"}, "own.model: its box left an unreadable table: list indices"),
        ({"pieces.json": table([], 1)}, "own.model: its box's ids do not fit the documents"),
        ({"pieces.json": b'{"pieces": ["YQ==!"], "bos": 1}'}, "an unreadable table: "),
        ({"pieces.json": b'{"pieces": ["YQ=="], "bos": 1e999}'}, "an unreadable table: cannot"),
        ({"pieces.json": b"[" + b"{}," * (PIECES_AT_MOST + 1) + b"{}]"}, "own.model: "),
        ({"pieces.json": table([b"a"] * (PIECES_AT_MOST + 1), 1)}, "own.model: "),
    ],
)
def test_whatever_else_the_box_leaves_is_refused_by_name(
    changes: dict[str, Any], said: str, tmp_path: Path
) -> None:
    """Hostile output ends in one sentence about the submission, never in a crash of ours."""
    with pytest.raises(BadSubmission, match=re.escape(said)):
        asked(tmp_path, lambda out: honest(out, **changes))


@pytest.mark.parametrize("name", ["counts.bin", "ids.bin", "pieces.json"])
def test_an_answer_of_a_terabyte_is_refused_by_its_size(name: str, tmp_path: Path) -> None:
    """Attack: a hole takes no room on the disk, and all of it where it is read."""
    with pytest.raises(BadSubmission, match=name):
        asked(tmp_path, lambda out: hole(out, name))


def test_folders_without_end_are_no_answer(tmp_path: Path) -> None:
    """Attack: what is removed afterwards must not be climbed into call by call."""
    with pytest.raises(BadSubmission, match=r"left no counts\.bin"):
        asked(tmp_path, deep)


def test_an_answer_that_is_a_link_is_none(tmp_path: Path) -> None:
    """Attack: have the host read a file of its own."""
    with pytest.raises(BadSubmission, match=r"left no ids\.bin"):
        asked(tmp_path, link)


def test_a_single_piece_is_a_table(tmp_path: Path) -> None:
    """However little it spells."""
    changes = {"pieces.json": table([b"a"], -1), "ids.bin": bytes(4 * 11)}
    assert asked(tmp_path, lambda out: honest(out, **changes))[0].vocabulary == 2


@pytest.mark.parametrize("code", [1, 139])
def test_a_tokenizer_that_kills_its_box_kills_nothing_else(tmp_path: Path, code: int) -> None:
    """A model made to crash its parser: the box's last words are the reason."""
    with pytest.raises(BadSubmission) as caught:
        asked(tmp_path, honest, code=code)
    assert str(caught.value) == (
        f"own.model: the tokenizer could not be used: its box ended by itself, exit code {code}: "
        "log of tokenize "
        "(it must be a SentencePiece model that encodes plain text)"
    )


@pytest.mark.parametrize(
    ("log", "said"),
    [
        ("a" + "b" * 500 + "\n", "ended by wall clock limit, exit code 0: " + "b" * 500),
        (" \n", "could not be used: its box ended by wall clock limit, exit code 0"),
    ],
)
def test_a_box_that_was_ended_says_how(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, log: str, said: str
) -> None:
    """The end of its log, or who ended it; that it left a whole answer changes nothing."""
    wait = FakeBox.wait

    def ended(box: FakeBox, timeout_seconds: float | None = None) -> BoxEnd:
        end = wait(box, timeout_seconds)
        assert end is not None and end.exit_code == 0
        return replace(end, ended_by=EndedBy.WALL_CLOCK, log=log)

    monkeypatch.setattr(FakeBox, "wait", ended)
    with pytest.raises(BadSubmission) as caught:
        asked(tmp_path, honest)
    assert f"{said} (" in str(caught.value)


def test_a_box_that_returns_without_an_end_is_a_bug_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wait without a timeout always has an answer."""
    monkeypatch.setattr(FakeBox, "wait", lambda *_: None)
    with pytest.raises(BrokenInvariant, match="returned before it ended"):
        asked(tmp_path, honest)
