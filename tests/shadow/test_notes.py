"""Notes are read as they were written, and whatever else lies there tells nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

from verifier.shadow.notes import read_notes

LENGTH = 100
ARRAYS: Mapping[str, object] = {
    "position": np.array([1, 2, 3, 5000]),
    "cost": np.array([0.5, 1.0, 1.5, 2.0], np.float32),
    "block": np.array([0, 0, 1, 2]),
    "step": np.array([0, 1, 1]),
    "gradient": np.array([False, True, False]),
    "source": np.array([0, 0, 1], np.int8),
}
SAID: Mapping[str, object] = {
    "lines": [{"text": "val_loss:1.0 val_bpb:0.5", "block": 2, "step": 1}],
    "files": [{"path": "/out/model.pt", "mode": "wb", "step": 1, "block": 1}],
    "refused": ["pip install x"],
    "newer": [3],
    "steps": 1,
    "train_last_step_seconds": 4.0,
    "train_reads_after": [{"block": 2}],
    "cut": False,
}


def write(folder: Path, arrays: Mapping[str, object] = ARRAYS, said: object = SAID) -> Path:
    folder.mkdir(exist_ok=True)
    np.savez(folder / "rank0.npz", **arrays)  # type: ignore[arg-type]
    (folder / "rank0.json").write_text(json.dumps(said))
    return folder


def test_what_was_noted_is_read(tmp_path: Path) -> None:
    notes = read_notes(write(tmp_path / "notes"), LENGTH)
    assert notes is not None
    assert notes.cost.dtype == np.float64
    assert len(notes.step) == 3
    assert notes.training.tolist() == [False, False, True]
    assert (notes.lines[0].block, notes.late_training, notes.newer) == (2, 1, 1)
    assert notes.files[0].path == "/out/model.pt"


@pytest.mark.parametrize(
    "change",
    [
        {"position": np.array([1, 2, LENGTH, 5000])},
        {"position": np.array([1, 2, -2, 5000])},
        {"position": np.array([1, 2])},
        {"block": np.array([0, 1, 0, 2])},
        {"block": np.array([0, 0, 1, 3])},
        {"gradient": np.array([False])},
        {"cost": np.array(["a", "b", "c", "d"])},
        {"cost": np.ones((4, 1))},
        {"cost": np.ones(4, np.complex128)},
        {"position": np.array([1.0, np.nan, 3.0, 4.0])},
    ],
)
def test_arrays_that_do_not_fit_tell_nothing(tmp_path: Path, change: dict[str, object]) -> None:
    assert read_notes(write(tmp_path / "notes", {**ARRAYS, **change}), LENGTH) is None


def test_pickled_objects_are_never_loaded(tmp_path: Path) -> None:
    spoiled = {**ARRAYS, "cost": np.array([print, 1, 2, 3], object)}
    assert read_notes(write(tmp_path / "notes", spoiled), LENGTH) is None


def linked(folder: Path) -> None:
    (folder / "rank0.json").unlink()
    (folder / "rank0.json").symlink_to("/etc/passwd")


def cut(folder: Path) -> None:
    place = folder / "rank0.npz"
    place.write_bytes(place.read_bytes()[:-30])


def nothing(folder: Path) -> None:
    (folder / "rank0.npz").unlink()


def nested(folder: Path) -> None:
    (folder / "rank0.json").write_text("[" * 100_000)


def a_list(folder: Path) -> None:
    (folder / "rank0.json").write_text("[]")


def endless(folder: Path) -> None:
    (folder / "rank0.json").write_text(json.dumps(SAID).replace('"block": 2,', '"block": 1e999,'))


def beyond(folder: Path) -> None:
    (folder / "rank0.json").write_text(
        json.dumps(SAID).replace('"block": 2,', f'"block": {10**30},')
    )


def said_long(folder: Path) -> None:
    """Its header says that a terabyte follows."""
    place = folder / "rank0.npz"
    content = place.read_bytes()
    assert content.count(b"(4,), }          ")
    place.write_bytes(content.replace(b"(4,), }          ", b"(400000000000,),}"))


def squeezed(folder: Path) -> None:
    """Packed, as no recorder does, and the packing broken."""
    np.savez_compressed(folder / "rank0.npz", **ARRAYS)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "spoil", [linked, cut, nothing, nested, a_list, endless, beyond, said_long, squeezed]
)
def test_spoiled_notes_tell_nothing(tmp_path: Path, spoil: Callable[[Path], None]) -> None:
    folder = write(tmp_path / "notes")
    spoil(folder)
    assert read_notes(folder, LENGTH) is None


def test_a_folder_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    write(tmp_path / "elsewhere")
    (tmp_path / "notes").symlink_to(tmp_path / "elsewhere")
    assert read_notes(tmp_path / "notes", LENGTH) is None
