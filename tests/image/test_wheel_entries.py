"""Wheels: everything in one may be meant to do harm."""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.image.made import PYTHON, SITE, TINY, recipe_of, wheel
from verifier.errors import ImageFault
from verifier.image import wheel_entries
from verifier.image.entries import File
from verifier.image.wheel_entries import of_wheel

INFO = "tiny-1.0.dist-info"


def files_of(path: Path) -> dict[str, File]:
    """What the wheel puts where."""
    recipe = recipe_of(path.parent / "recipe", path)
    found = list(of_wheel(path, recipe))
    assert all(isinstance(entry, File) for entry in found)
    return {entry.path: entry for entry in found if isinstance(entry, File)}


def content_of(file: File) -> bytes:
    with file.open() as content:
        return content.read()


def put(folder: Path, files: Mapping[str, str | bytes]) -> dict[str, File]:
    return files_of(wheel(folder, files))


def test_a_wheel_lies_where_debians_python_looks(tmp_path: Path) -> None:
    """Each file at its place with its bytes; nobody's folders, modes of Python's own."""
    found = files_of(wheel(tmp_path))
    assert {path: content_of(file).decode() for path, file in found.items()} == {
        f"{SITE}/{name}": text for name, text in TINY.items()
    }
    assert {file.mode for file in found.values()} == {0o644}
    assert {file.origin for file in found.values()} == {"tiny-1.0-py3-none-any.whl"}


def test_a_wheels_other_places_are_those_of_its_format(tmp_path: Path) -> None:
    """`NAME.data/SCHEME/` as the wheel format says."""
    found = put(
        tmp_path,
        {
            "tiny-1.0.data/purelib/p": "",
            "tiny-1.0.data/platlib/q": "",
            "tiny-1.0.data/headers/h": "",
            "tiny-1.0.data/data/share/d": "",
            "tiny-1.0.data/scripts/s": "",
        },
    )
    assert set(found) == {
        f"{SITE}/p",
        f"{SITE}/q",
        f"usr/local/include/python{PYTHON}/tiny/h",
        "usr/local/share/d",
        "usr/local/bin/s",
    }


@pytest.mark.parametrize(
    "name",
    [
        "tiny-1.0.data/etc/x",
        "tiny-1.0.data/scripts",
        "tiny-1.0.data",
        ".data/headers/x",
    ],
)
def test_a_place_that_wheels_do_not_know_is_refused(tmp_path: Path, name: str) -> None:
    """Nothing is put anywhere by guessing."""
    with pytest.raises(ImageFault, match="in no place that wheels know"):
        put(tmp_path, {name: "x"})


@pytest.mark.parametrize(
    "name",
    [
        "/etc/passwd",
        "../../../../etc/passwd",
        "tiny/../../x",
        "tiny-1.0.data/data/../../etc/passwd",
        "tiny-1.0.data/scripts/../../../bin/sh",
        "tiny/..",
    ],
)
def test_a_path_out_of_the_root_is_refused(tmp_path: Path, name: str) -> None:
    """Whatever its scheme."""
    with pytest.raises(ImageFault, match="leads out of the root"):
        put(tmp_path, {name: "x"})


@pytest.mark.parametrize("name", [".", "./."])
def test_a_file_without_a_name_is_refused(tmp_path: Path, name: str) -> None:
    """It would be the folder itself."""
    with pytest.raises(ImageFault, match="a file without a name"):
        put(tmp_path, {name: "x"})


@given(st.text(st.sampled_from("a./\\:~$ \n-"), min_size=1, max_size=20))
@settings(max_examples=60, deadline=None)
def test_every_file_lies_below_usr_local_or_is_refused(
    tmp_path_factory: pytest.TempPathFactory, name: str
) -> None:
    """No name gets a wheel's file among Debian's."""
    try:
        found = put(tmp_path_factory.mktemp("wheel"), {name: "x", f"tiny-1.0.data/data/{name}": ""})
    except ImageFault:
        return
    for path in found:
        assert path.startswith("usr/local/")
        assert not {"", ".", ".."} & set(path.split("/"))


def test_folders_and_links_of_a_wheel_are_no_folders_and_links(tmp_path: Path) -> None:
    """An entry marked as a symbolic link is a file that holds the target's name, as for pip."""
    path = tmp_path / "tiny-1.0-py3-none-any.whl"
    link = zipfile.ZipInfo("tiny/link")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(zipfile.ZipInfo("tiny/"), b"")
        archive.writestr(link, "/etc/passwd")
    found = files_of(path)
    assert set(found) == {f"{SITE}/tiny/link"}
    assert content_of(found[f"{SITE}/tiny/link"]) == b"/etc/passwd"


def test_a_runnable_file_stays_runnable_and_nothing_more(tmp_path: Path) -> None:
    """Set-user bits and write permissions of a wheel are dropped."""
    path = tmp_path / "tiny-1.0-py3-none-any.whl"
    program, plain = zipfile.ZipInfo("tiny/program"), zipfile.ZipInfo("tiny/plain")
    program.external_attr, plain.external_attr = 0o106777 << 16, 0o100666 << 16
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(program, b"")
        archive.writestr(plain, b"")
    assert {file.mode for file in files_of(path).values()} == {0o755, 0o644}


# ---------------------------------------------------------------- scripts


def test_a_script_for_python_starts_the_images_python(tmp_path: Path) -> None:
    """`#!python` is the wheel format's word for "the interpreter it is installed for"."""
    found = put(
        tmp_path,
        {
            "tiny-1.0.data/scripts/py": "#!python -u\nprint('é')\n",
            "tiny-1.0.data/scripts/sh": "#!/bin/sh\n",
            "tiny-1.0.data/data/bin/other": b"#!pyth",
        },
    )
    assert {path: content_of(file) for path, file in found.items()} == {
        "usr/local/bin/py": "#!/usr/bin/python3\nprint('é')\n".encode(),
        "usr/local/bin/sh": b"#!/bin/sh\n",
        "usr/local/bin/other": b"#!pyth",
    }
    assert {file.mode for file in found.values()} == {0o755}
    assert all(file.size == len(content_of(file)) for file in found.values())


def test_console_scripts_are_written_out(tmp_path: Path) -> None:
    """One program for each entry point; other groups make none."""
    text = (
        "[console_scripts]\ntiny = tiny.cli:App.run\nTiny-2 = tiny:main [extra]\n\n"
        "[other]\nx = tiny:plugin\n"
    )
    found = put(tmp_path, {f"{INFO}/entry_points.txt": text})
    assert set(found) == {
        f"{SITE}/{INFO}/entry_points.txt",
        "usr/local/bin/tiny",
        "usr/local/bin/Tiny-2",
    }
    script = content_of(found["usr/local/bin/tiny"]).decode()
    assert script.startswith("#!/usr/bin/python3\n")
    assert "from tiny.cli import App\n" in script
    assert "sys.exit(App.run())" in script
    compile(script, "tiny", "exec")


def test_entry_points_without_programs_make_none(tmp_path: Path) -> None:
    """Most packages have plug-ins only."""
    assert set(put(tmp_path, {f"{INFO}/entry_points.txt": "[plugins]\na = b:c\n"})) == {
        f"{SITE}/{INFO}/entry_points.txt"
    }


def test_entry_points_of_what_a_wheel_brings_within_itself_make_none(tmp_path: Path) -> None:
    """A package that carries a copy of another does not install that other's programs."""
    name = "tiny/_vendor/wheel-1.0.dist-info/entry_points.txt"
    found = put(tmp_path, {name: "[console_scripts]\nwheel = wheel:main\n"})
    assert set(found) == {f"{SITE}/{name}"}


@pytest.mark.parametrize(
    "line",
    [
        "../../bin/sh = tiny:main",
        ".. = tiny:main",
        ". = tiny:main",
        ".hidden = tiny:main",
        "a b = tiny:main",
        "x = tiny",
        "x = :main",
        "x = tiny:main; import os",
        "x = tiny:main()",
        "x = tiny-2:main",
        "x = tiny:main\n  and: more",
    ],
)
def test_a_console_script_that_names_no_function_is_refused(tmp_path: Path, line: str) -> None:
    """Its name becomes a path and its reference becomes source: both are plain words."""
    with pytest.raises(ImageFault, match="names no function"):
        put(tmp_path, {f"{INFO}/entry_points.txt": f"[console_scripts]\n{line}\n"})


@pytest.mark.parametrize(
    "content",
    [
        b"no section\n",
        b"[console_scripts]\na = b:c\na = d:e\n",
        b"[console_scripts]\nonly a name\n",
    ],
)
def test_entry_points_that_cannot_be_read_are_refused(tmp_path: Path, content: bytes) -> None:
    """Named as the wheel's fault."""
    with pytest.raises(ImageFault, match=r"tiny-1\.0.*entry points cannot be read"):
        put(tmp_path, {f"{INFO}/entry_points.txt": content})


@pytest.mark.parametrize("name", [f"{INFO}/entry_points.txt", "tiny-1.0.data/scripts/x"])
def test_a_text_that_is_none_or_too_long_is_refused(tmp_path: Path, name: str) -> None:
    """What is read into memory is bounded before it is read."""
    with pytest.raises(ImageFault, match="cannot be read as a wheel"):
        put(tmp_path, {name: b"#!python\n\xff"})
    long = b"#!python\n" + b"#" * wheel_entries.LIMIT_TEXT_BYTES
    with pytest.raises(ImageFault, match="is longer than"):
        put(tmp_path, {name: long})


# ---------------------------------------------------------------- damage


@pytest.mark.parametrize("content", [b"", b"PK", b"not a zip file at all" * 10])
def test_a_file_that_is_no_wheel_is_refused(tmp_path: Path, content: bytes) -> None:
    """Naming it."""
    path = tmp_path / "tiny-1.0-py3-none-any.whl"
    path.write_bytes(content)
    with pytest.raises(ImageFault, match=r"tiny-1\.0.*cannot be read as a wheel"):
        files_of(path)


def test_a_wheel_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """Naming it."""
    recipe = recipe_of(tmp_path / "recipe", wheel(tmp_path))
    with pytest.raises(ImageFault, match=r"absent\.whl: cannot be read"):
        list(of_wheel(tmp_path / "absent.whl", recipe))


def damaged(path: Path, at: bytes, offset: int, instead: bytes) -> Path:
    """The wheel with other bytes at `offset` behind the first `at`."""
    content = bytearray(path.read_bytes())
    place = content.index(at) + offset
    content[place : place + len(instead)] = instead
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("at", "offset", "instead"),
    [
        (b"PK\x03\x04", 0, b"XX"),  # the file's own header
        (b"PK\x03\x04", 30, b"other"),  # its name there differs from the directory's
        (b"PK\x03\x04", 45, b"\xff\xff\xff\xff"),  # its compressed bytes
        (b"PK\x01\x02", 16, b"\0\0\0\0"),  # its checksum
        (b"PK\x01\x02", 24, struct.pack("<I", 50_000)),  # longer than it is
        (b"PK\x01\x02", 24, struct.pack("<I", 3)),  # shorter than it is
        (b"PK\x01\x02", 42, struct.pack("<I", 1 << 20)),  # where it lies
    ],
)
def test_a_damaged_file_of_a_wheel_is_refused_when_it_is_read(
    tmp_path: Path, at: bytes, offset: int, instead: bytes
) -> None:
    """Never other bytes than the wheel's checksums say, never half a file."""
    path = damaged(wheel(tmp_path, {"tiny/__init__.py": "x = 1\n" * 50}), at, offset, instead)
    with pytest.raises(ImageFault, match=r"tiny-1\.0-py3-none-any\.whl"):
        content_of(files_of(path)[f"{SITE}/tiny/__init__.py"])


def test_a_file_that_says_it_is_longer_is_refused_though_its_checksum_is_right(
    tmp_path: Path,
) -> None:
    """The bytes of an archive and what it says of them are two things."""
    path = wheel(tmp_path, {"tiny/x": "abc"})
    damaged(path, b"PK\x01\x02", 24, struct.pack("<I", 4))
    with pytest.raises(ImageFault, match="is not as long as it says"):
        content_of(files_of(path)[f"{SITE}/tiny/x"])


def test_an_encrypted_or_oddly_packed_file_is_refused(tmp_path: Path) -> None:
    """Wheels are stored or deflated; nothing else is unpacked."""
    path = damaged(wheel(tmp_path), b"PK\x01\x02", 8, b"\x01")
    with pytest.raises(ImageFault, match="packed as no wheel may be"):
        files_of(path)
    path = tmp_path / "lzma-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("x", "x")
    with pytest.raises(ImageFault, match="packed as no wheel may be"):
        files_of(path)


def test_a_wheel_that_would_fill_the_disk_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it says it unpacks to is added up before anything is unpacked."""
    monkeypatch.setattr(wheel_entries, "LIMIT_WHEEL_BYTES", 1000)
    files = {"tiny/a": "a" * 500, "tiny/b": "b" * 500}
    assert len(put(tmp_path, files)) == 2
    with pytest.raises(ImageFault, match="unpacks to more than 1000 bytes"):
        put(tmp_path, {**files, "tiny/c": "c"})


def test_a_file_is_read_in_blocks_of_any_size(tmp_path: Path) -> None:
    """To its end, and nothing behind it."""
    files = files_of(wheel(tmp_path, {"tiny/x": "abcdefg", "tiny/empty": ""}))
    with files[f"{SITE}/tiny/x"].open() as content:
        assert [content.read(3), content.read(3), content.read(3)] == [b"abc", b"def", b"g"]
        assert content.read() == content.read(None) == b""
    assert content_of(files[f"{SITE}/tiny/empty"]) == b""
