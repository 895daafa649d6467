"""What the guest does to a script without touching torch: reading, refusing, places, the clock."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from tests.shadow.guest import FOLDER, module
from verifier.shadow import streams

READER = FOLDER.parents[2] / "verifier" / "source"
NEWER = """
import sys

def line():
    return sys._getframe(1).f_lineno

names = {"a": 1}
told = f"{names["a"]} {
    line()
}"
type Pair = tuple[int, int]

def first[T](pair: T) -> T:
    return pair

print(told, first(line()))
"""


def ran(code: str, tmp_path: Path, constants: str = "()") -> subprocess.CompletedProcess[str]:
    """A script of its own process, read as the guest reads scripts."""
    script = tmp_path / "train_gpt.py"
    script.write_text(code)
    text = f"""
        import sys, runpy
        from pathlib import Path
        sys.path.insert(0, {str(FOLDER.parents[2])!r})
        from tests.shadow.guest import module
        newer = []
        module("reading").install(Path({str(READER)!r}), newer, {constants})
        for name in [each for each in sys.modules if each.startswith(("tests", "verifier"))]:
            del sys.modules[name]
        runpy.run_path({str(script)!r}, run_name="__main__")
        print("newer", newer, [each for each in sys.modules if each.startswith("verifier")])
    """
    command = [sys.executable, "-c", textwrap.dedent(text)]
    return subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="this interpreter reads it by itself")
def test_newer_python_runs_with_its_own_lines(tmp_path: Path) -> None:
    """Promise: the same values and line numbers, the line noted, the reader out of sight."""
    done = ran(NEWER, tmp_path)
    assert done.stderr == ""
    assert done.stdout.splitlines() == ["1 9 16", "newer [8] []"]


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="this interpreter reads it by itself")
def test_newer_python_that_is_unpacked_runs_too(tmp_path: Path) -> None:
    """Promise: exec of a text, as packed scripts do it, is read the same way."""
    done = ran(f"code = {NEWER!r}\nexec(code)\n", tmp_path)
    assert done.stdout.splitlines() == ["1 9 16", "newer [8] []"]


def test_what_is_no_python_at_all_is_an_error_as_ever(tmp_path: Path) -> None:
    """Promise: CPython's own message, with its line."""
    done = ran("a = 1\nb = = 2\n", tmp_path)
    assert "SyntaxError" in done.stderr
    assert "line 2" in done.stderr


def test_exec_works_in_the_callers_names_and_futures(tmp_path: Path) -> None:
    """Promise: names, and `from __future__ import annotations` of the caller, reach the text."""
    code = """
    from __future__ import annotations

    def run():
        inner = 2
        exec("made = inner + outer", globals(), box := {"inner": inner})
        return box["made"]

    outer = 3
    exec("def typed(a: Missing): ...")
    exec("print(run(), typed.__annotations__)")
    """
    done = ran(textwrap.dedent(code), tmp_path)
    assert done.stderr == ""
    assert done.stdout.splitlines()[0] == "5 {'a': 'Missing'}"


def test_a_constant_is_another_one_on_its_line_only(tmp_path: Path) -> None:
    """Promise: however it is written, and nowhere else."""
    code = "a = 1 << 22\nb = 4_194_304\nc = 4194304\nexec('d = 4194304')\nprint(a, b, c, d)\n"
    done = ran(code, tmp_path, "[[1, 4194304, 512], [2, 4194304, 256]]")
    assert done.stdout.splitlines()[0] == "512 256 4194304 512"


def test_a_row_is_found_by_its_neighbourhood() -> None:
    """Promise: windows, single strangers and the edges of a row are all placed."""
    stream = np.random.default_rng(0).integers(0, 1000, 5000).astype(np.uint16)
    places = module("places").Places(stream)
    row = stream[100:164].astype(np.int64)
    assert (places.of(row) == np.arange(100, 164)).all()
    row[20] = 4000
    expected = np.arange(100, 164)
    expected[20] = -1
    assert (places.of(row) == expected).all()
    both = np.concatenate([stream[10:42], stream[900:932]]).astype(np.int64)
    assert (places.of(both) == np.r_[10:42, 900:932]).all()
    assert (places.of(np.arange(64)) == -1).all()
    assert (places.of(np.zeros(2, np.int64)) == -1).all()


def test_text_that_repeats_is_placed_by_longer_runs() -> None:
    """Promise: where four in a row stand in many places, sixteen tell, and the row is followed."""
    rng = np.random.default_rng(1)
    stream = rng.integers(0, 3, 4000).astype(np.uint16)
    found = module("places").Places(stream).of(stream[500:628].astype(np.int64))
    assert (found == np.arange(500, 628)).mean() > 0.9


def test_where_pieces_of_one_length_meet_every_token_is_in_its_own() -> None:
    """Promise: in text that repeats, a token that fits two places goes to the right one."""
    moved = 0
    for seed in range(6):
        rng = np.random.default_rng(seed)
        stream = streams.tempting(32 * streams.DOCUMENT, np.arange(10, 2000), rng).ids
        places = module("places").Places(stream)
        for at in range(0, 256, 32):
            starts = np.arange(at + 1, len(stream) - 32, streams.DOCUMENT)
            expected = (starts[:, None] + np.arange(32)).ravel()
            row = stream[expected].astype(np.int64)
            assert (places.of(row) == expected).all()
            straighten, places._straighten = places._straighten, lambda *_: None
            moved += int((places.of(row) != expected).sum())
            places._straighten = straighten
    assert moved > 0, "no seam was moved by chance: this text cannot tell"


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("pip install numpy", "true"),
        (f"{sys.executable} -m pip install -q numpy", "true"),
        ("pip install no-such-thing-at-all", "sh"),
        ("apt-get install -y zstd", "sh"),
        ("wget https://example.org/a", "sh"),
        ("git clone https://example.org/a", "sh"),
        ("nvidia-smi", None),
        ("git rev-parse HEAD", None),
        ("python3 data/pipe.py", None),
    ],
)
def test_what_would_fetch_is_not_run(command: str, answer: str | None) -> None:
    """Promise: refused and noted, but for installing what is installed."""
    noted: list[str] = []
    made = module("refusing")._answer(command, noted.append)
    assert (made and made[0]) == answer
    assert noted == ([command] if answer == "sh" else [])


def test_only_looking_and_stepping_move_the_clock() -> None:
    """Promise: what looks cost is forgotten at the next step, so that ranks agree."""
    clock = module("ticking").Clock(0.5, [10.0])
    assert (clock.look(), clock.look()) == (0.5, 1.0)
    clock.stepped()
    assert clock.now == 10.0
    clock.sleep(3)
    clock.stepped()
    assert clock.now == 23.0


def test_a_clock_never_goes_back() -> None:
    """Promise: more looks than a step lasts are more time than it lasts."""
    clock = module("ticking").Clock(6.0, [10.0])
    clock.look()
    clock.look()
    clock.stepped()
    assert clock.now == 12.0
