"""A bundle is the same bytes for the same files, and nothing else is read as one."""

from __future__ import annotations

import gzip
import subprocess
import tarfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from verifier import bundle
from verifier.bundle.sealing import SPARE_BYTES, Sealing
from verifier.bundle.tarball import Bounds
from verifier.errors import BundleCut, BundleDamaged, StorageFault

FILES = {"bundle.json": b"{}\n", "ledger/a": b"a" * 1000, "ledger/b": b"", "z": bytes(range(256))}
SMALL = Bounds(members=4, folders=0, total_bytes=2000, name_bytes=20, depth=1)


def laid_out(folder: Path, files: dict[str, bytes]) -> Path:
    """The files in a new folder."""
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def packed(folder: Path, files: dict[str, bytes], name: str = "b.tar.gz") -> Path:
    """A bundle of the files, beside their folder."""
    laid_out(folder / name / "files", files)
    return bundle.pack(folder / name / "files", tuple(files), folder / f"{name}.bundle").path


def test_the_same_files_are_the_same_bundle_whatever_their_times_and_modes(tmp_path: Path) -> None:
    """Deterministic: order, owner, mode and time are fixed."""
    one = packed(tmp_path / "one", FILES)
    other = packed(tmp_path / "other", dict(reversed(FILES.items())))
    for path in (tmp_path / "other").rglob("*"):
        path.chmod(0o700)
    assert one.read_bytes() == other.read_bytes()


def test_what_was_packed_is_what_is_unpacked(tmp_path: Path) -> None:
    """Names in order, every byte."""
    made = packed(tmp_path, FILES)
    assert bundle.unpack(made, tmp_path / "back") == tuple(sorted(FILES))
    assert {name: (tmp_path / "back" / name).read_bytes() for name in FILES} == FILES


def test_other_programs_read_it(tmp_path: Path) -> None:
    """`gunzip` and `tar` do, and find the sizes that `pack` says."""
    laid_out(tmp_path / "files", FILES)
    made = bundle.pack(tmp_path / "files", tuple(FILES), tmp_path / "b")
    plain = gzip.decompress(made.path.read_bytes())
    assert len(plain) == made.tar_bytes and made.file_bytes == made.path.stat().st_size
    with tarfile.open(made.path) as tar:
        assert tar.getnames() == sorted(FILES)
    listed = subprocess.run(["tar", "tzf", made.path], capture_output=True, text=True, check=True)
    assert listed.stdout.split() == sorted(FILES)


@settings(max_examples=40)
@given(
    st.dictionaries(
        st.text(st.characters(categories=("L", "N")), min_size=1, max_size=60),
        st.binary(max_size=2000),
        max_size=6,
    )
)
def test_any_names_and_contents_come_back(tmp_path_factory: pytest.TempPathFactory, files) -> None:
    """Long names, letters of any script, empty files, none at all."""
    folder = tmp_path_factory.mktemp("any")
    tar = folder / "t.tar"
    with tar.open("wb") as target:
        bundle.pack_folder(laid_out(folder / "files", files), tuple(files), target)
    bounds = Bounds(members=6, folders=0, total_bytes=20_000, name_bytes=300, depth=1)
    assert bundle.unpack_tar(tar, folder / "back", bounds) == tuple(sorted(files, key=str.encode))
    assert {name: (folder / "back" / name).read_bytes() for name in files} == files


def test_every_flipped_bit_of_a_bundle_is_refused(tmp_path: Path) -> None:
    """No bit of the wrapping is free, gzip's own padding and header bits neither."""
    made = packed(tmp_path, {"bundle.json": b"{}"})
    content = made.read_bytes()
    for at in range(len(content)):
        for bit in range(8):
            other = content[:at] + bytes([content[at] ^ 1 << bit]) + content[at + 1 :]
            made.write_bytes(other)
            with pytest.raises((BundleDamaged, BundleCut)):
                bundle.unpack(made, tmp_path / f"{at}-{bit}")
            assert not (tmp_path / f"{at}-{bit}").exists(), "nothing is unpacked of it"


def test_every_cut_is_told_from_damage(tmp_path: Path) -> None:
    """A download that ended early says nothing of a verdict: fetch it again."""
    made = packed(tmp_path, FILES)
    content = made.read_bytes()
    for size in range(len(content)):
        made.write_bytes(content[:size])
        with pytest.raises(BundleCut, match="is no bundle" if size < 16 else "ends early"):
            bundle.unpack(made, tmp_path / "never")


def test_something_else_is_no_bundle(tmp_path: Path) -> None:
    """A page of a server's, a plain gzip, a tar."""
    for content in (
        b"<html>not found</html>",
        gzip.compress(b"x" * 99),
        b"bundle.json" + bytes(999),
    ):
        (tmp_path / "b").write_bytes(content)
        with pytest.raises(BundleCut, match="is no bundle"):
            bundle.unpack(tmp_path / "b", tmp_path / "never")


def test_what_deflates_too_well_is_packed_as_it_is(tmp_path: Path) -> None:
    """So that a reader may refuse every small file that would become a large one."""
    made = packed(tmp_path, {"zeros": bytes(SPARE_BYTES * 3)})
    assert made.stat().st_size > SPARE_BYTES * 3
    assert bundle.unpack(made, tmp_path / "back") == ("zeros",)
    with (tmp_path / "dense").open("wb") as file:
        sealing = Sealing(file)
        tar = gzip.decompress(made.read_bytes())
        sealing.write(tar)
        sealing.finish()
    with pytest.raises(BundleDamaged, match="goes beyond"):
        bundle.unpack(tmp_path / "dense", tmp_path / "never")


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({f"n{n}": b"" for n in range(5)}, "more than 4 members"),
        ({"a": bytes(1500), "b": bytes(1500)}, "goes beyond 2,000 bytes"),
        ({"n" * 21: b""}, "too long or too deep"),
        ({"n" * 200: b""}, "a name of"),
        ({"a/b/c": b""}, "too long or too deep"),
    ],
)
def test_what_goes_beyond_the_bounds_is_refused(
    tmp_path: Path, files: dict[str, bytes], said: str
) -> None:
    """Members, bytes, names, depth: each has its own bound."""
    with pytest.raises(BundleDamaged, match=said):
        bundle.unpack(packed(tmp_path, files), tmp_path / "never", SMALL)


def test_a_tar_that_ends_early_inside_its_wrapping_was_made_so(tmp_path: Path) -> None:
    """The wrapping is whole: no download did that."""
    tar = gzip.decompress(packed(tmp_path, FILES).read_bytes())
    for size in (0, 100, 512, 1000, len(tar) - 512):
        with (tmp_path / "short").open("wb") as file:
            sealing = Sealing(file)
            sealing.write(tar[:size])
            sealing.finish()
        with pytest.raises(BundleDamaged, match=r"ends early|does not end"):
            bundle.unpack(tmp_path / "short", tmp_path / f"never-{size}")


def test_a_place_that_cannot_be_written_is_a_fault_of_the_machine(tmp_path: Path) -> None:
    """And nothing is left there."""
    laid_out(tmp_path / "files", FILES)
    (tmp_path / "file").write_text("a file")
    with pytest.raises(StorageFault, match="cannot be written"):
        bundle.pack(tmp_path / "files", tuple(FILES), tmp_path / "file" / "b")
    (tmp_path / "folder").mkdir()
    with pytest.raises(StorageFault, match="cannot be written"):
        bundle.pack(tmp_path / "files", tuple(FILES), tmp_path / "folder")
    assert not list(tmp_path.glob(".*"))
