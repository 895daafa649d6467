"""The weak cheats are put together as they are meant, on documents that are nobody else's."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.attacks import split
from tests.attacks.weak import CHEATS, HERE, HONEST, Run, Weak, composed, policy
from tests.heldout.conftest import prose
from tests.tested import folder_digest
from verifier import installed
from verifier.heldout import cutting
from verifier.watch import Unwatched


@pytest.mark.parametrize("weak", CHEATS, ids=lambda weak: weak.name)
def test_a_cheat_is_the_example_with_another_scorer(weak: Weak, tmp_path: Path) -> None:
    """Nothing of the honest model is changed: what is gained, peeking gained."""
    folder, example = composed(weak, tmp_path / "made"), installed.path("examples") / "ngram"
    manifest = yaml.safe_load((folder / "verify.yaml").read_text(encoding="utf-8"))
    assert manifest["scorer"] == f"{weak.name}:Scorer"
    assert (folder / f"{weak.name}.py").is_file() and (folder / "peeking.py").is_file()
    assert (folder / manifest["train"][1]).is_file()
    for name in ("model.py", "scorer.py", "train.py"):
        assert (folder / name).read_bytes() == (example / name).read_bytes()


def test_the_honest_base_is_the_example_itself(tmp_path: Path) -> None:
    """The control: the same bytes that ship."""
    made = composed(HONEST, tmp_path / "made")
    example = installed.path("examples") / "ngram"
    for path in made.iterdir():
        assert path.read_bytes() == (example / path.name).read_bytes()


def test_every_scorer_in_the_tree_has_a_row() -> None:
    """A cheat that nobody runs proves nothing."""
    files = {path.stem for path in HERE.glob("*.py")}
    shared = {"peeking", *(Path(weak.trainer).stem for weak in CHEATS if weak.trainer)}
    assert files - shared == {weak.name for weak in CHEATS}


def test_a_row_is_run_again_when_its_scorer_changes(tmp_path: Path) -> None:
    """Rows are kept by what they are made of."""
    digests = {Run(weak, tmp_path, Unwatched()).digest for weak in (HONEST, *CHEATS)}
    assert len(digests) == 1 + len(CHEATS)
    run = Run(CHEATS[0], tmp_path, Unwatched())
    (run.folder / "peeking.py").write_text("# another\n", encoding="utf-8")
    assert run.digest not in digests


def test_the_sampled_policy_differs_in_nothing_but_its_draws() -> None:
    """So that what holds of one holds of the other."""
    whole, sampled = policy().policy, policy(500).policy
    assert (whole.replay.mode, sampled.replay.mode, sampled.replay.draws) == ("all", "sampled", 500)
    rule = {"mode": "sampled", "draws": 500}
    assert whole.replay.model_copy(update=rule) == sampled.replay
    assert whole.model_copy(update={"replay": sampled.replay}) == sampled


def test_the_split_takes_the_first_by_hash_and_leaves_the_rest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By hash alone, so that nobody can prefer easy documents; nothing is on both sides."""
    monkeypatch.setattr(split, "DOCUMENTS", 20)
    texts = [prose(seed, 1200) for seed in range(20)]
    held_out, training = split.split([*texts, texts[0]])
    assert len(held_out) == 20 and not set(held_out) & set(training)
    ranks = [cutting.rank(document) for document in held_out]
    assert ranks == sorted(ranks)
    assert ranks[-1] < min(cutting.rank(document) for document in training)
    assert all(150 <= len(document) <= 500 for document in (*held_out, *training))


def test_the_split_is_opened_when_it_is_there(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Made once; laid out as any data set, under a name of its own."""
    texts = [prose(seed, 1200) for seed in range(60)]
    monkeypatch.setattr(split, "DOCUMENTS", 20)
    monkeypatch.setattr(split.django, "fetch", lambda _: tmp_path)
    monkeypatch.setattr(split.django, "texts", lambda _: texts)
    made = split.build(tmp_path / "data" / "d")
    monkeypatch.setattr(split.django, "texts", lambda _: pytest.fail("made twice"))
    again = split.build(tmp_path / "data" / "d")
    assert made == again
    assert (made.name, len(made.documents)) == (split.NAME, 20)
    assert folder_digest(made.folder) == folder_digest(again.folder)
