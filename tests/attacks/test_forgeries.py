"""Each forgery is refused, and the same bundle without it is taken."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.attacks import forgeries, forging
from tests.attacks.forging import Run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """One finished run and its bundle."""
    place = tmp_path_factory.mktemp("forged")
    made = forging.finished_run(place)
    with forging.at_home(place):
        yield made


@pytest.mark.parametrize("case", forgeries.cases(), ids=lambda case: case.name)
def test_a_forgery_ends_as_it_must(run: Run, case: forgeries.Case) -> None:
    """Every try of it, by its exit code and for its own reason (ADR 19)."""
    row = forgeries.tried(case, run)
    assert row.ok, row.happened
    assert not Path("/tmp/golf-verifier-escaped").exists()
    assert not list(run.scratch.parent.rglob("escaped"))


def test_the_bundle_without_a_forgery_is_taken(run: Run) -> None:
    """The honest one: else every refusal above would be worth nothing."""
    for place in (run.bundle, run.folder):
        came = forgeries.came(place)
        assert came.code == 0 and came.said.startswith("own key, not proved"), came


def test_packing_again_what_was_unpacked_is_no_forgery(run: Run) -> None:
    """The forger's own tools add nothing by themselves."""
    files = forging.opened_bundle(run.bundle)
    again = forging.with_manifest(run.scratch / "again", files)
    assert again.read_bytes() == run.bundle.read_bytes()


def test_another_user_on_another_machine_tests_it_with_the_package_alone(
    run: Run, tmp_path: Path
) -> None:
    """An empty store, another home, no key: nothing is missing but trust, and nothing is made."""
    shutil.copyfile(run.bundle, tmp_path / "b")
    environment = {
        "HOME": str(tmp_path / "home"),
        "VERIFIER_STORE": str(tmp_path / "store"),
        "PATH": "/nowhere",
        "PYTHONPATH": str(Path(forging.__file__).parents[2]),
    }
    command = [sys.executable, "-m", "verifier.cli", "recheck", str(tmp_path / "b"), "--quiet"]
    ended = subprocess.run(
        command, capture_output=True, text=True, env=environment, cwd="/", check=False
    )
    assert ended.returncode == 2, ended.stderr
    assert "VERIFIED · cheats" in ended.stdout and "nobody you know stands for it" in ended.stdout
    assert not (tmp_path / "store").exists()
    assert not (tmp_path / "home" / ".config" / "golf-verifier").exists()
