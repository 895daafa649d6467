"""Whatever a scorer or its training does, a trial ends in time and says what happened.

In real boxes, on the submission that `verifier init` writes, with one thing made hostile.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.cheats.running import own_store
from verifier import policy as policies
from verifier.cli.main import run
from verifier.pipeline.starting import begin
from verifier.pipeline.trying import Tried, TryRequest, running, try_out
from verifier.records import Outcome
from verifier.watch import Unwatched

pytestmark = pytest.mark.slow
INIT = "    def __init__(self, artifact: Path, device: torch.device) -> None:\n"
SCORE = "    def score(self, chunk) -> Tensor:\n"
FLOOD = "        while True: print('x' * 100_000, flush=True)\n"


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A new submission; patience is short, so that what never answers is soon given up."""
    monkeypatch.setattr(running, "ANSWER_SECONDS", 20.0)
    monkeypatch.setattr(running, "START_SECONDS", 60.0)
    begin(tmp_path / "mine", author="me")
    return tmp_path / "mine"


def tried(folder: Path, **changes: float) -> Tried:
    with own_store(folder.parent / "store"):
        request = TryRequest(
            reference=str(folder),
            policy=policies.load("local_cpu"),
            **changes,  # type: ignore[arg-type]
        )
        return try_out(request, Unwatched())


@pytest.mark.parametrize(
    ("call", "does", "said"),
    [
        (SCORE, "        import os; os._exit(7)\n", "died in answer to SCORE"),
        (SCORE, "        raise ValueError('no such idea')\n", "error in answer to SCORE"),
        (SCORE, FLOOD, "SCORE"),
        (SCORE, "        import time; time.sleep(3600)\n", "late in answer to SCORE"),
        (INIT, "        import os; os._exit(7)\n", "died in answer to HELLO"),
        (INIT, "        x = [bytearray(1 << 30) for _ in range(64)]\n", "HELLO"),
    ],
    ids=["exits", "raises", "floods", "hangs", "exits at once", "eats memory"],
)
def test_a_hostile_scorer_ends_as_a_finding(mine: Path, call: str, does: str, said: str) -> None:
    """`protocol`, in words; nothing else is taken for kept."""
    scorer = mine / "scorer.py"
    scorer.write_text(scorer.read_text().replace(call, call + does))
    found = tried(mine)
    protocol = next(each for each in found.findings if each.audit == "protocol")
    assert protocol.outcome in (Outcome.BROKEN, Outcome.UNPROVEN)
    assert said in protocol.reason
    assert found.exit_code in (1, 2)


@pytest.mark.parametrize(
    ("does", "said"),
    [
        ("import time; time.sleep(3600)\n", "was not over after 5 s"),
        ("raise SystemExit(3)\n", "training ended with exit code 3"),
        ("while True: print('x' * 100_000, flush=True)\n", "training was ended by"),
    ],
    ids=["hangs", "fails", "floods"],
)
def test_a_training_that_leaves_nothing_ends_as_a_finding(mine: Path, does: str, said: str) -> None:
    """With what to do; nothing is remembered."""
    (mine / "train.py").write_text(does)
    found = tried(mine, train_seconds=5.0)
    assert said in found.findings[0].reason or "log limit" in found.findings[0].reason
    assert found.findings[0].audit == "training" and found.findings[0].advice
    assert found.exit_code == 2


def test_what_cannot_ship_is_told_and_not_remembered(mine: Path) -> None:
    """A link in $OUT: the next trial must see it again, so it trains again."""
    train = mine / "train.py"
    train.write_text(
        train.read_text().replace(
            "    print(f", "    os.symlink('/etc/passwd', os.environ['OUT'] + '/link')\n    print(f"
        )
    )
    for _ in range(2):
        found = tried(mine)
        size = next(each for each in found.findings if each.audit == "artifact-size")
        assert size.outcome is Outcome.UNPROVEN and "link" in size.reason
        assert "trained just now" in found.artifact


def test_a_folder_with_links_or_huge_files_is_refused_in_words(
    mine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As `verify` refuses it, before anything runs."""
    (mine / "link").symlink_to("/etc/passwd")
    assert run(["try", str(mine), "--quiet"]) == 64
    assert "symbolic link" in capsys.readouterr().err
    (mine / "link").unlink()
    with (mine / "huge.bin").open("wb") as file:
        os.truncate(file.fileno(), 1 << 40)
    assert run(["try", str(mine), "--quiet"]) == 64
    assert "huge.bin" in capsys.readouterr().err
