"""An array lies beside its event byte for byte, and what changed in it is named."""

from __future__ import annotations

import gc
import hashlib
import os
import stat
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import xxhash
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from verifier.errors import BrokenInvariant, LedgerDamaged
from verifier.ledger import arrays
from verifier.ledger.arrays import BLOCK_BYTES, Stored

MIB = 1 << 20
scratch = settings(
    deadline=None,
    max_examples=30,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def stored(folder: Path, array: npt.NDArray[np.generic], dtype: str = "<f4") -> Stored:
    return arrays.store(folder, "arrays/a.bin", dtype, array, None)


@scratch
@given(
    st.sampled_from(["<f4", "<f8", "<i4", "<i8"]),
    st.binary(max_size=400).map(lambda raw: raw[: len(raw) // 8 * 8]),
)
def test_any_bytes_come_back(tmp_path: Path, dtype: str, raw: bytes) -> None:
    """NaNs with their payloads, infinities, −0.0, denormals, nothing at all."""
    array = np.frombuffer(raw, dtype=dtype)
    said = stored(tmp_path, array, dtype)
    found = arrays.load(tmp_path, said, None)
    assert (found.dtype, found.tobytes()) == (np.dtype(dtype), raw)
    assert (tmp_path / said.file).read_bytes() == raw
    assert said.sha256 == hashlib.sha256(raw).hexdigest()
    assert (said.length, said.index) == (len(array), "")
    assert not found.flags.writeable
    assert sorted(path.name for path in (tmp_path / "arrays").iterdir()) == ["a.bin"]


@pytest.mark.parametrize("size", [MIB // 4 - 1, MIB // 4, MIB // 2 + 3])
def test_large_arrays_are_mapped_and_small_ones_read(tmp_path: Path, size: int) -> None:
    """A quarter of a gigabyte of charges is not copied."""
    array = np.arange(size, dtype=np.float32)
    found = arrays.load(tmp_path, stored(tmp_path, array), None)
    assert np.array_equal(found, array)
    assert not found.flags.writeable
    with open(f"/proc/{os.getpid()}/maps", encoding="ascii") as maps:
        mapped = any(line.rstrip().endswith("arrays/a.bin") for line in maps)
    assert mapped == (size >= MIB // 4)


def test_blocks_are_64_kib_digests_that_find_the_place(tmp_path: Path) -> None:
    """§5: xxh3 is an index, not a proof."""
    raw = np.arange(BLOCK_BYTES // 4 * 2 + 5, dtype=np.int32)
    said = stored(tmp_path, raw, "<i4")
    content = raw.tobytes()
    blocks = [content[at : at + BLOCK_BYTES] for at in range(0, len(content), BLOCK_BYTES)]
    assert list(said.blocks) == [xxhash.xxh3_64_hexdigest(block) for block in blocks]
    assert len(said.blocks) == 3


@pytest.mark.parametrize(
    ("at", "place"),
    [
        (0, "bytes 0 to 65535"),
        (65535, "bytes 0 to 65535"),
        (65536, "bytes 65536 to 131071"),
        (4 * MIB - 1, "bytes 4128768 to 4194303"),
        (4 * MIB + 2, "bytes 4194304 to 4194311"),
    ],
)
def test_a_changed_byte_is_found_in_its_block(tmp_path: Path, at: int, place: str) -> None:
    """In a mapped array, up to the last, shorter block."""
    said = stored(tmp_path, np.zeros(MIB + 2, dtype=np.float32))
    path = tmp_path / said.file
    with path.open("r+b") as file:
        file.seek(at)
        file.write(b"\1")
    with pytest.raises(LedgerDamaged, match="changed after it was recorded") as caught:
        arrays.load(tmp_path, said, None)
    assert (caught.value.file, caught.value.place) == (str(path), place)


def test_a_change_that_no_block_shows_is_of_all_bytes(tmp_path: Path) -> None:
    """The sha256 proves; blocks that were forged to fit change only what is said."""
    said = stored(tmp_path, np.zeros(4, dtype=np.float32))
    for forged in (replace(said, sha256="0" * 64), replace(said, sha256="0" * 64, blocks=())):
        with pytest.raises(LedgerDamaged) as caught:
            arrays.load(tmp_path, forged, None)
        assert caught.value.place == "all bytes"


@pytest.mark.parametrize(
    ("array", "dtype"),
    [
        (np.array([2**40]), "<i4"),
        (np.array([-(2**31) - 1]), "<i4"),
        (np.array([0.1]), "<f4"),
        (np.array([1e300]), "<f4"),
        (np.array([np.nan]), "<i4"),
        (np.array([np.inf]), "<i8"),
        (np.array([1.5]), "<i8"),
        (np.array([2**53 + 1]), "<f8"),
        (np.array([2**24 + 1]), "<f4"),
        (np.zeros((2, 2), dtype=np.float32), "<f4"),
        (np.float32(1).reshape(()), "<f4"),
    ],
)
def test_what_the_type_cannot_hold_is_a_bug_of_ours(
    tmp_path: Path, array: npt.NDArray[np.generic], dtype: str
) -> None:
    """Never rounded, never wrapped around, never flattened."""
    with pytest.raises(BrokenInvariant, match="cannot be kept as"):
        stored(tmp_path, array, dtype)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("array", "dtype"),
    [
        (np.array([1, 2**24]), "<f4"),
        (np.array([0.5, np.nan, -np.inf]), "<f4"),
        (np.array([7], dtype=">i4"), "<i4"),
        (np.arange(10, dtype=np.float32)[::3], "<f4"),
        (np.array([3.0]), "<i8"),
    ],
)
def test_what_the_type_holds_exactly_is_kept_as_it(
    tmp_path: Path, array: npt.NDArray[np.generic], dtype: str
) -> None:
    """The same values in the type that the records name."""
    found = arrays.load(tmp_path, stored(tmp_path, array, dtype), None)
    assert found.dtype == np.dtype(dtype)
    assert np.array_equal(found, array, equal_nan=True)


def test_a_file_of_another_length_is_refused_before_it_is_read(tmp_path: Path) -> None:
    """Cut or grown; a sparse terabyte is not hashed."""
    said = stored(tmp_path, np.zeros(4, dtype=np.float32))
    path = tmp_path / said.file
    for size in (0, 15, 17, 1 << 40):
        os.truncate(path, size)
        with pytest.raises(LedgerDamaged, match=f"holds {size} bytes, not 16"):
            arrays.load(tmp_path, said, None)


def test_an_array_that_is_said_to_be_endless_is_refused(tmp_path: Path) -> None:
    """A hostile ledger could name a sparse file's true length and keep us hashing for days."""
    said = replace(stored(tmp_path, np.zeros(4, dtype=np.float32)), length=1 << 40)
    os.truncate(tmp_path / said.file, 4 << 40)
    with pytest.raises(LedgerDamaged, match="is said to be longer than") as caught:
        arrays.load(tmp_path, said, None)
    assert caught.value.file == str(tmp_path / said.file)


def test_the_longest_array_that_is_read_is_as_long_as_its_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four gigabytes; here four numbers."""
    monkeypatch.setattr(arrays, "_LARGEST_BYTES", 16)
    said = stored(tmp_path, np.zeros(4, dtype=np.float32))
    assert len(arrays.load(tmp_path, said, None)) == 4


def test_an_array_that_grows_while_it_is_read_is_read_no_further() -> None:
    """One that says it is empty, and is not."""
    nothing = hashlib.sha256().hexdigest()
    said = Stored(file="cpuinfo", dtype="|u1", length=0, sha256=nothing, blocks=(), index="")
    assert len(arrays.load(Path("/proc"), said, None)) == 0


def test_nothing_is_read_through_a_link(tmp_path: Path) -> None:
    """Neither the file nor the folder that it lies in."""
    said = stored(tmp_path, np.zeros(4, dtype=np.float32))
    path = tmp_path / said.file
    aside = tmp_path / "aside"
    path.rename(aside)
    path.symlink_to(aside)
    with pytest.raises(LedgerDamaged, match="cannot be read"):
        arrays.load(tmp_path, said, None)
    path.unlink()
    aside.rename(path)
    path.parent.rename(aside)
    path.parent.symlink_to(aside)
    with pytest.raises(LedgerDamaged, match="is a link") as caught:
        arrays.load(tmp_path, said, None)
    assert caught.value.file == str(path.parent)


@pytest.mark.parametrize("length", [0, 4])
def test_what_is_no_file_is_refused_without_waiting(tmp_path: Path, length: int) -> None:
    """A FIFO nobody writes to, a folder, a device, nothing at all."""
    said = stored(tmp_path, np.zeros(length, dtype=np.float32))
    path = tmp_path / said.file
    path.unlink()
    with pytest.raises(LedgerDamaged, match="No such file"):
        arrays.load(tmp_path, said, None)
    os.mkfifo(path)
    with pytest.raises(LedgerDamaged, match="not a regular file"):
        arrays.load(tmp_path, said, None)
    path.unlink()
    path.mkdir()
    with pytest.raises(LedgerDamaged, match="not a regular file"):
        arrays.load(tmp_path, said, None)


# ---------------------------------------------------------------- the index of documents

CHARGES = np.arange(10, dtype=np.float32)
ENDS = np.array([3, 3, 10], dtype=np.int64)


def indexed(folder: Path) -> Stored:
    return arrays.store(folder, "charges/seed-1.f32", "<f4", CHARGES, ENDS)


def test_charges_have_an_index_of_one_digest_a_document(tmp_path: Path) -> None:
    """DESIGN §4: xxh3-128 per document; an empty document has one too."""
    said = indexed(tmp_path)
    content = CHARGES.tobytes()
    parts = [content[:12], b"", content[12:]]
    index = (tmp_path / "charges" / "seed-1.index").read_bytes()
    assert index == b"".join(xxhash.xxh3_128_digest(part) for part in parts)
    assert said.index == hashlib.sha256(index).hexdigest()
    assert np.array_equal(arrays.load(tmp_path, said, ENDS), CHARGES)


@pytest.mark.parametrize(("at", "document"), [(0, 0), (11, 0), (12, 2), (39, 2)])
def test_a_changed_charge_is_found_in_its_document(tmp_path: Path, at: int, document: int) -> None:
    """The place a person can look up, and the bytes."""
    said = indexed(tmp_path)
    flip(tmp_path / said.file, at)
    with pytest.raises(LedgerDamaged) as caught:
        arrays.load(tmp_path, said, ENDS)
    assert caught.value.place == f"document {document}, bytes 0 to 39"


def test_charges_and_index_changed_alike_are_still_found(tmp_path: Path) -> None:
    """An index that was made to fit hides the document, not the change."""
    said = indexed(tmp_path)
    other = arrays.store(tmp_path / "other", said.file, "<f4", CHARGES + 1, ENDS)
    for name in ("seed-1.f32", "seed-1.index"):
        (tmp_path / "other" / "charges" / name).replace(tmp_path / "charges" / name)
    assert other.sha256 != said.sha256
    with pytest.raises(LedgerDamaged) as caught:
        arrays.load(tmp_path, said, ENDS)
    assert caught.value.place == "bytes 0 to 39"


@pytest.mark.parametrize(("at", "document"), [(0, 0), (15, 0), (16, 1), (47, 2)])
def test_a_changed_index_is_found_at_its_document(tmp_path: Path, at: int, document: int) -> None:
    """It is evidence like the rest."""
    said = indexed(tmp_path)
    path = tmp_path / "charges" / "seed-1.index"
    flip(path, at)
    with pytest.raises(LedgerDamaged, match="was changed after it was recorded") as caught:
        arrays.load(tmp_path, said, ENDS)
    assert (caught.value.file, caught.value.place) == (str(path), f"document {document}")


def test_an_index_that_fits_but_was_recorded_otherwise_is_refused(tmp_path: Path) -> None:
    """Nothing says where, because nothing differs but the record."""
    said = replace(indexed(tmp_path), index="0" * 64)
    with pytest.raises(LedgerDamaged) as caught:
        arrays.load(tmp_path, said, ENDS)
    assert caught.value.place == ""


def test_an_index_of_another_length_or_absent_is_refused(tmp_path: Path) -> None:
    """Also where the charges are as they were."""
    said = indexed(tmp_path)
    path = tmp_path / "charges" / "seed-1.index"
    os.truncate(path, 32)
    with pytest.raises(LedgerDamaged, match="holds 32 bytes, not 48"):
        arrays.load(tmp_path, said, ENDS)
    path.unlink()
    with pytest.raises(LedgerDamaged, match="No such file"):
        arrays.load(tmp_path, said, ENDS)


def flip(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


# ---------------------------------------------------------------- whole files


def test_a_file_is_written_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside it and into place; on a full disk the old one stays and nothing else."""
    path = tmp_path / "folder" / "policy.yaml"
    arrays.write(path, b"old")
    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(OSError, match="No space left"):
        arrays.write(path, b"new and longer")
    assert path.read_bytes() == b"old"
    assert [found.name for found in path.parent.iterdir()] == ["policy.yaml"]


def test_a_file_that_cannot_even_be_begun_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That there is nothing to take back is not the reason."""

    def full(*_: object) -> int:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "open", full)
    with pytest.raises(OSError, match="No space left"):
        arrays.write(tmp_path / "a", b"text")


def test_whoever_may_see_the_folder_may_read_the_file(tmp_path: Path) -> None:
    """A verdict is for others to check; only its owner writes it."""
    before = os.umask(0)
    try:
        arrays.write(tmp_path / "a", b"text")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o644


def test_a_file_is_on_disk_before_it_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sync before the bytes have left us would keep an empty file through a power cut."""
    path = tmp_path / "a"
    synced = []

    def note(handle: int) -> None:
        found = os.fstat(handle)
        synced.append(("folder", path.exists()) if stat.S_ISDIR(found.st_mode) else found.st_size)

    monkeypatch.setattr(os, "fsync", note)
    arrays.write(path, b"12345")
    assert synced == [5, ("folder", True)]


def test_no_handle_stays_open(tmp_path: Path) -> None:
    """Neither of what was written nor of what was refused."""
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "fifo")
    gc.collect()
    before = set(os.listdir("/proc/self/fd"))
    for name in ("folder", "fifo", "absent"):
        with pytest.raises(LedgerDamaged):
            arrays.read_file(tmp_path / name, 9)
    arrays.write(tmp_path / "a", b"text")
    arrays.read_file(tmp_path / "a", 9)
    arrays.load(tmp_path, stored(tmp_path, np.zeros(MIB // 2, dtype=np.float32)), None)
    gc.collect()
    assert set(os.listdir("/proc/self/fd")) <= before


def no_space(_: int) -> None:
    raise OSError(28, os.strerror(28))


def test_a_file_is_written_through_no_link(tmp_path: Path) -> None:
    """Whatever lies in the way of the new file is not followed, nor waited for."""
    mine = tmp_path / "mine"
    mine.write_bytes(b"dear to me")
    for block in (lambda path: path.symlink_to(mine), os.mkfifo):
        block(tmp_path / "a.new")
        with pytest.raises(OSError):
            arrays.write(tmp_path / "a", b"text")
        arrays.write(tmp_path / "a", b"text")
    assert mine.read_bytes() == b"dear to me"


def test_a_file_that_grows_while_it_is_read_is_read_no_further() -> None:
    """One that says it is empty, and is not."""
    assert len(arrays.read_file(Path("/proc/cpuinfo"), 5)) == 5


def test_a_file_is_read_up_to_a_bound(tmp_path: Path) -> None:
    """A sparse terabyte is refused by its size, before a byte of it is read."""
    path = tmp_path / "a"
    path.write_bytes(b"12345")
    assert arrays.read_file(path, 5) == b"12345"
    with pytest.raises(LedgerDamaged, match="longer than 4 bytes"):
        arrays.read_file(path, 4)
    os.truncate(path, 1 << 40)
    with pytest.raises(LedgerDamaged, match="longer than"):
        arrays.read_file(path, 1 << 30)
