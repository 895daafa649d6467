"""The locks that ship: complete for their recipe's Python and platform, without a download."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from packaging.markers import Environment, default_environment
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.tags import Tag
from packaging.utils import canonicalize_name, parse_wheel_filename
from packaging.version import Version

from verifier import installed
from verifier.image import recipe
from verifier.image.recipe import Recipe

# Patch releases never change a marker's answer, but markers may be asked for one.
FULL = {"3.11": "3.11.2", "3.13": "3.13.5"}


@pytest.fixture(params=recipe.names())
def shipped(request: pytest.FixtureRequest) -> Recipe:
    """Each recipe in turn."""
    return recipe.load(request.param)


@pytest.fixture
def described(shipped: Recipe) -> dict[str, dict[str, Any]]:
    """What each locked wheel says of itself."""
    text = (shipped.folder / recipe.METADATA_FILE).read_text(encoding="utf-8")
    found: dict[str, dict[str, Any]] = json.loads(text)
    return found


def environment_of(shipped: Recipe) -> Environment:
    """The markers' words for Debian's Python on this recipe's platform."""
    environment = default_environment()
    environment["python_version"] = shipped.text.python
    environment["python_full_version"] = FULL[shipped.text.python]
    environment["implementation_version"] = FULL[shipped.text.python]
    environment["implementation_name"] = "cpython"
    environment["platform_python_implementation"] = "CPython"
    environment["platform_machine"] = "x86_64"
    environment["platform_system"] = "Linux"
    environment["sys_platform"] = "linux"
    environment["os_name"] = "posix"
    return environment


def applying(requirements: list[str], shipped: Recipe, extras: set[str]) -> list[Requirement]:
    """The requirements that hold there, with these extras asked for."""
    environment = environment_of(shipped)
    asked = [Requirement(text) for text in requirements]
    return [
        one
        for one in asked
        if one.marker is None
        or any(one.marker.evaluate({**environment, "extra": extra}) for extra in {"", *extras})
    ]


def missing_from(shipped: Recipe, described: dict[str, dict[str, Any]]) -> list[str]:
    """What the recipe's wheels need, all the way down, and the lock has not."""
    locked = {wheel.name: wheel.version for wheel in shipped.wheels}
    missing: list[str] = []
    seen: set[tuple[str, frozenset[str]]] = set()
    open_ends = applying(shipped.text.wheels, shipped, set())
    while open_ends:
        wanted = open_ends.pop()
        name = canonicalize_name(wanted.name)
        if (name, frozenset(wanted.extras)) in seen:
            continue
        seen.add((name, frozenset(wanted.extras)))
        if name not in locked or not wanted.specifier.contains(locked[name], prereleases=True):
            missing.append(f"{wanted}, locked {locked.get(name, 'not at all')}")
        else:
            open_ends += applying(described[name]["requires"], shipped, set(wanted.extras))
    return missing


def test_the_lock_has_all_that_its_wheels_need(
    shipped: Recipe, described: dict[str, dict[str, Any]]
) -> None:
    """Each requirement whose marker holds, in a version that it allows: pip resolves nothing."""
    assert missing_from(shipped, described) == []


def test_a_lock_that_lacks_one_wheel_is_found_out(
    shipped: Recipe, described: dict[str, dict[str, Any]]
) -> None:
    """The walk reaches every wheel: none is there without being needed."""
    needed = set(described)
    for name in needed:
        rest = tuple(wheel for wheel in shipped.wheels if wheel.name != name)
        object.__setattr__(shipped, "wheels", rest)
        assert missing_from(shipped, described), f"nothing needs {name}"
        object.__setattr__(shipped, "wheels", recipe.load(shipped.name).wheels)


def test_the_lock_and_the_metadata_speak_of_the_same_wheels(
    shipped: Recipe, described: dict[str, dict[str, Any]]
) -> None:
    """Name by name and version by version, in the file's own name too."""
    assert {wheel.name: wheel.version for wheel in shipped.wheels} == {
        name: said["version"] for name, said in described.items()
    }
    for name, said in described.items():
        file_name, version, _, _ = parse_wheel_filename(said["file"])
        assert (file_name, version) == (name, Version(said["version"]))


def test_each_wheel_runs_on_the_images_python_and_c_library(
    shipped: Recipe, described: dict[str, dict[str, Any]]
) -> None:
    """By the tags in its name and its own Requires-Python."""
    python = FULL[shipped.text.python]
    for name, said in described.items():
        tags = parse_wheel_filename(said["file"])[3]
        assert any(runs(tag, shipped) for tag in tags), (name, said["file"])
        assert SpecifierSet(said["requires_python"]).contains(python), name


def runs(tag: Tag, shipped: Recipe) -> bool:
    minor = int(shipped.text.python.partition(".")[2])
    python = re.fullmatch(r"(?:py3|cp3(\d*))", tag.interpreter)
    if python is None or tag.abi not in {shipped.text.python_tag, "abi3", "none"}:
        return False
    if tag.abi == "abi3" and int(python[1] or 0) > minor:
        return False
    if tag.abi != "abi3" and tag.interpreter.startswith("cp") and python[1] != str(minor):
        return False
    if tag.platform in {"any", "linux_x86_64", "manylinux2014_x86_64", "manylinux1_x86_64"}:
        return True
    glibc = re.fullmatch(r"manylinux_2_(\d+)_x86_64", tag.platform)
    return glibc is not None and int(glibc[1]) <= shipped.text.glibc


def test_the_record_of_debian_packages_is_there(shipped: Recipe) -> None:
    """With the Python and the C library that the recipe says."""
    assert shipped.debs is not None
    versions = {deb.name: deb.version for deb in shipped.debs}
    assert versions[f"python{shipped.text.python}"].startswith(f"{shipped.text.python}.")
    assert versions["libc6"].startswith(f"2.{shipped.text.glibc}-")
    assert set(shipped.text.packages) <= set(versions)
    assert FULL[shipped.text.python] == versions[f"python{shipped.text.python}"].partition("-")[0]


def test_the_image_for_gpus_is_what_most_records_used() -> None:
    """torch 2.9.1 with CUDA 12.8 on a Python that parses real scripts, and their compilers."""
    cuda = recipe.load("cuda")
    versions = {wheel.name: wheel.version for wheel in cuda.wheels}
    assert versions["torch"] == "2.9.1"
    assert versions["nvidia-cuda-runtime-cu12"].startswith("12.8.")
    assert tuple(map(int, cuda.text.python.split("."))) >= (3, 12)
    assert {"gcc", "g++", "python3-dev", "openssl", "brotli", "lrzip", "zstd"} <= {
        *cuda.text.packages
    }


def test_the_image_for_cpus_has_one_torch_of_one_hash() -> None:
    """The build without CUDA, on Debian 12's Python."""
    cpu = recipe.load("cpu")
    versions = {wheel.name: wheel.version for wheel in cpu.wheels}
    assert (versions["torch"], cpu.text.python) == ("2.13.0+cpu", "3.11")
    assert not [name for name in versions if name.startswith("nvidia")]
    assert Path(cpu.folder).parent == installed.path("images")


def test_the_image_for_shadow_runs_has_the_libraries_of_the_image_for_cpus() -> None:
    """The same files of torch, numpy and sentencepiece: equal scores in both."""
    shadow, cpu = recipe.load("shadow"), recipe.load("cpu")
    assert shadow.text.python == cpu.text.python
    wheels = {wheel.name: wheel for wheel in shadow.wheels}
    for name in ("torch", "numpy", "sentencepiece"):
        assert wheels[name] in cpu.wheels
    assert not [name for name in wheels if name.startswith("nvidia")]


def test_the_image_for_shadow_runs_has_what_real_scripts_import_and_call() -> None:
    """Modules by their locked wheels; programs by their Debian packages."""
    shadow = recipe.load("shadow")
    versions = {wheel.name: wheel.version for wheel in shadow.wheels}
    assert {"brotli", "tiktoken", "triton", "zstandard"} <= set(versions)
    assert {"brotli", "gcc", "libc6-dev", "libgomp1", "lrzip", "zstd"} <= {*shadow.text.packages}


def test_shadow_runs_parse_scripts_as_the_screen_does() -> None:
    """The parser and its grammar are those of the host's own lock."""
    host = (installed.path("images").parent / "requirements" / "host.lock").read_text("utf-8")
    for wheel in recipe.load("shadow").wheels:
        if wheel.name.startswith("tree-sitter"):
            assert f"\n{wheel.name}=={wheel.version} " in host
