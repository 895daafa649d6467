"""The canonical tar: the same files are the same bytes, and only its own bytes are unpacked."""

from __future__ import annotations

import hashlib
import os
import stat
import tarfile
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.image.made import EPOCH, Heard, Member, file, folder_member, member, tar
from verifier.errors import ImageFault, StorageFault
from verifier.image import canonical
from verifier.image.entries import Entry, File, Folder, Link, of_tar, together
from verifier.records import Root
from verifier.watch import Unwatched

LONG = "long/" + "n" * 150
ENTRIES: tuple[Entry, ...] = (
    Folder("usr", 0o755),
    Folder("usr/bin", 0o755),
    file("usr/bin/python3", b"an interpreter", mode=0o755),
    file("usr/bin-x", b"sorts between a folder and what lies in it"),
    Link("usr/link", "bin/python3"),
    Folder("tmp", 0o1777),
    file("name-é", b"", mode=0o600),
    Folder("long", 0o755),
    file(LONG, b"under a name longer than a header has room for"),
    Link("far", "t" * 120),
)
# Recorded once. If it changes, every image's digest does: count up `build.BUILDER`.
GOLDEN = "a443ff2e4204b9ea9c8d849418b58e9fadfa4abc63b2b6be99827f84cf68b366"


def written(folder: Path, entries: Iterable[Entry], name: str = "root.tar") -> Root:
    """The canonical tar of the entries."""
    path = folder / name
    digest = canonical.write({e.path: e for e in entries}, path, EPOCH, Unwatched())
    return Root(digest=digest, python="/usr/bin/python3", pinned=True, tar=path)


def unpacked(root: Root, place: Path) -> Path:
    canonical.unpack(root, place, Unwatched())
    return place


def pinned(path: Path) -> Root:
    """Any tar, under its own digest."""
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return Root(digest=digest, python="/usr/bin/python3", pinned=True, tar=path)


# ---------------------------------------------------------------- write


def test_the_digest_is_that_of_the_files_bytes(tmp_path: Path) -> None:
    """What `write` returns is what anyone finds who hashes the tar."""
    root = written(tmp_path, ENTRIES)
    assert root.tar is not None
    assert hashlib.sha256(root.tar.read_bytes()).hexdigest() == root.digest


def test_the_digest_never_changes(tmp_path: Path) -> None:
    """On any machine, under any supported Python: the digest of an image is cited in verdicts."""
    assert written(tmp_path, ENTRIES).digest == GOLDEN


@settings(deadline=None, max_examples=25)
@given(entries=st.permutations(ENTRIES))
def test_the_order_of_entries_does_not_matter(
    tmp_path_factory: pytest.TempPathFactory, entries: list[Entry]
) -> None:
    """The same entries in any order are the same bytes."""
    assert written(tmp_path_factory.mktemp("tar"), entries).digest == GOLDEN


def test_the_locale_does_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names are UTF-8 bytes, whatever this machine takes them for."""
    monkeypatch.setattr(os, "fsencode", lambda path: str(path).encode("ascii", "replace")[::-1])
    assert written(tmp_path, ENTRIES).digest == GOLDEN


def composed(folder: Path, *members: Member) -> Root:
    with tarfile.open(tar(folder / "base.tar", *members)) as archive:
        found = together(of_tar(archive))
        return written(folder, found.values())


def test_owners_times_and_set_user_bits_do_not_matter(tmp_path: Path) -> None:
    """Two builds by two users on two days are one image."""
    plain = composed(tmp_path, folder_member("bin"), member("bin/su", b"su", mode=0o755))
    other = composed(
        tmp_path,
        member("./bin/su", b"su", mode=0o4755, uid=33, gid=44, uname="www", mtime=1_000),
        folder_member("./bin", mode=0o2755, uid=1000, gname="staff", mtime=2_000),
    )
    assert plain.digest == other.digest


def test_extended_attributes_do_not_matter(tmp_path: Path) -> None:
    """File capabilities are a set-user bit by another name."""
    content = tmp_path / "attributed.tar"
    capability = {"SCHILY.xattr.security.capability": "\x01\x00\x00\x02"}
    with tarfile.open(content, "w", format=tarfile.PAX_FORMAT) as archive:
        info, _ = member("ping", mode=0o755)
        info.pax_headers = capability
        archive.addfile(info)
    with tarfile.open(content) as archive:
        assert archive.getmember("ping").pax_headers == capability
        attributed = written(tmp_path, together(of_tar(archive)).values())
    assert attributed.digest == written(tmp_path, [file("ping", mode=0o755)]).digest


def test_each_thing_that_a_program_sees_matters(tmp_path: Path) -> None:
    """Name, content, mode, kind and target of a link."""
    variants: list[Entry] = [
        file("a", b"1"),
        file("a", b"2"),
        file("b", b"1"),
        file("a", b"1", mode=0o755),
        Link("a", "1"),
        Link("a", "2"),
        Folder("a", 0o755),
    ]
    assert len({written(tmp_path, [variant]).digest for variant in variants}) == len(variants)


def test_what_the_owner_needs_to_read_is_readable(tmp_path: Path) -> None:
    """Boxes run as nobody; whoever unpacks must be able to read and delete all of it."""
    root = written(tmp_path, [Folder("shut", 0), file("shut/locked", b"x", mode=0)])
    assert root.tar is not None
    with tarfile.open(root.tar) as archive:
        assert {m.name: m.mode for m in archive} == {"shut": 0o700, "shut/locked": 0o400}


def test_the_time_is_the_recipes(tmp_path: Path) -> None:
    """One for all, and nobody's name."""
    root = written(tmp_path, ENTRIES)
    assert root.tar is not None
    with tarfile.open(root.tar) as archive:
        seen = {(m.mtime, m.uid, m.gid, m.uname, m.gname) for m in archive}
    assert seen == {(EPOCH, 0, 0, "", "")}


def test_progress_ends_at_its_total(tmp_path: Path) -> None:
    """Whoever watches sees how much is left: of the files' bytes."""
    watch = Heard()
    canonical.write({e.path: e for e in ENTRIES}, tmp_path / "root.tar", EPOCH, watch)
    assert watch.done == watch.total == sum(e.size for e in ENTRIES if isinstance(e, File))


def test_a_tar_that_cannot_be_written_is_a_fault_of_the_machine(tmp_path: Path) -> None:
    """Not of the image."""
    with pytest.raises(StorageFault, match=r"absent/root\.tar: cannot be written"):
        written(tmp_path / "absent", ENTRIES)


def test_a_file_that_lacks_bytes_is_no_image(tmp_path: Path) -> None:
    """A source that ends early fails the build."""
    short = File("a", 0o644, 5, file("a", b"1234").open, "a test")
    with pytest.raises(StorageFault):
        written(tmp_path, [short])


# ---------------------------------------------------------------- prune


def paths(*names: str) -> dict[str, Entry]:
    return together(iter([file(name) for name in names]))


def test_a_pruned_folder_takes_all_below_it() -> None:
    """`*` matches `/` too; siblings whose names begin alike stay."""
    entries = paths("a/__pycache__/x/y.pyc", "a/__pycache__x", "a/b/__pycache__/z.pyc", "a/b/c.py")
    assert set(canonical.pruned(entries, ["*/__pycache__"])) == {
        "a",
        "a/__pycache__x",
        "a/b",
        "a/b/c.py",
    }


def test_what_matches_no_pattern_stays_as_it_was() -> None:
    """A pattern is the whole path."""
    entries = paths("lib/x.a", "lib/x.ab", "x.a/y")
    assert set(canonical.pruned(entries, ["*.a"])) == {"lib", "lib/x.ab"}
    assert canonical.pruned(entries, []) == entries


def test_a_pattern_that_matches_nothing_is_refused() -> None:
    """It was meant to leave something out."""
    with pytest.raises(ImageFault, match=r"nothing to prune matches 'usr/share/doc/\*'"):
        canonical.pruned(paths("usr/share/man/x"), ["usr/share/doc/*"])


# ---------------------------------------------------------------- unpack


def test_what_is_unpacked_is_what_was_written(tmp_path: Path) -> None:
    """Content, modes, links and times, under any umask; owned by whoever unpacks."""
    before = os.umask(0o077)
    try:
        place = unpacked(written(tmp_path, ENTRIES), tmp_path / "folder")
    finally:
        os.umask(before)
    assert (place / "usr/bin/python3").read_bytes() == b"an interpreter"
    assert (place / "usr/link").readlink() == Path("bin/python3")
    found = {str(path.relative_to(place)): path.lstat() for path in place.rglob("*")}
    assert set(found) == {entry.path for entry in ENTRIES}
    assert {s.st_mtime for s in found.values()} == {EPOCH}
    assert {s.st_uid for s in found.values()} == {os.geteuid()}
    modes = {path: stat.S_IMODE(s.st_mode) for path, s in found.items()}
    assert (modes["usr/bin/python3"], modes["tmp"], modes["name-é"]) == (0o755, 0o1777, 0o600)
    assert stat.S_IMODE(place.stat().st_mode) == 0o755


def test_another_tar_than_the_pinned_one_is_never_unpacked(tmp_path: Path) -> None:
    """One changed byte; nothing is left behind."""
    root = written(tmp_path, ENTRIES)
    assert root.tar is not None
    content = bytearray(root.tar.read_bytes())
    content[-1] ^= 1
    root.tar.write_bytes(content)
    with pytest.raises(ImageFault, match=rf"its sha256 is [0-9a-f]{{64}}, not {root.digest}"):
        unpacked(root, tmp_path / "folder")
    assert [path.name for path in tmp_path.iterdir()] == ["root.tar"]


def test_a_root_without_a_tar_is_not_unpacked(tmp_path: Path) -> None:
    """The interpreter at hand has none."""
    with pytest.raises(ImageFault, match="has no tar"):
        unpacked(Root(digest="host", python="python", pinned=False), tmp_path / "folder")


def test_a_tar_that_is_gone_is_a_fault_of_the_machine(tmp_path: Path) -> None:
    """Naming where it should be unpacked."""
    root = written(tmp_path, ENTRIES)
    assert root.tar is not None
    root.tar.unlink()
    with pytest.raises(StorageFault, match="folder: cannot be unpacked"):
        unpacked(root, tmp_path / "folder")


NOWHERE, TWICE, ODD = "lies in no folder", "is there twice", "is no file, folder or link"


@pytest.mark.parametrize(
    ("members", "why"),
    [
        ([member("/absolute", b"x")], NOWHERE),
        ([member("../outside", b"x")], NOWHERE),
        ([folder_member("a"), member("a/../../outside", b"x")], NOWHERE),
        ([member("absent/x", b"x")], NOWHERE),
        ([member("l", type=tarfile.SYMTYPE, linkname="/tmp"), member("l/x", b"x")], NOWHERE),
        ([folder_member("a"), member("a//x", b"x")], NOWHERE),
        ([folder_member("..")], NOWHERE),
        ([member(".", b"x")], NOWHERE),
        ([member("./x", b"x")], NOWHERE),
        ([member("x", b"1"), member("x", b"2")], TWICE),
        ([folder_member("x"), folder_member("x")], TWICE),
        ([member("x", type=tarfile.SYMTYPE, linkname="/tmp/y"), member("x", b"2")], TWICE),
        ([member("pipe", type=tarfile.FIFOTYPE)], ODD),
        ([member("disk", type=tarfile.BLKTYPE)], ODD),
        ([member("x", b"1"), member("y", type=tarfile.LNKTYPE, linkname="x")], ODD),
    ],
)
def test_a_tar_that_is_not_canonical_is_refused_though_its_digest_is_right(
    tmp_path: Path, members: list[Member], why: str
) -> None:
    """Out of its place, through a link, twice, or no file, folder or link: nothing is left."""
    inner = tmp_path / "inner"
    inner.mkdir()
    with pytest.raises(ImageFault, match=why):
        unpacked(pinned(tar(inner / "root.tar", *members)), inner / "folder")
    assert [str(p.relative_to(tmp_path)) for p in sorted(tmp_path.rglob("*"))] == [
        "inner",
        "inner/root.tar",
    ]


def test_set_user_bits_of_any_tar_are_dropped(tmp_path: Path) -> None:
    """Unpacked as root they would be root's."""
    path = tar(
        tmp_path / "root.tar",
        folder_member("bin", mode=0o6755),
        member("bin/su", b"", mode=0o6755),
    )
    place = unpacked(pinned(path), tmp_path / "folder")
    assert stat.S_IMODE((place / "bin").stat().st_mode) == 0o755
    assert stat.S_IMODE((place / "bin/su").stat().st_mode) == 0o755


def test_a_tar_cut_short_is_refused_though_its_digest_is_right(tmp_path: Path) -> None:
    """Half an image is none."""
    root = written(tmp_path, [file("a", b"x" * 5000)])
    assert root.tar is not None
    root.tar.write_bytes(root.tar.read_bytes()[:2000])
    with pytest.raises(ImageFault, match="is no tar"):
        unpacked(pinned(root.tar), tmp_path / "folder")
    assert not (tmp_path / "folder").exists()


def test_a_place_that_cannot_be_written_is_a_fault_of_the_machine(tmp_path: Path) -> None:
    """What lies there already stays."""
    root = written(tmp_path, ENTRIES)
    (tmp_path / "folder" / "mine").mkdir(parents=True)
    with pytest.raises(StorageFault, match="cannot be unpacked"):
        unpacked(root, tmp_path / "folder")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "root.tar"]
    assert (tmp_path / "folder" / "mine").is_dir()
