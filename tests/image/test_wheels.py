"""Wheels come by their hash or not at all. pip is the real one, asked without an index."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.image import made
from tests.image.made import Heard, recipe_of, sha256, wheel
from verifier.errors import ImageFault, MissingTool
from verifier.image import wheels
from verifier.image.locks import LockedWheel
from verifier.image.recipe import read


@pytest.fixture(autouse=True)
def _only_what_lies_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """pip finds wheels in one folder and nowhere else."""
    for name in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_CONSTRAINT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "index"))


def test_a_wheel_is_fetched_once_and_kept_by_its_hash(tmp_path: Path) -> None:
    """The second time the index may be gone."""
    file = wheel(tmp_path / "index")
    recipe, store, watch = recipe_of(tmp_path / "recipe", file), tmp_path / "store", Heard()
    (path,) = wheels.collect(recipe, store, watch)
    assert path == store / "wheels" / sha256(file) / file.name
    assert path.read_bytes() == file.read_bytes()
    file.unlink()
    assert wheels.collect(recipe, store, watch) == (path,)
    assert watch.phases == ["fetch 1 of 1 wheels"]
    assert [p.name for p in (store / "wheels").iterdir()] == [path.parent.name]


def test_only_what_the_store_lacks_is_fetched(tmp_path: Path) -> None:
    """The rest is taken from it, in the order of the lock."""
    other = {
        name.replace("tiny", "other"): text.replace("tiny", "other")
        for name, text in made.TINY.items()
    }
    first, second = wheel(tmp_path / "index"), wheel(tmp_path / "index", other, "other-1.0")
    locked = [
        LockedWheel("tiny", "1.0", sha256(first)),
        LockedWheel("other", "1.0", sha256(second)),
    ]
    recipe = read(made.recipe_folder(tmp_path / "recipe", locked))
    store, watch = tmp_path / "store", Heard()
    wheels.keep(first, store)
    found = wheels.collect(recipe, store, watch)
    assert [path.name.partition("-")[0] for path in found] == ["other", "tiny"]
    assert watch.phases == ["fetch 1 of 2 wheels"]


def test_a_wheel_of_another_hash_is_refused(tmp_path: Path) -> None:
    """Same name, same version, other bytes: pip is told the hash and does not bring it."""
    recipe = recipe_of(tmp_path / "recipe", wheel(tmp_path / "mine"))
    wheel(tmp_path / "index", {**made.TINY, "tiny/__init__.py": "evil = True\n"})
    with pytest.raises(ImageFault, match="pip cannot get what the lock names") as refused:
        wheels.collect(recipe, tmp_path / "store", Heard())
    assert "PIP_FIND_LINKS" in refused.value.remedy
    assert not list((tmp_path / "store" / "wheels").iterdir())


def test_a_wheel_that_nobody_has_is_refused(tmp_path: Path) -> None:
    """With pip's own words."""
    (tmp_path / "index").mkdir()
    recipe = recipe_of(tmp_path / "recipe", wheel(tmp_path / "mine"))
    with pytest.raises(ImageFault, match=r"No matching distribution found for tiny==1\.0"):
        wheels.collect(recipe, tmp_path / "store", Heard())


def test_a_wheel_for_another_platform_is_not_taken(tmp_path: Path) -> None:
    """The lock names its hash, yet it would not run on this image."""
    (tmp_path / "index").mkdir()
    file = wheel(tmp_path / "mine").rename(tmp_path / "index" / "tiny-1.0-cp27-cp27m-win_amd64.whl")
    recipe = recipe_of(tmp_path / "recipe", file)
    with pytest.raises(ImageFault, match="pip cannot get what the lock names"):
        wheels.collect(recipe, tmp_path / "store", Heard())


def test_a_wheel_that_changed_in_the_store_is_refused(tmp_path: Path) -> None:
    """The store's folder name is no proof of its content."""
    file = wheel(tmp_path / "index")
    recipe, store = recipe_of(tmp_path / "recipe", file), tmp_path / "store"
    (path,) = wheels.collect(recipe, store, Heard())
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(ImageFault, match="the lock says") as refused:
        wheels.collect(recipe, store, Heard())
    assert str(path) in refused.value.message
    path.unlink()
    assert wheels.collect(recipe, store, Heard()) == (path,)


def test_a_pip_that_brings_something_else_is_not_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even if pip did not compare the hash, the build does."""
    recipe = recipe_of(tmp_path / "recipe", wheel(tmp_path / "mine"))

    def pip(arguments: list[str]) -> None:
        wheel(Path(arguments[arguments.index("--dest") + 1]), {"tiny/evil.py": ""})

    monkeypatch.setattr(wheels, "pip", pip)
    with pytest.raises(ImageFault, match=r"another file than tiny 1\.0"):
        wheels.collect(recipe, tmp_path / "store", Heard())


def test_pip_is_asked_for_wheels_of_the_images_platform_only(tmp_path: Path) -> None:
    """Never a source distribution, which runs code when it is built; never the host's platform."""
    text = recipe_of(tmp_path / "recipe", wheel(tmp_path), python="3.13", glibc=41).text
    options = wheels.platform_options(text)
    assert {"--only-binary=:all:", "--no-deps", "--implementation=cp"} <= set(options)
    assert "--python-version=3.13" in options
    platforms = [o.removeprefix("--platform=") for o in options if o.startswith("--platform=")]
    assert platforms[0] == "manylinux_2_41_x86_64"
    assert {"manylinux_2_5_x86_64", "manylinux2014_x86_64", "linux_x86_64"} <= set(platforms)
    assert "manylinux_2_42_x86_64" not in platforms
    assert [o for o in options if o.startswith("--abi=")] == [
        "--abi=cp313",
        "--abi=abi3",
        "--abi=none",
    ]


def test_a_python_without_pip_is_a_missing_tool(tmp_path: Path) -> None:
    """Naming the package that has it."""
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\necho "$0: No module named pip" >&2\nexit 1\n')
    python.chmod(0o755)
    with pytest.raises(MissingTool, match="has no pip") as refused:
        wheels.pip(["--version"], str(python))
    assert "python3-pip" in refused.value.remedy


class _Index(SimpleHTTPRequestHandler):
    """Package indexes on loopback: what lies in a folder, and nothing in the log."""

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def served(tmp_path: Path) -> Iterator[str]:
    """The address of a server over `tmp_path / "served"`."""
    folder = tmp_path / "served"
    folder.mkdir()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Index, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_the_extra_index_is_asked_when_the_configured_ones_lack_a_wheel(
    tmp_path: Path, served: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PyTorch's own index of CPU wheels comes second, and may be unreachable."""
    place = tmp_path / "served" / "extra" / "tiny"
    file = wheel(place)
    (place / "index.html").write_text(f'<a href="{file.name}">{file.name}</a>', encoding="utf-8")
    (tmp_path / "served" / "first").mkdir()
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.delenv("PIP_FIND_LINKS")
    monkeypatch.setenv("PIP_INDEX_URL", f"{served}/first")
    recipe, store = recipe_of(tmp_path / "recipe", file), tmp_path / "store"
    with pytest.raises(ImageFault, match=wheels.EXTRA_INDEX_VARIABLE):
        wheels.collect(recipe, store, Heard())
    monkeypatch.setenv(wheels.EXTRA_INDEX_VARIABLE, f"{served}/nowhere")
    with pytest.raises(ImageFault):
        wheels.collect(recipe, store, Heard())
    monkeypatch.setenv(wheels.EXTRA_INDEX_VARIABLE, f"{served}/extra")
    (path,) = wheels.collect(recipe, store, Heard())
    assert path.read_bytes() == file.read_bytes()


def test_pip_is_not_looked_for_where_the_verifier_was_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A checkout of a stranger's may have a pip.py."""
    for name in ("pip", "typing", "json"):
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'sprung')!r}, 'w')\n")
    monkeypatch.chdir(tmp_path)
    wheels.pip(["--version"])
    assert not (tmp_path / "sprung").exists()
