"""What ships with the package is found beside it or inside it, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest

from verifier import installed
from verifier.errors import StorageFault


@pytest.mark.parametrize(
    ("part", "inside"), [("policies", "local_cpu.yaml"), ("docs", "audits.md"), ("images", "cpu")]
)
def test_a_checkout_has_its_parts_beside_the_package(part, inside: str) -> None:
    """In a checkout."""
    assert (installed.path(part) / inside).exists()
    assert installed.path(part).is_absolute()


def test_an_installed_wheel_has_them_inside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was installed with the package goes before what happens to lie beside it."""
    package = tmp_path / "site-packages" / "verifier"
    monkeypatch.setattr(installed, "_PACKAGE", package)
    strange = tmp_path / "site-packages" / "policies"
    strange.mkdir(parents=True)
    assert installed.path("policies") == strange
    (package / "_bundled" / "policies").mkdir(parents=True)
    assert installed.path("policies") == package / "_bundled" / "policies"


def test_a_part_that_is_missing_is_a_fault_of_ours_with_a_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file of that name, or a folder elsewhere, is not it."""
    package = tmp_path / "here" / "verifier"
    monkeypatch.setattr(installed, "_PACKAGE", package)
    (tmp_path / "policies").mkdir()
    package.mkdir(parents=True)
    (tmp_path / "here" / "policies").write_text("not a folder")
    with pytest.raises(StorageFault, match=r"no folder 'policies' \(install golf-verifier again"):
        installed.path("policies")
