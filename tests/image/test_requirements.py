"""A submission's requirements become locked wheels beside the image's own, or an error with a line.

pip's report is made up here: what it resolves is the index's matter; `test_real_build.py` asks it.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from verifier.errors import BadSubmission, ImageFault
from verifier.image import recipe, requirements
from verifier.image.requirements import extended
from verifier.watch import Unwatched

BASE = recipe.load("shadow")
EINOPS = {
    "metadata": {"name": "Einops", "version": "0.8.2"},
    "download_info": {"archive_info": {"hashes": {"sha256": "e" * 64}}},
}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What pip was asked; it answers with one wheel beside those of the image."""
    seen: list[list[str]] = []

    def pip(command: list[str]) -> None:
        seen.append(command)
        report = next(each for each in command if each.startswith("--report="))
        own = BASE.wheels[0]
        known = {
            "metadata": {"name": own.name, "version": own.version},
            "download_info": {"archive_info": {"hashes": {"sha256": own.sha256}}},
        }
        said = json.dumps({"install": [known, EINOPS]})
        Path(report.removeprefix("--report=")).write_text(said)

    monkeypatch.setattr(requirements, "pip", pip)
    return seen


def made(content: str, store: Path, *packages: str) -> recipe.Recipe:
    return extended(BASE, content.encode(), packages, store, Unwatched())


@pytest.mark.parametrize(
    "content",
    [
        "",
        "# nothing\n\n",
        "numpy\nsentencepiece  # tokenizer\n",
        "torch>=2.4\n--extra-index-url https://example.org/cu128\n",
        'pywin32; sys_platform == "win32"\n',
        "Typing_Extensions\n",
    ],
)
def test_what_the_image_has_changes_nothing(
    content: str, tmp_path: Path, asked: list[list[str]]
) -> None:
    """The same recipe, so the same root; nobody is asked."""
    assert made(content, tmp_path) is BASE
    assert asked == []


def test_what_it_lacks_is_resolved_once_and_locked(tmp_path: Path, asked: list[list[str]]) -> None:
    """Wheels alone, with the image's own pinned; the next time nobody is asked."""
    found = made("einops>=0.8\nnumpy\n", tmp_path)
    (new,) = set(found.wheels) - set(BASE.wheels)
    assert (new.name, new.version, new.sha256) == ("einops", "0.8.2", "e" * 64)
    assert found.name.startswith("shadow+") and found.digest != BASE.digest
    assert found.debs == BASE.debs
    (command,) = asked
    assert "--only-binary=:all:" in command and "--dry-run" in command
    assert made("numpy\neinops>=0.8", tmp_path).digest == found.digest
    assert len(asked) == 1


def test_other_requirements_are_another_image(tmp_path: Path, asked: list[list[str]]) -> None:
    """Debian packages too; those have no record to compare with."""
    plain = made("einops", tmp_path)
    more = made("einops", tmp_path, "g++")
    assert len({BASE.digest, plain.digest, more.digest}) == 3
    assert more.text.packages == [*BASE.text.packages, "g++"]
    assert more.debs is None
    assert made("", tmp_path, *BASE.text.packages) is BASE


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("torch==1.0", r"image shadow has torch"),
        ("evil @ https://example.org/evil.whl", "from an address"),
        ("-e .", "cannot be required"),
        ("-r other.txt", "cannot be required"),
        ("./local", "cannot be required"),
        ("git+https://example.org/x", "cannot be required"),
        ("--no-binary=:all:", "cannot be required"),
        ("einops --config-settings=x", "cannot be required"),
        ('einops; python_version ~= "x"', "cannot tell when einops is required"),
        ('einops; "a" == "b"', "cannot tell when"),
        ("einops; " + "(" * 3000 + 'os_name > "3"' + ")" * 3000, "cannot be required"),
    ],
)
def test_what_cannot_be_required_is_named_with_its_line(
    line: str, why: str, tmp_path: Path, asked: list[list[str]]
) -> None:
    """What is built, or comes from anywhere, would run a stranger's code outside a box."""
    with pytest.raises(BadSubmission, match=why) as refused:
        made(f"numpy\n{line}\n", tmp_path)
    assert (refused.value.file, refused.value.place) == ("requirements.txt", "2")
    assert asked == []


def test_too_many_lines_are_refused(tmp_path: Path) -> None:
    """Nobody requires so much."""
    with pytest.raises(BadSubmission, match="more than 200 lines"):
        made("numpy\n" * 201, tmp_path)


def test_what_has_no_hash_cannot_be_locked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: list[list[str]]
) -> None:
    """Nothing is half locked."""
    monkeypatch.setitem(EINOPS, "download_info", {})
    with pytest.raises(ImageFault, match="tells no sha256"):
        made("einops", tmp_path)
    assert not list(tmp_path.rglob("*.lock"))


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (
            "ERROR: No matching distribution found for nowhere==1.0 · more",
            "txt:2: nowhere==1.0 cannot be",
        ),
        ("ERROR: ResolutionImpossible: for help visit", "all of it together cannot be had"),
    ],
)
def test_what_nobody_publishes_is_the_submissions_mistake(
    said: str, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what the network or the index did is not."""

    def fails(_: object) -> None:
        raise ImageFault(f"pip cannot get it: {said}")

    monkeypatch.setattr(requirements, "pip", fails)
    with pytest.raises(BadSubmission, match=why):
        made("# ours\nnowhere==1.0", tmp_path)
    said = "connection refused"
    with pytest.raises(ImageFault, match="connection refused"):
        made("nowhere==1.0", tmp_path)
