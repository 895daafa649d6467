"""The programs that scripts start, as the guest has them on its PATH."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.shadow.guest import FOLDER


def ran(*words: str, cwd: Path, given: bytes = b"") -> bytes:
    path = {"PATH": f"{FOLDER / 'bin'}:{os.environ['PATH']}"}
    return subprocess.run(
        words, input=given, capture_output=True, check=True, cwd=cwd, env=path
    ).stdout


def test_what_lrzip_packed_it_unpacks(tmp_path: Path) -> None:
    """Promise: the options that scripts use, and fewer bytes in between."""
    (tmp_path / "a.bin").write_bytes(b"weights " * 500)
    ran("lrzip", "-z", "-L", "9", "-o", "a.lrz", "a.bin", cwd=tmp_path)
    assert (tmp_path / "a.lrz").stat().st_size < 1000
    ran("lrzip", "-d", "-f", "-o", "b.bin", "a.lrz", cwd=tmp_path)
    assert (tmp_path / "b.bin").read_bytes() == b"weights " * 500


def test_a_minifier_gives_the_text_back(tmp_path: Path) -> None:
    """Promise: from stdin and from a file."""
    (tmp_path / "a.py").write_bytes(b"a = 1\n")
    assert ran("pyminify", "--no-rename-locals", "-", cwd=tmp_path, given=b"b = 2\n") == b"b = 2\n"
    assert ran("pyminify", "a.py", cwd=tmp_path) == b"a = 1\n"


def test_the_card_is_the_competitions(tmp_path: Path) -> None:
    """Promise: scripts print what nvidia-smi says and read nothing else from it."""
    assert b"H100" in ran("nvidia-smi", "--query-gpu=name", cwd=tmp_path)
