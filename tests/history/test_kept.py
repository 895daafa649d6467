"""What was read before is recalled under the same code and rules, and under no other."""

from __future__ import annotations

from pathlib import Path

import pytest

import verifier
from verifier.errors import StorageFault
from verifier.history.kept import LINEAGE, READING, VERSIONS, Kept, code, version


def test_a_result_is_kept_under_its_key_and_version(tmp_path: Path) -> None:
    """Another version of the code is another shelf."""
    kept = Kept(tmp_path, "v1")
    assert kept.get("a") is None
    kept.put("a", b"one")
    kept.put("a", b"two")
    assert kept.get("a") == b"two"
    assert Kept(tmp_path, "v2").get("a") is None
    assert Kept(tmp_path, "v1").get("a") == b"two"


def test_only_the_versions_used_last_stay(tmp_path: Path) -> None:
    """Nothing piles up that can be made again."""
    for number in range(VERSIONS + 3):
        Kept(tmp_path, f"v{number}")
    assert len(list((tmp_path / "screened").iterdir())) == VERSIONS
    assert (tmp_path / "screened" / f"v{VERSIONS + 2}").is_dir()


def test_other_rules_or_other_code_are_another_version() -> None:
    """A policy's bytes count, and so does every line of what reads."""
    assert version(b"a") == version(b"a") != version(b"b")
    assert code(READING) != code(LINEAGE)


def test_every_place_that_counts_exists() -> None:
    """A room that is renamed must not silently stop counting."""
    package = Path(verifier.__file__).parent
    assert all((package / place).exists() for place in (*READING, *LINEAGE))


def test_a_store_that_cannot_be_written_is_the_machines_fault(tmp_path: Path) -> None:
    """Ours, not the submission's."""
    (tmp_path / "screened").write_text("in the way")
    with pytest.raises(StorageFault):
        Kept(tmp_path, "v1")
