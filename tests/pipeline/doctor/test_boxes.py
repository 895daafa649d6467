"""An engine is judged by what it says of itself, and its disk by what is free there."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from verifier.errors import EngineUnavailable
from verifier.pipeline.doctor import State, boxes, capacity


def info(place: Path, **changes: Any) -> dict[str, Any]:
    """What an engine of these days says."""
    told = {
        "ServerVersion": "28.0.1",
        "Driver": "overlay2",
        "CDISpecDirs": ["/etc/cdi", "/var/run/cdi"],
        "DockerRootDir": str(place),
    }
    return {**told, **changes}


@pytest.mark.parametrize(
    ("version", "specified", "gpus", "remedy"),
    [
        ("28.0.1", "kind: nvidia.com/gpu", 8, ""),
        ("28.0.1", "kind: other.com/fpga", 8, "`nvidia-ctk cdi generate"),
        ("28.0.1", "", 8, '"features": {"cdi": true}'),
        ("20.10.24+dfsg1", "", 8, 'Docker 25 or newer, "features"'),
        ("24.0.9", "", 1, 'Docker 25 or newer, "features"'),
        ("20.10.24+dfsg1", "", 0, ""),
        ("28.0.1", "kind: other.com/fpga", 0, ""),
        ("", "", 1, '"features": {"cdi": true}'),
    ],
)
def test_an_engine_without_cdi_is_weaker_where_there_are_gpus(
    version: str, specified: str, gpus: int, remedy: str, tmp_path: Path
) -> None:
    """From 25 on it can bring exactly what a specification names, if there is one."""
    (tmp_path / "a.yaml").write_text(specified)
    said = info(tmp_path, ServerVersion=version, CDISpecDirs=[str(tmp_path)] if specified else None)
    engine, _ = boxes.described(said, gpus)
    assert engine.state is (State.WEAKER if remedy else State.WELL)
    assert engine.remedy.startswith(remedy)
    assert (version or "unknown") in engine.found


def test_a_full_disk_of_the_engine_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is another one than the store's, and images are there once more."""
    monkeypatch.setattr(capacity, "STORE_BYTES", 1)
    _, disk = boxes.described(info(tmp_path), 0)
    assert (disk.state, disk.remedy) == (State.WELL, "")
    monkeypatch.setattr(capacity, "STORE_BYTES", shutil.disk_usage(tmp_path).total + 1)
    _, disk = boxes.described(info(tmp_path), 0)
    assert disk.state is State.WEAKER
    assert str(tmp_path) in disk.found
    assert "docker image prune" in disk.remedy


@pytest.mark.parametrize("place", ["", "/nowhere/at/all", "C:\\docker"])
def test_a_disk_that_cannot_be_seen_is_not_taken_to_be_well(place: str) -> None:
    """An engine in another machine keeps its images there."""
    _, disk = boxes.described(info(Path(place), DockerRootDir=place), 0)
    assert disk.state is State.WEAKER
    assert disk.remedy


def test_no_engine_has_no_version(monkeypatch: pytest.MonkeyPatch) -> None:
    """That none answers is said of its boxes, once."""

    def refuse() -> Iterator[None]:
        raise EngineUnavailable("none")

    monkeypatch.setattr(boxes, "Docker", refuse)
    assert list(boxes.engine(8)) == []
