"""The frame of the faults tells right from wrong, and the cheapest faults are met for real."""

from __future__ import annotations

import json
import os
import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.attacks import faults
from tests.attacks.faults import breaking, kills, seeing
from tests.attacks.faults.kills import Proven
from tests.attacks.faults.scene import Cast, Ended, Scene
from tests.ledger import samples
from verifier import owner, scratch
from verifier.errors import StorageFault
from verifier.ledger import Ledger
from verifier.sandbox import output
from verifier.watch import Unwatched

needs_mounts = pytest.mark.skipif(not output.mountable(), reason="nothing can be mounted: not run")
PROVEN = Proven(
    nonce_commitment="c", nonce="n", draws="d", asked="a", score_root="r", bpb=1.0, delta_bpb=0.0
)


@pytest.fixture
def made(tmp_path: Path) -> Scene:
    """A scene in which nothing was run."""
    cast = Cast(submission=tmp_path, policy=tmp_path, key=tmp_path)
    found = Scene(folder=tmp_path / "scene", cast=cast)
    for place in (found.out, found.store, found.temporary):
        place.mkdir(parents=True)
    return found


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KiB."""
    place = tmp_path / "small"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(place)], check=True)
    yield place
    subprocess.run(["umount", str(place)], check=True)


def fault(kind: str, code: int, message: str = "it is full", words: str = "") -> Ended:
    """A command that ended in an error."""
    said = {"error": {"kind": kind, "message": message, "remedy": "make room"}}
    return Ended(code=code, said=said, words=words)


# ---------------------------------------------------------------- what is planned


def test_every_row_is_planned_once_and_nothing_is_run_before(tmp_path: Path) -> None:
    """The kills are those of a seed: a re-run goes on with the same ones."""
    rows = list(faults.planned(tmp_path, Unwatched()))
    names = [row.name for row in rows]
    assert len(names) == len(set(names)) and list(tmp_path.iterdir()) == []
    assert names == [row.name for row in faults.planned(tmp_path, Unwatched())]
    planned = [name for name in names if name.startswith("kill ")]
    meant = Counter(name.rpartition(" for ")[2] for name in planned)
    assert meant == dict.fromkeys(seeing.PHASES, 5)
    assert sum("docker" in name for name in planned) == 40
    assert sum("the group" in name for name in planned) == 20


def test_kills_are_counted_and_a_phase_that_was_never_hit_is_wrong(tmp_path: Path) -> None:
    """Fifty were promised, in every phase."""
    (tmp_path / "kills").mkdir()
    for number in range(50):
        said = {"phase": seeing.PHASES[number % 9], "backend": "docker", "group": False}
        (tmp_path / "kills" / f"{number}.json").write_text(json.dumps(said))
    assert kills.count_row(tmp_path, 50).wrong == "nobody died in report"
    (tmp_path / "kills" / "0.json").write_text(json.dumps(said | {"phase": "report"}))
    assert kills.count_row(tmp_path, 50).wrong == ""
    (tmp_path / "kills" / "1.json").unlink()
    assert kills.count_row(tmp_path, 50).wrong == "49 of 50 were killed"


# ---------------------------------------------------------------- what is seen from outside


def test_a_phase_is_read_from_what_lies_there(made: Scene) -> None:
    """Whatever the process would have said of itself; a torn line is no event."""
    seen = [seeing.phase(made.out)]
    run = made.out / "run"
    (run / "ledger").mkdir(parents=True)
    seen.append(seeing.phase(made.out))
    (run / "seed-1" / "trained").mkdir(parents=True)
    seen.append(seeing.phase(made.out))
    (run / "seed-1" / "data").mkdir()
    (run / "seed-1" / "data" / ".ready").touch()
    seen.append(seeing.phase(made.out))
    for kind in ("opening", "training", "weighing", "pass", "nonce", "replay"):
        with (run / "ledger" / "ledger.jsonl").open("a") as file:
            file.write(json.dumps({"kind": kind}))
            seen.append(seeing.phase(made.out))
            file.write("\n")
    (run / "ledger" / "signature.json").touch()
    seen.append(seeing.phase(made.out))
    assert [name for i, name in enumerate(seen) if name not in seen[:i]] == [
        name for name in seeing.PHASES if name not in {"pack", "decide"}
    ]


def test_what_is_left_is_named(made: Scene) -> None:
    """In the temporary folder, in the store, in the output; what is finished is not."""
    mine = seeing.Held(owner.mark(), (), (), (owner.mark(),))
    (made.out / "run").mkdir()
    (made.out / "run" / "report.html").touch()
    assert seeing._left(made, replace(mine, processes=())) == []
    scratch.make("wire", made.temporary)
    scratch.make("freezing", made.store)
    scratch.beside_of(made.out / "run" / "report.html").touch()
    found = seeing._left(made, mine)
    kinds = ("temporary golf-", "store/golf-", "out/run/.report.html.", f"process {owner.mark()}")
    assert len(found) == 4
    assert all(said.startswith(kind) for said, kind in zip(found, kinds, strict=True)), found


# ---------------------------------------------------------------- what is wrong


@pytest.mark.parametrize(
    ("kind", "code", "whose"),
    [
        ("StorageFault", 70, "the machine's"),
        ("BoxLost", 70, "the machine's"),
        ("RequestError", 64, "the asker's"),
        ("BrokenInvariant", 70, "the verifier's"),
        ("SomethingElse", 70, "not said"),
    ],
)
def test_an_error_s_kind_says_whose_fault_it_was(kind: str, code: int, whose: str) -> None:
    """As the tree of errors has it."""
    ended = fault(kind, code)
    assert breaking.told(ended) == whose
    assert breaking.ending(ended, code, whose, "full") == []
    assert breaking.ending(ended, code, whose, kind) == []


def test_an_ending_that_blames_another_or_says_nothing_is_wrong() -> None:
    """Each by its own words."""
    ended = fault("StorageFault", 70)
    assert breaking.ending(ended, 64, "the machine's", "full") == ["exit code 70"]
    assert breaking.ending(ended, 70, "the asker's", "full")
    assert breaking.ending(ended, 70, "the machine's", "empty") == ["'empty' is not said"]
    for words in ("bug: OSError", "Traceback (most recent call last)"):
        ended = fault("StorageFault", 70, words=words)
        assert len(breaking.ending(ended, 70, "the machine's", "full")) == 1
    assert breaking.told(Ended(code=70, said={}, words="")) == "not said"


def test_another_nonce_other_positions_or_another_root_are_named() -> None:
    """Whatever else the second start says."""
    assert PROVEN.other_than(PROVEN) == []
    other = replace(PROVEN, nonce="x", draws="x", score_root="x")
    assert other.other_than(PROVEN) == ["another nonce", "another draws", "another score root"]


def test_a_second_start_that_ended_otherwise_is_wrong(made: Scene) -> None:
    """Before anything else is looked at."""
    (said,) = kills.resumed(
        made, b"", Ended(code=2, said={"answer": "INCONCLUSIVE"}, words=""), PROVEN
    )
    assert said == "the second start ended with 2 INCONCLUSIVE"


def test_a_file_that_the_ledger_does_not_name_is_a_stranger(tmp_path: Path) -> None:
    """Whoever left it."""
    folder = tmp_path / "ledger"
    with Ledger.create(folder) as ledger:
        ledger.write_policy(samples.POLICY)
        ledger.append(samples.opening())
        assert kills.strangers(folder, ledger) == []
        (folder / "arrays").mkdir()
        (folder / "arrays" / "0009-blind.f32").touch()
        assert kills.strangers(folder, ledger) == ["a stray file arrays/0009-blind.f32"]


def test_a_damaged_ledger_is_wrong_and_an_unfinished_one_only_where_a_verdict_is_due(
    made: Scene,
) -> None:
    """No ledger at all too."""
    assert breaking.read_whole(made, finished=False) == []
    assert breaking.read_whole(made, finished=True) == ["there is no ledger"]
    folder = made.out / "run" / "ledger"
    with Ledger.create(folder) as ledger:
        ledger.write_policy(samples.POLICY)
        ledger.append(samples.opening())
    assert breaking.read_whole(made, finished=False) == []
    assert breaking.read_whole(made, finished=True) == ["the ledger has no verdict"]
    (folder / "policy.yaml").write_text("another: one")
    (said,) = breaking.read_whole(made, finished=False)
    assert said.startswith("the ledger was damaged")


# ---------------------------------------------------------------- met for real


@needs_mounts
def test_a_file_system_without_room_takes_nothing_of_an_event(small: Path) -> None:
    """The real thing: nothing torn, the remedy said, and once there is room it goes on."""
    folder = small / "ledger"
    with Ledger.create(folder) as ledger:
        ledger.write_policy(samples.POLICY)
        ledger.append(samples.opening())
        with (small / "filler").open("wb", buffering=0) as filler:
            while filler.write(bytes(4096)) == 4096 and os.statvfs(small).f_bavail:
                pass
        with pytest.raises(StorageFault, match="No space left on device") as full:
            ledger.append(samples.training(log="x" * 8192))
        assert "room" in full.value.remedy
        assert len(Ledger.open(folder).records) == 1
        (small / "filler").unlink()
        ledger.append(samples.training(log="x" * 8192))
    assert len(Ledger.open(folder).records) == 2


@needs_mounts
def test_a_file_system_that_became_read_only_is_a_fault_of_storage(small: Path) -> None:
    """Whether a ledger is begun there or resumed; what lies there can be read."""
    folder = small / "ledger"
    with Ledger.create(folder) as ledger:
        ledger.write_policy(samples.POLICY)
        ledger.append(samples.opening())
    subprocess.run(["mount", "-o", "remount,ro", str(small)], check=True)
    for place in (folder, small / "another"):
        with pytest.raises(StorageFault, match="Read-only file system") as closed:
            Ledger.resume_or_create(place)
        assert "may be written" in closed.value.remedy
    assert len(Ledger.open(folder).records) == 1
