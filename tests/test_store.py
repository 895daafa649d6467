"""Where things lie, and how often an author has tried."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from verifier import store
from verifier.errors import StorageFault


def attempt(place: Path, **changed: str) -> int:
    values = {
        "author": "Ada",
        "submission_digest": "s",
        "policy_digest": "p",
        "root_digest": "r",
        "key": "k",
    }
    return store.count_attempt(place, **{**values, **changed})


def test_the_store_is_where_the_environment_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Promise: VERIFIER_STORE, else the user's cache folder; made if absent."""
    monkeypatch.setenv("VERIFIER_STORE", str(tmp_path / "named"))
    assert store.root() == tmp_path / "named"
    monkeypatch.delenv("VERIFIER_STORE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert store.root() == tmp_path / "cache" / "golf-verifier"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert store.root() == tmp_path / ".cache" / "golf-verifier"
    assert store.root().is_dir()


def test_a_store_that_cannot_be_made_is_our_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Promise: StorageFault with what to set."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("VERIFIER_STORE", str(tmp_path / "file" / "store"))
    with pytest.raises(StorageFault, match="set VERIFIER_STORE"):
        store.root()
    with pytest.raises(StorageFault, match="cannot be counted"):
        attempt(tmp_path / "file")


def test_one_attempt_is_counted_once_and_another_is_the_next(tmp_path: Path) -> None:
    """Promise: a resumed run keeps its number; anything new is one more try (§4.1)."""
    assert [attempt(tmp_path), attempt(tmp_path)] == [1, 1]
    assert attempt(tmp_path, submission_digest="s2") == 2
    assert attempt(tmp_path, policy_digest="p2") == 3
    assert attempt(tmp_path, root_digest="r2") == 4
    assert attempt(tmp_path, key="k2") == 5
    assert attempt(tmp_path) == 1


def test_an_author_is_the_same_however_the_name_is_written(tmp_path: Path) -> None:
    """Promise: case, blanks and Unicode form give no fresh count; another author has their own."""
    attempt(tmp_path)
    assert attempt(tmp_path, author=" ADA ", key="k2") == 2
    assert attempt(tmp_path, author="Ａda", key="k3") == 3
    assert attempt(tmp_path, author="Bob") == 1
    assert attempt(tmp_path, author="../../Bob\0") == 1


def test_attempts_counted_at_once_all_count(tmp_path: Path) -> None:
    """Promise: two runs that start together never share a number."""
    with ThreadPoolExecutor(8) as several:
        numbers = list(several.map(lambda n: attempt(tmp_path, key=f"k{n}"), range(24)))
    assert sorted(numbers) == list(range(1, 25))


@pytest.mark.parametrize("content", ["", "[]", '{"attempts": 3}', '{"attempts": [[1]]}', "{"])
def test_a_damaged_record_of_attempts_is_never_counted_anew(tmp_path: Path, content: str) -> None:
    """Promise: a lost count is our fault and said, never attempt 1 again."""
    attempt(tmp_path)
    (record,) = (tmp_path / "attempts").glob("*.json")
    record.write_text(content)
    with pytest.raises(StorageFault, match="damaged"):
        attempt(tmp_path)
