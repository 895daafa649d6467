"""The guest's own tests, where its torch is: in a box of the image that shadow runs take place in.

Those of ported submissions' base class too.

The host has no torch. What is run there is `boxed_*.py`, by the pytest of the host, which is pure
Python; a test that is skipped in the box counts as a failure here.
"""

from __future__ import annotations

import re
import shutil
from importlib.util import find_spec
from pathlib import Path

import pytest

from verifier.pipeline.shadowing import ShadowRequest, open_stage
from verifier.records import BoxSpec, EndedBy, Limits, Mount
from verifier.watch import Unwatched

REPOSITORY = Path(__file__).resolve().parents[2]
TESTS = sorted(
    path.relative_to(REPOSITORY).as_posix() for path in (REPOSITORY / "tests").glob("*/boxed_*.py")
)
WHOLE_RUNS = "tests/shadow/boxed_run.py"
"""Scripts from start to end, over a minute: `test_zoo.py` has whole runs in every test run."""
PURE = ("_pytest", "pytest", "py", "pluggy", "iniconfig", "packaging", "pygments")
LIMITS = Limits(
    wall_seconds=300.0,
    memory_bytes=3 << 30,
    pids=256,
    threads=2,
    temporary_bytes=256 << 20,
    output_bytes=1 << 20,
    output_files=10,
    log_bytes=1 << 20,
)


def pure(folder: Path) -> Path:
    """The packages of pytest, copied to where a box may see them."""
    for name in PURE:
        found = find_spec(name)
        assert found is not None
        assert found.origin is not None
        if found.submodule_search_locations is None:
            folder.mkdir(exist_ok=True)
            shutil.copy(found.origin, folder)
        else:
            shutil.copytree(Path(found.origin).parent, folder / name)
    return folder


@pytest.mark.docker
@pytest.mark.parametrize(
    "name", [pytest.param(each, marks=[pytest.mark.slow] * (each == WHOLE_RUNS)) for each in TESTS]
)
def test_the_guest_in_its_image(name: str, tmp_path: Path) -> None:
    stage = open_stage(ShadowRequest(reference="the guest's tests"), Unwatched())
    given = {"PYTHONPATH": "/site:/repository", "PYTHONDONTWRITEBYTECODE": "1"}
    inputs = [
        Mount(source=pure(tmp_path / "site"), target="/site"),
        Mount(source=REPOSITORY / "tests", target="/repository/tests"),
        Mount(source=REPOSITORY / "images" / "guest", target="/repository/images/guest"),
        Mount(source=REPOSITORY / "verifier" / "source", target="/repository/verifier/source"),
    ]
    if stage.bytecode is not None:
        inputs.append(Mount(source=stage.bytecode, target="/bytecode"))
        given["PYTHONPYCACHEPREFIX"] = "/bytecode"
    options = ("-q", "-p", "no:cacheprovider", "--noconftest", "-c", "/dev/null")
    place = "/repository"
    spec = BoxSpec(
        label="guest tests",
        root=stage.root,
        argv=(
            *("python3", "-m", "pytest", *options, "--rootdir", place),
            f"{place}/{name}",
        ),
        environment=given,
        inputs=tuple(inputs),
        output=None,
        channel=None,
        working_folder="/tmp",
        limits=LIMITS,
    )
    with stage.sandbox.start(spec) as box:
        end = box.wait()
    assert end is not None
    assert (end.ended_by, end.exit_code) == (EndedBy.ITSELF, 0), end.log
    assert re.search(r"^\d+ passed", end.log, re.MULTILINE), end.log
    assert "skipped" not in end.log
