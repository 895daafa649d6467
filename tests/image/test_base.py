"""What Debian contributes, and on which machines it can."""

from __future__ import annotations

import os
import pwd
import subprocess
from pathlib import Path

import pytest

from tests.image import made
from tests.image.made import recipe_of, wheel
from verifier.errors import ImageFault
from verifier.image import base
from verifier.image.locks import LockedDeb
from verifier.image.recipe import RecipeText

SUM = "c" * 64
DESCRIBED = f"""\
Package: libc6
Version: 2.36-9+deb12u13
Architecture: amd64
Conffiles:
Description: GNU C Library
 Version: 9.9 is not the version
 .
 SHA256: nor is this
Homepage: https://www.gnu.org/software/libc/
SHA256: {SUM}

Package: base-files
SHA256: {SUM[::-1]}
Architecture: all
Version: 12.4


"""


# ---------------------------------------------------------------- described


def test_packages_are_read_from_the_index_that_apt_used() -> None:
    """By field, not by place; lines of a description are none."""
    assert base.described_debs(DESCRIBED) == (
        LockedDeb("base-files", "12.4", "all", SUM[::-1]),
        LockedDeb("libc6", "2.36-9+deb12u13", "amd64", SUM),
    )


def test_a_package_described_twice_alike_is_one() -> None:
    """Two archives may carry it."""
    assert base.described_debs(DESCRIBED * 2) == base.described_debs(DESCRIBED)


@pytest.mark.parametrize("field", ["Version", "Architecture", "SHA256"])
def test_a_package_that_came_from_no_signed_index_is_refused(field: str) -> None:
    """Only the index knows a package's sha256."""
    text = "\n".join(line for line in DESCRIBED.splitlines() if not line.startswith(f"{field}:"))
    with pytest.raises(ImageFault, match=rf"package (libc6|base-files) has no {field}"):
        base.described_debs(text)


def test_a_paragraph_without_a_name_is_refused() -> None:
    """Nobody knows whose it is."""
    with pytest.raises(ImageFault, match=r"package \? has no Package"):
        base.described_debs("Version: 1\n")


def test_no_packages_at_all_are_refused() -> None:
    """Empty evidence is no evidence."""
    with pytest.raises(ImageFault, match="listed no packages"):
        base.described_debs("\n\n")


# ---------------------------------------------------------------- way


def program(folder: Path, name: str, text: str = "exit 0") -> None:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder of programs; it has mmdebstrap."""
    folder = tmp_path / "programs"
    program(folder, "mmdebstrap")
    monkeypatch.setenv("PATH", str(folder))
    return folder


def someone(monkeypatch: pytest.MonkeyPatch, folder: Path, subordinates: str | None) -> None:
    """Run as an unprivileged user; `subordinates` is /etc/subuid."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(os, "getuid", lambda: 1000)
    monkeypatch.setattr(base, "SUBORDINATES", folder / "subuid")
    if subordinates is not None:
        (folder / "subuid").write_text(subordinates)


def test_root_makes_it_as_root(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The simplest way."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert base.way() == "root"


def test_without_mmdebstrap_nobody_makes_it(
    programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the package to install is named."""
    (programs / "mmdebstrap").unlink()
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert base.way() is None
    assert base.why_not().remedy == "apt-get install mmdebstrap"


@pytest.mark.parametrize(
    ("subordinates", "present", "expected"),
    [
        ("1000:100000:65536\n", ("newuidmap", "unshare"), "unshare"),
        ("root:1:1\nada:100000:65536\n", ("newuidmap", "unshare"), "unshare"),
        ("11000:100000:65536\nadam:1:1\n", ("newuidmap", "unshare"), None),
        ("", ("newuidmap", "unshare"), None),
        (None, ("newuidmap", "unshare"), None),
        ("1000:100000:65536\n", ("unshare",), None),
        ("1000:100000:65536\n", ("newuidmap",), None),
    ],
)
def test_a_user_makes_it_with_ids_of_its_own(
    programs: Path,
    monkeypatch: pytest.MonkeyPatch,
    subordinates: str | None,
    present: tuple[str, ...],
    expected: str | None,
) -> None:
    """A line in /etc/subuid by name or number, and the two programs; else it cannot."""
    someone(monkeypatch, programs, subordinates)
    monkeypatch.setattr(
        pwd, "getpwuid", lambda uid: pwd.struct_passwd(["ada", "x", uid, 0, "", "", ""])
    )
    for name in present:
        program(programs, name)
    assert base.way() == expected
    if expected is None:
        assert "uidmap" in base.why_not().remedy


def test_a_user_without_a_name_is_known_by_number(
    programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a container nobody may have entered it into /etc/passwd."""
    someone(monkeypatch, programs, "1000:100000:65536\n")

    def unknown(uid: int) -> pwd.struct_passwd:
        raise KeyError(uid)

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    program(programs, "newuidmap")
    program(programs, "unshare")
    assert base.way() == "unshare"


def test_a_kernel_that_forbids_user_namespaces_is_asked(
    programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Having the programs is not being allowed to."""
    someone(monkeypatch, programs, "1000:100000:65536\n")
    program(programs, "newuidmap")
    program(programs, "unshare", "exit 1")
    assert base.way() is None


# ---------------------------------------------------------------- bootstrap

# Stands in for mmdebstrap: writes down how it was called, and makes what it would make.
FAKE = """
printf '%s\\n' "$@" > "$HOME/arguments"
/usr/bin/env > "$HOME/environment"
for word in "$@"; do
  case "$word" in --customize-hook=download*) described="${word##* }";; esac
  tar="$word"
done
printf 'a tar' > "$tar"
/bin/cp "$HOME/to-describe" "$described"
"""


@pytest.fixture
def text(tmp_path: Path) -> RecipeText:
    """What the recipe asks for."""
    packages = ["python3", "libstdc++6"]
    return recipe_of(tmp_path / "recipe", wheel(tmp_path), packages=packages).text


@pytest.fixture
def fake(programs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A mmdebstrap that makes nothing; the folder where it says how it was called."""
    program(programs, "mmdebstrap", FAKE)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "to-describe").write_text(DESCRIBED)
    return tmp_path


def test_mmdebstrap_is_asked_for_what_the_recipe_says(fake: Path, text: RecipeText) -> None:
    """Suite, variant, packages and mode; what it installed is read back."""
    made_base = base.bootstrap(text, "unshare", fake)
    assert made_base.tar.read_bytes() == b"a tar"
    assert made_base.debs == base.described_debs(DESCRIBED)
    arguments = (fake / "arguments").read_text().splitlines()
    assert {"--mode=unshare", "--variant=minbase", "--include=python3,libstdc++6"} <= {*arguments}
    assert arguments[-2:] == ["bookworm", str(made_base.tar)]


def test_what_the_machine_left_in_the_root_is_taken_away(fake: Path, text: RecipeText) -> None:
    """Its name, its resolver and its mirror are no part of an image."""
    base.bootstrap(text, "root", fake)
    last = next(
        line
        for line in reversed((fake / "arguments").read_text().splitlines())
        if line.startswith("--customize-hook=")
    ).removeprefix("--customize-hook=")
    root = fake / "new root"
    for name in (*base.MACHINES_OWN, "described", "etc/passwd"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    (root / "etc/hostname").unlink()
    hook = ["/bin/sh", "-ec", last, "hook", str(root)]
    subprocess.run(hook, check=True, env={"PATH": "/usr/bin:/bin"})
    assert [str(p.relative_to(root)) for p in root.rglob("*") if p.is_file()] == ["etc/passwd"]


def test_mmdebstrap_sees_little_of_this_users_environment(
    fake: Path, text: RecipeText, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy, yes; a language that would sort or word things otherwise, no."""
    monkeypatch.setenv("LANG", "de_DE.UTF-8")
    monkeypatch.setenv("SECRET", "x")
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1")
    monkeypatch.setenv("https_proxy", "http://proxy.example:3128")
    base.bootstrap(text, "root", fake)
    seen = (fake / "environment").read_text().splitlines()
    assert f"SOURCE_DATE_EPOCH={made.EPOCH}" in seen
    assert {"LC_ALL=C", "https_proxy=http://proxy.example:3128"} <= set(seen)
    assert not [line for line in seen if line.startswith(("LANG=", "SECRET="))]


def test_a_mmdebstrap_that_fails_is_quoted(
    programs: Path, tmp_path: Path, text: RecipeText
) -> None:
    """Its last lines, whichever of its outputs they came from."""
    program(programs, "mmdebstrap", "echo first; echo E: no network >&2; exit 25")
    with pytest.raises(ImageFault, match="mmdebstrap ended with 25: first · E: no network"):
        base.bootstrap(text, "root", tmp_path)


def test_a_mmdebstrap_that_hangs_is_ended(
    programs: Path, tmp_path: Path, text: RecipeText, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And says goodbye: it unmounts what it mounted."""
    monkeypatch.setattr(base, "LIMIT_SECONDS", 0.5)
    bye = f"trap 'echo bye > {tmp_path}/bye; exit 1' TERM"
    program(programs, "mmdebstrap", f"{bye}; while :; do /bin/sleep 0.1; done")
    with pytest.raises(ImageFault, match=r"ran past 0\.5 s"):
        base.bootstrap(text, "root", tmp_path)
    assert (tmp_path / "bye").read_text() == "bye\n"


def test_an_interrupted_build_waits_for_mmdebstrap_to_clean_up(
    programs: Path, tmp_path: Path, text: RecipeText, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C leaves no mounts behind."""

    def interrupted(*_: object, **__: object) -> tuple[str, str]:
        while not (tmp_path / "ready").exists():
            pass
        raise KeyboardInterrupt

    monkeypatch.setattr(subprocess.Popen, "communicate", interrupted)
    bye = f"trap 'echo bye > {tmp_path}/bye; exit 1' TERM; echo > {tmp_path}/ready"
    program(programs, "mmdebstrap", f"{bye}; while :; do /bin/sleep 0.1; done")
    with pytest.raises(KeyboardInterrupt):
        base.bootstrap(text, "root", tmp_path)
    assert (tmp_path / "bye").read_text() == "bye\n"
