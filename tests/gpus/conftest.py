"""The fake driver's library, built once; without gcc nothing here is run, and that is said."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.gpus.playing import compiled


@pytest.fixture(scope="session")
def libraries(tmp_path_factory: pytest.TempPathFactory) -> dict[bool, Path]:
    """The library by whether it is that of an old driver."""
    if shutil.which("gcc") is None:
        pytest.skip("no gcc: apt-get install gcc libc6-dev")
    folder = tmp_path_factory.mktemp("nvml")
    return {False: compiled(folder / "new"), True: compiled(folder / "old", "-DOLD")}
