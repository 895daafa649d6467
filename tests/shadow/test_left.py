"""What a run left is found without following a link, whatever it is called."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from verifier.shadow.left import artifacts, files, read_regular


def test_weights_are_told_from_logs_and_sources(tmp_path: Path) -> None:
    for name in ("final_model.ptz", "train_gpt.py", "logs/run.txt", "weights", ".shadow/rank0.npz"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    (tmp_path / "link.pt").symlink_to("/etc/passwd")
    os.mkfifo(tmp_path / "pipe.pt")
    found = artifacts(tmp_path)
    assert sorted(found) == ["final_model.ptz", "weights"]
    assert found["weights"] != found["final_model.ptz"]
    assert len(list(files(tmp_path))) == 4


def test_only_a_small_regular_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"12345")
    (tmp_path / "link").symlink_to("file")
    os.mkfifo(tmp_path / "pipe")
    assert read_regular(tmp_path, "file", 5) == b"12345"
    with pytest.raises(ValueError, match="more than 4"):
        read_regular(tmp_path, "file", 4)
    for name in ("link", "pipe", "nothing"):
        with pytest.raises(OSError, match=name):
            read_regular(tmp_path, name, 5)
