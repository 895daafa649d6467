"""An installation whose only image is a tiny one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.image import made
from verifier import installed
from verifier.image import base
from verifier.image.base import Base
from verifier.image.recipe import RecipeText
from verifier.image.wheels import keep


class Tiny:
    """One recipe `tiny`, its wheel in the store, and a Debian that costs nothing to make."""

    def __init__(self, folder: Path) -> None:
        """All of it below `folder`."""
        self.folder = folder
        self.store = folder / "store"
        self.wheel = keep(made.wheel(folder / "fetched"), self.store)
        self.recipe = folder / "images" / "tiny"
        self.debs = made.DEBS
        self.more: tuple[made.Member, ...] = ()
        self.made = 0
        self.write()

    def write(self, debs: tuple[made.LockedDeb, ...] | None = made.DEBS, **text: object) -> None:
        """Write the recipe anew, with other values and another record."""
        locked = made.LockedWheel("tiny", "1.0", made.sha256(self.wheel))
        made.recipe_folder(self.recipe, [locked], debs, **text)

    def bootstrap(self, text: RecipeText, mode: str, folder: Path) -> Base:
        """In place of mmdebstrap."""
        assert (text.suite, mode) == ("bookworm", "root")
        self.made += 1
        return Base(made.debian_tar(folder / "base.tar", *self.more), self.debs)


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tiny:
    """The tiny installation, on a machine that can make root file systems."""
    tiny = Tiny(tmp_path)
    monkeypatch.setattr(installed, "path", lambda part: tmp_path / part)
    monkeypatch.setattr(base, "way", lambda: "root")
    monkeypatch.setattr(base, "bootstrap", tiny.bootstrap)
    return tiny
