"""A shard is read exactly, or refused with the place of its fault."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from verifier.errors import BadData
from verifier.heldout import shards


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.lists(st.integers(0, 65535), max_size=200))
def test_what_is_written_is_read(tmp_path: Path, ids: list[int]) -> None:
    """Round trip of any ids, in the competition's layout."""
    path = tmp_path / "shard.bin"
    shards.write(path, np.array(ids, np.int64))
    assert shards.read(path, 65536).tolist() == ids
    raw = path.read_bytes()
    assert np.frombuffer(raw[:12], "<i4").tolist() == [20240520, 1, len(ids)]
    assert len(raw) == 1024 + 2 * len(ids)


def _changed(path: Path, at: int, value: int) -> None:
    raw = bytearray(path.read_bytes())
    raw[at : at + 4] = value.to_bytes(4, "little")
    path.write_bytes(raw)


@pytest.mark.parametrize(
    ("damage", "place", "word"),
    [
        (lambda path: _changed(path, 0, 7), "0", "magic"),
        (lambda path: _changed(path, 4, 2), "4", "version"),
        (lambda path: _changed(path, 8, 11), "1044", "ends"),
        (lambda path: _changed(path, 8, 9), "1042", "follow"),
        (lambda path: _changed(path, 8, 2**31), "8", "negative"),
        (lambda path: path.write_bytes(path.read_bytes()[:1043]), "1043", "ends"),
        (lambda path: path.write_bytes(b"\0" * 1000), "1000", "header"),
        (lambda path: path.write_bytes(b""), "0", "header"),
        (lambda path: _changed(path, 1024 + 6, 1024), "1030", "1024"),
    ],
)
def test_a_damaged_shard_is_refused_by_file_and_offset(tmp_path, damage, place, word) -> None:
    """Corrupt, truncated, wrong-magic, miscounted, id out of range: never read past."""
    path = tmp_path / "fineweb_val_000000.bin"
    shards.write(path, np.array([1, 5, 6, 7, 8, 1, 9, 10, 11, 12]))
    damage(path)
    with pytest.raises(BadData, match=word) as caught:
        shards.read(path, 1024)
    assert (caught.value.file, caught.value.place) == (str(path), place)


def test_a_stream_must_begin_with_bos(tmp_path: Path) -> None:
    """Without it the first document has no beginning."""
    path = tmp_path / "a.bin"
    shards.write(path, np.array([5, 1, 6]))
    with pytest.raises(BadData, match="not BOS") as caught:
        shards.read_stream([path], 1024, 1)
    assert caught.value.place == "1024"
    with pytest.raises(BadData, match="no token ids"):
        shards.read_stream([], 1024, 1)


def test_a_document_may_run_on_into_the_next_shard(tmp_path: Path) -> None:
    """Shards are one stream."""
    for name, ids in (("a.bin", [1, 5, 6]), ("b.bin", [7, 1, 8])):
        shards.write(tmp_path / name, np.array(ids))
    files = [tmp_path / "a.bin", tmp_path / "b.bin"]
    assert shards.read_stream(files, 1024, 1).tolist() == [1, 5, 6, 7, 1, 8]


def test_an_id_beyond_sixteen_bits_is_never_written(tmp_path: Path) -> None:
    """Silent wrapping would make another token of it."""
    with pytest.raises(ValueError, match="65535"):
        shards.write(tmp_path / "a.bin", np.array([65536]))
