"""Where no root file system is: a virtual environment of the same lock, or the interpreter."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.image import made
from tests.image.conftest import Tiny
from tests.image.made import PYTHON, Heard
from verifier import image
from verifier.errors import ImageFault, MissingTool, StorageFault
from verifier.image import environment
from verifier.image.recipe import load
from verifier.image.wheels import keep
from verifier.records import ImageFacts, Root


def asked(root: Root, source: str) -> str:
    """What the root's Python prints."""
    command = [root.python, "-I", "-c", source]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def unrooted(tiny: Tiny, watch: Heard | None = None) -> tuple[Root, ImageFacts]:
    return image.unrooted("tiny", tiny.store, why="boxes here", watch=watch or Heard())


def test_a_virtual_environment_holds_the_locks_wheels_and_nothing_else(
    tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Installed for real with this Python, whatever the user told pip; not pinned, and so said."""
    monkeypatch.setenv("PIP_TARGET", str(tiny.folder / "astray"))
    monkeypatch.setenv("PATH", "/nowhere")
    watch = Heard()
    root, facts = unrooted(tiny, watch)
    wheels_digest = load("tiny").wheels_digest
    assert root == Root(digest=f"venv:{wheels_digest}", python=root.python, pinned=False)
    assert Path(root.python).is_relative_to(tiny.store / "venvs")
    assert asked(root, "import tiny") == "tiny"
    listed = "from importlib.metadata import distributions as d; print([x.name for x in d()])"
    assert asked(root, listed) == "['tiny']"
    assert facts == ImageFacts(
        recipe="tiny",
        root_digest=root.digest,
        pinned=False,
        python=platform.python_version(),
        packages={"tiny": "1.0"},
    )
    assert watch.notes == [
        "not pinned: boxes here; a virtual environment from the same lock is used instead"
    ]
    assert not (tiny.folder / "astray").exists()


def test_a_virtual_environment_is_made_once_and_mended(tiny: Tiny) -> None:
    """Found the second time; made again where it was not finished or its Python is gone."""
    watch = Heard()
    first = unrooted(tiny, watch)
    assert watch.phases == ["install the wheels into a virtual environment"]
    folder = Path(first[0].python).parents[1]
    again = Heard()
    assert unrooted(tiny, again) == first
    assert (again.phases, len(again.notes)) == ([], 1)
    for spoil in (folder / environment.FINISHED, folder / "bin" / "python"):
        spoil.unlink()
        mended = Heard()
        assert unrooted(tiny, mended) == first
        assert mended.phases == watch.phases
        assert asked(first[0], "import tiny") == "tiny"


def test_a_wheel_of_another_hash_is_not_installed(tiny: Tiny) -> None:
    """The lock is the same lock."""
    tiny.wheel.write_bytes(b"another wheel")
    with pytest.raises(ImageFault, match="the lock says"):
        unrooted(tiny)


def test_a_wheel_that_pip_does_not_take_leaves_nothing_finished(tiny: Tiny) -> None:
    """The next build tries again."""
    broken = made.wheel(tiny.folder / "fetched", {"tiny/x.py": ""})
    tiny.wheel = keep(broken, tiny.store)
    tiny.write()
    with pytest.raises(ImageFault):
        unrooted(tiny)
    assert not list(tiny.store.glob(f"venvs/*/{environment.FINISHED}"))


def test_another_minor_version_of_python_is_looked_for(
    tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one that runs the verifier may not be the image's: then the one by that name."""
    monkeypatch.setattr(platform, "python_version", lambda: "3.99.1")
    programs = tiny.folder / "programs"
    programs.mkdir()
    monkeypatch.setenv("PATH", str(programs))
    with pytest.raises(MissingTool, match=f"no Python {PYTHON}") as refused:
        unrooted(tiny)
    assert refused.value.remedy == f"apt-get install python{PYTHON}"
    (programs / f"python{PYTHON}").symlink_to(os.path.realpath(sys.executable))
    assert asked(unrooted(tiny)[0], "import tiny") == "tiny"


def test_an_interpreter_that_cannot_be_run_is_a_fault_of_the_machine(
    tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And one that fails is quoted."""
    monkeypatch.setattr(environment, "_interpreter", lambda _: str(tiny.folder / "absent"))
    with pytest.raises(StorageFault, match="absent: cannot be run"):
        unrooted(tiny)
    monkeypatch.setattr(environment, "_interpreter", lambda _: "/bin/false")
    with pytest.raises(ImageFault, match="/bin/false -P -m venv"):
        unrooted(tiny)


def test_a_store_that_cannot_be_written_is_a_fault_of_the_machine(tiny: Tiny) -> None:
    """Naming the place."""
    (tiny.store / "roots").write_text("a file in the way")
    with pytest.raises(StorageFault, match="roots"):
        unrooted(tiny)


def test_the_interpreter_at_hand_is_never_pinned() -> None:
    """It is the one that runs this, with what it can import."""
    root, facts = image.host_root()
    assert root == Root(digest="host", python=sys.executable, pinned=False)
    assert (facts.recipe, facts.root_digest, facts.pinned) == ("host", "host", False)
    assert facts.python == platform.python_version()
    assert facts.packages["numpy"] == np.__version__
    assert list(facts.packages) == sorted(facts.packages)
    json.dumps(dict(facts.packages))
