"""Recipes: complete or refused, and known by all that they say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.image import made
from tests.image.conftest import Tiny
from verifier.errors import BadInput, RequestError
from verifier.image import recipe
from verifier.image.locks import LockedDeb, LockedWheel

WHEEL = LockedWheel("tiny", "1.0", "c" * 64)


def text_file(folder: Path, **text: Any) -> Path:
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump({**made.TEXT, **text}))
    return path


def test_an_unknown_key_is_refused_with_the_one_that_was_meant(tmp_path: Path) -> None:
    """Naming file and key."""
    path = text_file(tmp_path, prunes=["*.a"])
    with pytest.raises(BadInput, match=r"did you mean prune\?") as refused:
        recipe.read_text(path)
    assert (refused.value.file, refused.value.place) == (str(path), "prunes")


def test_an_unknown_key_unlike_any_other_is_refused_without_a_guess(tmp_path: Path) -> None:
    """No advice is better than a wrong one."""
    with pytest.raises(BadInput) as refused:
        recipe.read_text(text_file(tmp_path, zzz=1))
    assert (refused.value.place, refused.value.remedy) == ("zzz", "")


@pytest.mark.parametrize("key", sorted(made.TEXT))
def test_a_missing_key_is_refused(tmp_path: Path, key: str) -> None:
    """There are no defaults."""
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump({k: v for k, v in made.TEXT.items() if k != key}))
    with pytest.raises(BadInput, match="required") as refused:
        recipe.read_text(path)
    assert (refused.value.place, refused.value.remedy) == (key, "")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("suite", "--help"),
        ("suite", ""),
        ("variant", "a,b"),
        ("packages", ["python3", "--hook-dir=/"]),
        ("packages", "python3"),
        ("python", "3"),
        ("python", 3.11),
        ("python", "3.11/.."),
        ("glibc", 4),
        ("glibc", "36"),
        ("epoch", -1),
        ("epoch", True),
    ],
)
def test_a_value_of_another_kind_is_refused(tmp_path: Path, key: str, value: object) -> None:
    """What becomes an argument of another program or part of a path is a plain word."""
    with pytest.raises(BadInput) as refused:
        recipe.read_text(text_file(tmp_path, **{key: value}))
    assert refused.value.place.split(".")[0] == key


@pytest.mark.parametrize("content", [b"a: [", b"\xff", b"- a list\n", b"", b"!!python/tuple [1]"])
def test_a_file_that_is_no_recipe_is_refused(tmp_path: Path, content: bytes) -> None:
    """No YAML, no text, no mapping, and nothing that YAML could be made to run."""
    path = tmp_path / "recipe.yaml"
    path.write_bytes(content)
    with pytest.raises(BadInput) as refused:
        recipe.read_text(path)
    assert refused.value.file == str(path)


def test_a_missing_recipe_is_refused(tmp_path: Path) -> None:
    """Naming the file that is not there."""
    with pytest.raises(BadInput, match="cannot be read"):
        recipe.read_text(tmp_path / "recipe.yaml")


def test_an_unknown_recipe_is_refused_with_those_there_are(tiny: Tiny) -> None:
    """A close name is suggested, else all are listed."""
    assert recipe.names() == ("tiny",)
    assert recipe.load("tiny").name == "tiny"
    with pytest.raises(RequestError, match=r"did you mean tiny\?"):
        recipe.load("tinny")
    with pytest.raises(RequestError, match="one of tiny"):
        recipe.load("../images/tiny")


def test_the_shipped_recipes_can_be_read() -> None:
    """All of them, with their locks of wheels."""
    assert recipe.names() == ("cpu", "cuda", "shadow")
    assert {name: recipe.load(name).text.python for name in recipe.names()} == {
        "cpu": "3.11",
        "cuda": "3.13",
        "shadow": "3.11",
    }


def test_each_part_of_a_recipe_changes_its_digest(tmp_path: Path) -> None:
    """Text, wheels and record; the record alone leaves the other two as they were."""
    first = recipe.read(made.recipe_folder(tmp_path / "r", [WHEEL]))
    other_text = recipe.read(made.recipe_folder(tmp_path / "r", [WHEEL], epoch=1))
    other_wheel = LockedWheel("tiny", "1.1", "d" * 64)
    other_wheels = recipe.read(made.recipe_folder(tmp_path / "r", [other_wheel]))
    other_debs = recipe.read(
        made.recipe_folder(tmp_path / "r", [WHEEL], [LockedDeb("new", "1", "all", "e" * 64)])
    )
    no_debs = recipe.read(made.recipe_folder(tmp_path / "r", [WHEEL], None))
    all_of_them = (first, other_text, other_wheels, other_debs, no_debs)
    assert len({one.digest for one in all_of_them}) == 5
    assert len({one.unrecorded_digest for one in (first, other_debs, no_debs)}) == 1
    assert len({one.unrecorded_digest for one in (first, other_text, other_wheels)}) == 3
    assert first.wheels_digest == other_text.wheels_digest != other_wheels.wheels_digest
    assert (no_debs.debs, first.debs) == (None, made.DEBS)


def test_a_comment_changes_no_digest(tmp_path: Path) -> None:
    """The digest is over what recipe and locks say."""
    folder = made.recipe_folder(tmp_path / "r", [WHEEL])
    before = recipe.read(folder)
    for name in ("recipe.yaml", "requirements.lock", "debs.lock"):
        path = folder / name
        path.write_text(f"# why it is so\n{path.read_text()}")
    assert recipe.read(folder) == before


def test_no_two_lists_of_parts_have_one_digest() -> None:
    """Where one part ends belongs to the digest."""
    assert recipe.digest(b"ab", b"c") != recipe.digest(b"a", b"bc")
    assert recipe.digest(b"a") != recipe.digest(b"a", b"")


def test_wheels_go_where_debians_python_looks(tmp_path: Path) -> None:
    """`dist-packages` below /usr/local; the tag is that of its minor version."""
    found = recipe.read(made.recipe_folder(tmp_path / "r", [WHEEL], python="3.13"))
    assert found.site == "usr/local/lib/python3.13/dist-packages"
    assert found.text.python_tag == "cp313"
