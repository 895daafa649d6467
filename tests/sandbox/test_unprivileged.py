"""The whole contract again as an ordinary user: bubblewrap by user namespaces, and plain."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.sandbox.conftest import SYSTEM_PYTHON, open_to_all
from verifier.sandbox import local

PROJECT = Path(__file__).parents[2]
CONTRACT = ("contract", "walls", "limits", "two_boxes", "left_behind", "attempts")
OPTIONS = ("-p", "no:cacheprovider", "-q", "-rs")
FOLDERS = tuple(path for path in sys.path if path.endswith(("site-packages", "dist-packages")))


@pytest.fixture(scope="module")
def command() -> list[str]:
    """How to run this very interpreter's packages as nobody; a visible skip where it cannot be."""
    if os.geteuid() != 0:
        pytest.skip("this user is an ordinary one: the rest of the suite is that test")
    if shutil.which("setpriv") is None:
        pytest.skip("no setpriv to become an ordinary user with: not run")
    uid = str(local.NOBODY)
    # setpriv itself still reaches what only root can; the shell after it no longer does.
    become = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", "--inh-caps=-all"]
    become += ["/bin/sh", "-c", 'exec "$@"', "sh"]
    reasons = []
    for python in (sys.executable, str(SYSTEM_PYTHON)):
        tried = subprocess.run(
            [*become, python, "-c", "import pytest, docker, verifier.sandbox, tests.sandbox.bpf"],
            env=_environment(Path("/tmp")),
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
        )
        if tried.returncode == 0:
            return [*become, python]
        reasons.append(f"{python}: {(tried.stderr.strip() or 'no reason').splitlines()[-1]}")
    pytest.skip(f"no interpreter that an ordinary user can run: not run ({'; '.join(reasons)})")


def _environment(temporary: Path) -> dict[str, str]:
    return {
        "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
        "HOME": "/nonexistent",
        "TMPDIR": str(temporary),
        "HYPOTHESIS_STORAGE_DIRECTORY": str(temporary.parent / "hypothesis"),
        "PYTHONPATH": os.pathsep.join((str(PROJECT), *FOLDERS)),
        "PYTHONDONTWRITEBYTECODE": "1",
    }


RUNS = {
    "bubblewrap": (["-k", "bubblewrap"], CONTRACT, 60),
    "plain": (["-k", "plain"], CONTRACT, 60),
    "what a box left": ([], ("hostile", "output"), 15),
}


@pytest.mark.parametrize("run", RUNS)
def test_an_ordinary_user_has_the_same_contract(
    command: list[str], run: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """What differs is what `lacking` says: nothing counts the whole box."""
    chosen, names, least = RUNS[run]
    folder = tmp_path_factory.mktemp("nobody")
    for owned in (folder, folder / "tmp"):
        owned.mkdir(exist_ok=True)
        os.chown(owned, local.NOBODY, local.NOBODY)
    open_to_all(folder)
    ran = subprocess.run(
        [*command, "-m", "pytest", *OPTIONS, f"--basetemp={folder}/base", *chosen]
        + [f"tests/sandbox/test_{name}.py" for name in names],
        env=_environment(folder / "tmp"),
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    print(ran.stdout)
    if re.search(rf"SKIPPED.*no {run} here: not run", ran.stdout):
        pytest.skip(f"this machine gives an ordinary user no {run}: not run")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    passed = re.search(r"(\d+) passed", ran.stdout)
    assert passed is not None and int(passed.group(1)) >= least
    assert list((folder / "tmp").iterdir()) == []
