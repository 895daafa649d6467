"""Models that nobody would train are read or refused, by the code that boxes run, and in time."""

from __future__ import annotations

import json
import os
import random
import signal
from pathlib import Path

import pytest

from tests.fuzz.models import HONEST, MADE, mutated
from tests.fuzz.tokenizers import TEXTS, ended, guest
from verifier.errors import BadSubmission
from verifier.submission.tokenizer import reserialised

LARGE = {"a million pieces", "a piece of fifteen megabytes"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the reader finds its documents and leaves its answer."""
    lines = (json.dumps({"text": text}) + "\n" for text in TEXTS)
    (tmp_path / "documents.jsonl").write_text("".join(lines), encoding="utf-8")
    return tmp_path


def test_an_honest_model_is_read(folder: Path) -> None:
    """Else every refusal below would be worth nothing."""
    assert ended(guest(), HONEST.bytes(), folder) == "read"
    assert reserialised(HONEST.bytes(), "m.model") == HONEST.bytes()


@pytest.mark.parametrize("name", [name for name in MADE if name not in LARGE])
def test_a_model_made_to_harm_is_read_or_refused(name: str, folder: Path) -> None:
    """Promise: no signal and no limit, for any that was found by hand."""
    assert ended(guest(), MADE[name](), folder) in ("read", "refused")


def test_what_a_model_is_stripped_to_does_no_harm_either(folder: Path) -> None:
    """Attack: fields and bytes changed at random; what is shipped is what the host wrote again."""
    chance, module = random.Random(3), guest()
    for _ in range(15):
        _, model = mutated(chance)
        try:
            shipped = reserialised(model, "m.model")
        except BadSubmission:
            continue
        assert ended(module, shipped, folder) in ("read", "refused")


def test_a_reader_that_dies_dies_alone(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The counter can count: a crash is told by its signal."""
    module = guest()
    monkeypatch.setattr(module, "main", lambda: os.kill(os.getpid(), signal.SIGKILL))
    assert ended(module, b"", folder) == "SIGKILL"
