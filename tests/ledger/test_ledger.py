"""What was appended is on disk and comes back; what failed left nothing; one verifier at a time."""

from __future__ import annotations

import fcntl
import os
import resource
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.ledger import samples
from tests.ledger.samples import (
    EVENTS,
    LINES,
    POLICY,
    contents,
    every_kind,
    finished,
    same,
    written,
)
from verifier.errors import (
    BrokenInvariant,
    LedgerDamaged,
    LedgerUnfinished,
    RequestError,
    StorageFault,
)
from verifier.ledger import Ledger, arrays
from verifier.ledger.lock import locked
from verifier.records import Answer, Finding, HeldOutFacts, Pass, SeedScore, Training, Verdict

FIRST_TWO = every_kind()[:2]


def test_every_kind_of_event_comes_back_from_disk(tmp_path: Path) -> None:
    """§5: plain fields as JSON, arrays beside them, in order."""
    events = every_kind()
    ledger = Ledger.open(written(tmp_path / "ledger", *events))
    assert same(ledger.records, events)
    assert len(ledger.records) == LINES
    assert ledger.find(Training) == (events[4],)
    assert ledger.find(Training, seed=8) == ()
    assert ledger.evidence().seeds[0].training == events[4]


def test_appending_gives_the_head_and_what_was_read_back(tmp_path: Path) -> None:
    """The head covers all before it; a list that a room handed over is a tuple on disk."""
    with Ledger.create(tmp_path / "ledger") as ledger:
        ledger.write_policy(POLICY)
        heads = [ledger.head, *(ledger.append(event) for event in every_kind())]
        assert ledger.head == heads[-1]
        held_out = ledger.find(HeldOutFacts)[0]
        assert not held_out.target_counts.flags.writeable
    assert len(set(heads)) == LINES + 1
    assert heads[0] == "0" * 64
    assert Ledger.open(tmp_path / "ledger").head == heads[-1]


def test_the_same_events_give_the_same_files_anywhere(tmp_path: Path) -> None:
    """No clock, no path, no random name in what is hashed; nothing is left beside it."""
    events = every_kind()
    one, other = (written(tmp_path / name, *events) for name in ("one", "two/deep"))
    assert contents(one) == contents(other)
    assert sorted(contents(one)) == sorted(
        [
            EVENTS,
            "ledger.lock",
            "policy.yaml",
            "charges/seed-7.f32",
            "charges/seed-7.index",
            "arrays/0001-target_counts.i32",
            "arrays/0001-byte_counts.i32",
            "arrays/0006-reference.f32",
            "arrays/0012-draws.i64",
            "arrays/0012-targets.i64",
            "arrays/0012-blind.f32",
            "arrays/0012-log_sums.f32",
            "arrays/0013-targets.i64",
            "arrays/0013-costs.f32",
            "arrays/0013-log_sums.f64",
            "arrays/0019-looks.f64",
            "arrays/0021-trace.u8",
        ]
    )


def test_a_ledger_names_every_file_that_it_rests_on(tmp_path: Path) -> None:
    """What a bundle must hold; who locked it is no part of it."""
    folder = finished(tmp_path / "ledger")
    files = Ledger.open(folder).files
    assert sorted(files) == sorted(set(contents(folder)) - {"ledger.lock"})
    assert Ledger.open(finished(tmp_path / "short", 0)).files == (EVENTS, "policy.yaml")


def test_the_file_is_what_an_outsider_would_write(tmp_path: Path) -> None:
    """§5: the chain can be checked with JSON and sha256 alone."""
    folder = finished(tmp_path / "ledger")
    before = (folder / EVENTS).read_bytes()
    samples.forge(folder, lambda _: None)
    assert (folder / EVENTS).read_bytes() == before


def test_a_ledger_goes_on_where_it_was_left(tmp_path: Path) -> None:
    """Resumable at each event, to the same bytes."""
    folder = tmp_path / "ledger"
    events = every_kind()
    for number in range(LINES):
        with Ledger.resume_or_create(folder) as ledger:
            assert len(ledger.records) == number
            if not number:
                ledger.write_policy(POLICY)
            ledger.append(events[number])
    assert contents(folder) == contents(finished(tmp_path / "at once"))


def test_large_charges_are_mapped_and_indexed(tmp_path: Path) -> None:
    """More than 1 MiB: mapped when read, one digest for each document."""
    size = 300_000
    charges = np.random.default_rng(1).gamma(2, 1, size).astype(np.float32)
    counts = np.array([100_000, 199_999, 1], dtype=np.int32)
    data = samples.held_out(target_counts=counts, targets=size)
    folder = written(tmp_path / "ledger", samples.opening(), data, samples.scored(7, charges))
    found = Ledger.open(folder).find(Pass)[0].charges
    assert np.array_equal(found, charges)
    assert not found.flags.writeable
    assert (folder / "charges/seed-7.index").stat().st_size == 48
    with (folder / "charges/seed-7.f32").open("r+b") as file:
        file.seek(4 * 250_000)
        file.write(b"\0\0\0\0")
    with pytest.raises(LedgerDamaged) as caught:
        Ledger.open(folder)
    assert caught.value.place == "document 1, bytes 983040 to 1048575"


@pytest.mark.parametrize(
    "counts", [[3, 1], [3, 1, 5], [9, -1], [], [8, 0, 0]], ids=["less", "more", "odd", "no", "ok"]
)
def test_charges_have_an_index_only_where_documents_and_charges_agree(
    tmp_path: Path, counts: list[int]
) -> None:
    """A pass that was not whole is recorded all the same; its documents are not known."""
    data = samples.held_out(target_counts=np.array(counts, dtype=np.int32))
    folder = written(tmp_path / "ledger", samples.opening(), data, samples.scored())
    assert (folder / "charges/seed-7.index").exists() == (counts == [8, 0, 0])
    assert np.array_equal(Ledger.open(folder).find(Pass)[0].charges, samples.CHARGES)


def test_two_seeds_charges_lie_beside_each_other(tmp_path: Path) -> None:
    """One file a seed."""
    events = (*FIRST_TWO, samples.scored(7), samples.scored(8, samples.CHARGES[::-1]))
    ledger = Ledger.open(written(tmp_path / "ledger", *events))
    assert [p.charges[0] for p in ledger.find(Pass)] == [0.5, 7.25]
    assert ledger.find(Pass, seed=8)[0].seed == 8


# ---------------------------------------------------------------- what cannot be appended


@pytest.mark.parametrize(
    ("record", "said"),
    [
        (SeedScore(seed=1, bpb=1.0, delta_bpb=None, score_root=""), "SeedScore is not an event"),
        ("text", "str is not an event"),
        (samples.opening(), "one opening, first"),
        (samples.held_out(), "'held-out' stands twice"),
        (samples.training(seed="7"), "Training: 'seed' is a str"),
        (samples.scored(7, np.array([0.1])), "cannot be kept as <f4"),
    ],
)
def test_what_cannot_have_happened_is_a_bug_of_ours(tmp_path: Path, record: Any, said: str) -> None:
    """And leaves no trace."""
    folder = finished(tmp_path / "ledger", 0, 1)
    before = contents(folder)
    with Ledger.resume(folder) as ledger:
        with pytest.raises(BrokenInvariant, match=said):
            ledger.append(record)
        assert len(ledger.records) == 2
    assert contents(folder) == before


def test_a_ledger_that_was_opened_to_be_read_is_not_written(tmp_path: Path) -> None:
    """Nor one that was closed; nor the policy of one that has begun."""
    folder = finished(tmp_path / "ledger", 0, 1)
    before = contents(folder)
    closed = Ledger.resume(folder)
    closed.close()
    closed.close()
    for ledger in (Ledger.open(folder), closed):
        with pytest.raises(BrokenInvariant, match="opened to be read"):
            ledger.append(samples.finding())
        with pytest.raises(BrokenInvariant, match="policy is kept once"):
            ledger.write_policy(POLICY)
    with Ledger.resume(folder) as ledger, pytest.raises(BrokenInvariant, match="kept once"):
        ledger.write_policy(POLICY)
    assert contents(folder) == before


def test_an_opening_under_another_policy_than_the_kept_one_is_refused(tmp_path: Path) -> None:
    """A verdict cites the digest of the bytes beside it."""
    with Ledger.create(tmp_path / "a") as ledger:
        ledger.write_policy(POLICY + b"# one more comment\n")
        with pytest.raises(LedgerDamaged, match="not the policy") as caught:
            ledger.append(samples.opening())
    assert caught.value.file == str(tmp_path / "a" / "policy.yaml")
    with Ledger.create(tmp_path / "b") as ledger, pytest.raises(LedgerDamaged, match="No such"):
        ledger.append(samples.opening())


# ---------------------------------------------------------------- one at a time


def test_a_ledger_is_made_once(tmp_path: Path) -> None:
    """`create` never writes over one, and lets go of it."""
    folder = finished(tmp_path / "ledger", 0, 1)
    before = contents(folder)
    with pytest.raises(RequestError, match=r"holds a ledger already \(resume it\)"):
        Ledger.create(folder)
    assert contents(folder) == before
    Ledger.resume(folder).close()


def test_there_must_be_a_ledger_to_resume(tmp_path: Path) -> None:
    """Nothing is made by the way."""
    with pytest.raises(RequestError, match="holds no ledger"):
        Ledger.resume(tmp_path / "absent")
    assert not (tmp_path / "absent").exists()


@pytest.mark.parametrize("open_one", [Ledger.resume, Ledger.create, Ledger.resume_or_create])
def test_another_verifier_at_work_is_said_and_not_waited_for(
    tmp_path: Path, open_one: Callable[[Path], Ledger]
) -> None:
    """Also from another process; readers need no lock, and a closed ledger is free."""
    folder = finished(tmp_path / "ledger", 0, 1)
    program = (
        "import sys, pathlib\n"
        "from verifier.ledger import Ledger\n"
        "ledger = Ledger.resume(pathlib.Path(sys.argv[1]))\n"
        "print('held', flush=True)\n"
        "sys.stdin.read()\n"
    )
    argv = [sys.executable, "-c", program, str(folder)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdin is not None and other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        said = r"another verifier is at work.*\(wait for it"
        with pytest.raises(RequestError, match=said) as refused:
            open_one(folder)
        assert refused.value.message.endswith(f", as process {other.pid}")
        assert len(Ledger.open(folder).records) == 2
        other.stdin.close()
    Ledger.resume(folder).close()


@pytest.mark.parametrize(
    ("text", "named"), [(b"", ""), (b"me", ""), (b"1" * 5000, f", as process {'1' * 20}")]
)
def test_a_lock_without_a_number_names_nobody(tmp_path: Path, text: bytes, named: str) -> None:
    """A full disk took none, or somebody wrote there: the lock holds all the same."""
    folder = finished(tmp_path / "ledger", 0, 1)
    with Ledger.resume(folder):
        (folder / "ledger.lock").write_bytes(text)
        with pytest.raises(RequestError) as refused:
            Ledger.resume(folder)
    assert refused.value.message == f"another verifier is at work in {folder}{named}"


def test_a_lock_that_cannot_be_read_names_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another user's, say."""

    def closed(*_: object, **__: object) -> Any:
        raise PermissionError("not yours")

    with locked(tmp_path), monkeypatch.context() as patched:
        patched.setattr(Path, "open", closed)
        with pytest.raises(RequestError) as refused:
            locked(tmp_path)
    assert refused.value.message == f"another verifier is at work in {tmp_path}"


def test_a_disk_that_takes_no_number_takes_the_lock(tmp_path: Path) -> None:
    """The lock is the kernel's; only the next one is told less."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))
    try:
        held = locked(tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    with held, pytest.raises(RequestError) as refused:
        locked(tmp_path)
    assert refused.value.message == f"another verifier is at work in {tmp_path}"


def test_a_lock_of_a_dead_process_is_no_obstacle(tmp_path: Path) -> None:
    """Its number still stands in the file."""
    folder = finished(tmp_path / "ledger", 0, 1)
    (folder / "ledger.lock").write_text("1" * 30)
    with Ledger.resume(folder):
        assert (folder / "ledger.lock").read_text() == str(os.getpid())


def test_the_lock_is_a_file_that_others_may_see(tmp_path: Path) -> None:
    """Who finds it must be able to tell whether it is held."""
    before = os.umask(0)
    try:
        Ledger.create(tmp_path / "ledger").close()
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "ledger" / "ledger.lock").stat().st_mode) == 0o644


def test_a_damaged_ledger_is_let_go_of(tmp_path: Path) -> None:
    """Whoever mends it must not meet a lock of ours."""
    folder = finished(tmp_path / "ledger", 0, 1)
    whole = (folder / EVENTS).read_bytes()
    (folder / EVENTS).write_bytes(b"x" + whole)
    with pytest.raises(LedgerDamaged):
        Ledger.resume(folder)
    (folder / EVENTS).write_bytes(whole)
    Ledger.resume(folder).close()


@pytest.mark.parametrize("obstacle", ["fifo", "link", "folder"])
def test_what_lies_in_the_locks_place_is_refused_without_waiting(
    tmp_path: Path, obstacle: str
) -> None:
    """A FIFO that nobody reads would hang whoever opens it."""
    folder = finished(tmp_path / "ledger", 0, 1)
    path = folder / "ledger.lock"
    path.unlink()
    make = {
        "fifo": os.mkfifo,
        "link": lambda path: path.symlink_to(tmp_path / "elsewhere"),
        "folder": Path.mkdir,
    }
    make[obstacle](path)
    with pytest.raises(StorageFault, match="cannot be written"):
        Ledger.resume(folder)
    assert not (tmp_path / "elsewhere").exists()


def test_a_folder_that_cannot_be_locked_is_not_called_busy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A network disk without locks is a fault of the machine: waiting would not help."""

    def no_locks(*_: object) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    with pytest.raises(StorageFault, match="cannot be locked: No locks available"):
        Ledger.create(tmp_path / "ledger")


@pytest.mark.parametrize("name", ["file/ledger", "n" * 300])
def test_a_folder_that_cannot_be_made_is_a_fault_of_storage(tmp_path: Path, name: str) -> None:
    """A file in its way, a name too long for the disk."""
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageFault, match="cannot be written"):
        Ledger.resume_or_create(tmp_path / name)
    with pytest.raises(LedgerDamaged, match="cannot be read"):
        Ledger.open(tmp_path / name)


# ---------------------------------------------------------------- the disk is full


class FullDisk:
    """Lets `calls` calls pass, then raises ENOSPC (or `fault`) from each."""

    def __init__(
        self, real: Callable[..., Any], calls: int, fault: BaseException | None = None
    ) -> None:
        self.real, self.left = real, calls
        self.fault = fault or OSError(28, os.strerror(28))

    def __call__(self, *arguments: Any) -> Any:
        if self.left == 0:
            raise self.fault
        self.left -= 1
        return self.real(*arguments)


# charges, index and reference, each with its folder, and the line
SYNCS_OF_A_PASS = 3 * 2 + 1


@pytest.mark.parametrize("passing", range(SYNCS_OF_A_PASS))
def test_a_full_disk_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, passing: int
) -> None:
    """At whichever write it fills up: the ledger is as before and goes on later."""
    folder = finished(tmp_path / "ledger", 0, 1)
    before = contents(folder)
    with Ledger.resume(folder) as ledger:
        head = ledger.head
        with monkeypatch.context() as patched:
            patched.setattr(os, "fsync", FullDisk(os.fsync, passing))
            with pytest.raises(StorageFault, match="No space left on device"):
                ledger.append(samples.scored())
        assert contents(folder) == before
        assert (ledger.head, len(ledger.records)) == (head, 2)
        assert Ledger.open(folder).head == head
        ledger.append(samples.scored())
    at_once = written(tmp_path / "at once", *FIRST_TWO, samples.scored())
    assert contents(folder) == contents(at_once)


def test_an_append_syncs_what_the_test_above_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each file, each folder that got a name, the line: on disk when `append` returns."""
    folder = finished(tmp_path / "ledger", 0, 1)
    counting = FullDisk(os.fsync, 1000)
    with Ledger.resume(folder) as ledger:
        monkeypatch.setattr(os, "fsync", counting)
        ledger.append(samples.scored())
    assert 1000 - counting.left == SYNCS_OF_A_PASS


def test_a_line_that_was_written_in_part_is_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that takes some bytes and says so."""
    folder = finished(tmp_path / "ledger", 0, 1)
    before = contents(folder)
    real = Path.open

    def short(path: Path, *arguments: Any, **named: Any) -> Any:
        file = real(path, *arguments, **named)
        return Short(file) if path.name == EVENTS and named.get("buffering") == 0 else file

    with Ledger.resume(folder) as ledger:
        with monkeypatch.context() as patched:
            patched.setattr(Path, "open", short)
            with pytest.raises(StorageFault, match="No space left"):
                ledger.append(samples.finding())
        assert contents(folder) == before
        ledger.append(samples.finding())
    assert Ledger.open(folder).find(Finding) == (samples.finding(),)


class Short:
    """A file that takes half of what it is given."""

    def __init__(self, file: Any) -> None:
        self.file = file

    def __enter__(self) -> Short:
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()

    def write(self, content: bytes) -> int:
        return int(self.file.write(content[: len(content) // 2]))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)


def test_an_interrupt_between_write_and_sync_leaves_no_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A shorter event afterwards would be followed by the rest of the longer one."""
    folder = finished(tmp_path / "ledger", 0, 1)
    with Ledger.resume(folder) as ledger:
        with monkeypatch.context() as patched:
            patched.setattr(os, "fsync", FullDisk(os.fsync, 0, KeyboardInterrupt()))
            with pytest.raises(KeyboardInterrupt):
                ledger.append(samples.training())
        ledger.append(samples.finding())
    assert len(Ledger.open(folder).records) == 3


def test_a_ledger_that_cannot_be_begun_is_let_go_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither an empty ledger nor a policy nor a lock stays."""
    folder = tmp_path / "ledger"
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", FullDisk(os.fsync, 0))
        with pytest.raises(StorageFault, match="No space left"):
            Ledger.create(folder)
    assert set(contents(folder)) == {"ledger.lock"}
    with Ledger.create(folder) as ledger:
        with monkeypatch.context() as patched:
            patched.setattr(os, "fsync", FullDisk(os.fsync, 0))
            with pytest.raises(StorageFault, match="No space left"):
                ledger.write_policy(POLICY)
        assert set(contents(folder)) == {"ledger.lock", EVENTS}
        ledger.write_policy(POLICY)
        ledger.append(samples.opening())


@pytest.mark.parametrize("name", ["arrays", "charges"])
def test_a_folder_that_is_no_folder_is_a_fault_of_storage(tmp_path: Path, name: str) -> None:
    """A file where the arrays should lie."""
    folder = tmp_path / "ledger"
    with Ledger.create(folder) as ledger:
        ledger.write_policy(POLICY)
        ledger.append(samples.opening())
        (folder / name).write_text("in the way")
        with pytest.raises(StorageFault, match="cannot be written"):
            ledger.append(samples.scored())
        assert len(ledger.records) == 1


# ---------------------------------------------------------------- torn lines, empty ledgers


@pytest.mark.parametrize("kept", [1, 100, -1])
def test_a_torn_last_line_is_refused_by_open_and_cut_by_resume(tmp_path: Path, kept: int) -> None:
    """A crash while appending: that event is recorded again, to the same bytes."""
    folder = finished(tmp_path / "ledger")
    whole = contents(folder)
    path = folder / EVENTS
    *lines, last = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines) + last[:kept])
    with pytest.raises(LedgerDamaged, match="the last line has no end") as caught:
        Ledger.open(folder)
    assert (caught.value.file, caught.value.place) == (str(path), str(LINES))
    assert type(caught.value) is LedgerUnfinished
    assert caught.value.remedy.startswith("if a crash tore it, resume the run")
    with Ledger.resume(folder) as ledger:
        assert len(ledger.records) == LINES - 1
        assert path.read_bytes() == b"".join(lines)
        ledger.append(every_kind()[-1])
    assert contents(folder) == whole


def test_arrays_of_an_event_that_was_never_recorded_are_removed_by_resume(tmp_path: Path) -> None:
    """A verifier that was killed between the arrays and the line; what is recorded stays."""
    folder = written(tmp_path / "ledger", *FIRST_TWO, samples.scored())
    before = contents(folder)
    (folder / "arrays" / "0003-blind.f32").write_bytes(b"torn")
    (folder / "charges" / "seed-9.f32.new").write_bytes(b"torn")
    (folder / "elsewhere").write_bytes(b"not ours to judge")
    Ledger.resume(folder).close()
    (folder / "elsewhere").unlink()
    assert set(contents(folder)) == set(before)


def test_what_stands_torn_behind_a_verdict_was_put_there(tmp_path: Path) -> None:
    """No crash goes on after a verdict: nothing is appended any more."""
    folder = finished(tmp_path / "ledger")
    path = folder / EVENTS
    path.write_bytes(path.read_bytes() + b"{")
    with pytest.raises(LedgerDamaged, match="the last line has no end") as caught:
        Ledger.open(folder)
    assert type(caught.value) is LedgerDamaged
    assert caught.value.place == str(LINES + 1)


def test_a_torn_line_that_cannot_be_cut_is_a_fault_of_storage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lock is given back."""
    folder = finished(tmp_path / "ledger", 0, 1)
    path = folder / EVENTS
    path.write_bytes(path.read_bytes() + b"{")
    with monkeypatch.context() as patched:
        patched.setattr(os, "truncate", FullDisk(os.truncate, 0))
        with pytest.raises(StorageFault, match="cannot be written"):
            Ledger.resume(folder)
    Ledger.resume(folder).close()
    assert len(Ledger.open(folder).records) == 2


def test_a_ledger_without_events_can_be_resumed_but_not_judged(tmp_path: Path) -> None:
    """Empty evidence is refused."""
    folder = written(tmp_path / "ledger")
    with pytest.raises(LedgerDamaged, match="holds no event"):
        Ledger.open(folder)
    with Ledger.resume(folder) as ledger:
        assert ledger.records == ()
        with pytest.raises(LedgerDamaged, match="before the held-out data was counted"):
            ledger.evidence()


def test_a_ledger_that_ends_early_gives_no_evidence(tmp_path: Path) -> None:
    """And says how to finish it."""
    ledger = Ledger.open(finished(tmp_path / "ledger", 0))
    with pytest.raises(LedgerDamaged, match="finish it with `verifier verify` first") as caught:
        ledger.evidence()
    events = str(tmp_path / "ledger" / EVENTS)
    assert (caught.value.file, caught.value.place) == (events, "1")


def test_a_verdict_comes_back_equal(tmp_path: Path) -> None:
    """`recheck` compares what is decided again with what was stored."""
    verdict = Ledger.open(finished(tmp_path / "ledger")).find(Verdict)[0]
    assert verdict == every_kind()[-1]
    assert verdict.answer is Answer.INCONCLUSIVE


def test_arrays_written_for_a_line_are_read_from_their_own_place(tmp_path: Path) -> None:
    """What the file holds is what the record holds, from the first moment on."""
    with Ledger.create(tmp_path / "ledger") as ledger:
        ledger.write_policy(POLICY)
        ledger.append(samples.opening())
        counts = samples.COUNTS.copy()
        ledger.append(samples.held_out(target_counts=counts))
        counts[0] = 99
        assert ledger.find(HeldOutFacts)[0].target_counts.tolist() == samples.COUNTS.tolist()
    named = {"<f4": "f32", "<f8": "f64", "<i4": "i32", "<i8": "i64", "|u1": "u8"}
    assert named == arrays.SUFFIXES
