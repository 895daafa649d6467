"""Held-out text in what a box could read is found wherever it hides, and nothing else is."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.heldout.conftest import prose
from verifier.errors import RequestError
from verifier.heldout import archives, canaries, windows
from verifier.heldout.archives import Bounds, Reader
from verifier.heldout.windows import Index
from verifier.policy import SecrecyRule

RULE = SecrecyRule(window_bytes=48, distinct_bytes=12, share_at_most=0.1)
DOCUMENTS = [prose(seed, 500).encode() for seed in range(3)]
INDEX = Index(DOCUMENTS, [], RULE)


def look(folder: Path, bounds: Bounds | None = None, index: Index = INDEX) -> windows.Scan:
    return windows.look(index, [folder], Reader(bounds=bounds or Bounds()))


def zipped(content: bytes, name: str = "inner.txt") -> bytes:
    with io.BytesIO() as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(name, content)
        return file.getvalue()


def tarred(content: bytes) -> bytes:
    with io.BytesIO() as file:
        with tarfile.open(fileobj=file, mode="w:gz") as tar:
            member = tarfile.TarInfo("inner")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
        return file.getvalue()


@pytest.mark.parametrize(
    "hide",
    [
        bytes,
        lambda text: b"\x00" * 999_983 + text,
        lambda text: text.replace(b" ", "▁".encode()),
        lambda text: b"x" * (archives.BLOCK_BYTES - 1) + text.replace(b" ", "▁".encode()),
        lambda text: b"\x7fELF" + text + os.urandom(70_000),
        gzip.compress,
        lzma.compress,
        bz2.compress,
        zipped,
        tarred,
        lambda text: zipped(tarred(lzma.compress(text))),
    ],
    ids=[
        "plain",
        "offset",
        "marks",
        "border",
        "binary",
        "gz",
        "xz",
        "bz2",
        "zip",
        "tar.gz",
        "nested",
    ],
)
def test_a_document_is_found_whole(tmp_path: Path, hide: Callable[[bytes], bytes]) -> None:
    """At any offset, across blocks, with U+2581 for spaces, in archives within archives."""
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "file.dat").write_bytes(hide(DOCUMENTS[1]))
    (tmp_path / "innocent.txt").write_text(prose(99, 3000))
    found = look(tmp_path)
    assert (found.worst_document, found.worst_share) == (1, 1.0)
    assert found.worst_file.startswith("deep/file.dat")
    assert found.unread == ()
    record = found.record(seed=3, scanned="artifact")
    assert (record.seed, record.scanned, record.worst_share) == (3, "artifact", 1.0)


def test_honest_files_hold_no_window(tmp_path: Path) -> None:
    """Prose of the same words is not the same text."""
    (tmp_path / "a.txt").write_text(prose(7, 9000))
    (tmp_path / "b.bin").write_bytes(b"\0" * 100_000 + b"=" * 5000 + b" " * 5000)
    found = look(tmp_path)
    assert (found.worst_share, found.worst_document, found.worst_file) == (0.0, None, "")
    assert found.shares == (0.0, 0.0, 0.0)


@given(st.integers(0, 3000), st.integers(0, 200), st.integers(0, 70))
def test_exactly_the_windows_that_are_there_are_counted(at: int, size: int, shift: int) -> None:
    """No window is missed for its alignment, none is found that is not there."""
    piece = DOCUMENTS[0][at : at + size]
    block = np.frombuffer(b"\x00" * shift + piece + b"\x00" * 60, np.uint8)
    got = INDEX.find(block)
    wanted = {
        piece[start : start + 48]
        for start in range(max(0, len(piece) - 47))
        if len(set(piece[start : start + 48])) >= 12
    }
    text = INDEX.text.tobytes()
    assert {text[p : p + 48] for p in INDEX.places[got].tolist()} == wanted


@given(st.lists(st.binary(max_size=9), max_size=9), st.integers(1, 5))
def test_blocks_join_to_the_text_with_spaces_for_marks(parts: list[bytes], overlap: int) -> None:
    """A mark cut in two by a block border is still a space."""
    text = "a▁b▁▁c".encode().join(parts)
    blocks = [text[at : at + 2] for at in range(0, len(text), 2)]
    joined = b""
    for block in windows.plain(blocks, overlap):
        kept = min(overlap, len(joined))
        assert block[:kept].tobytes() == joined[len(joined) - kept :]
        joined += block[kept:].tobytes()
    assert joined == text.replace("▁".encode(), b" ")


def test_text_cut_into_many_files_is_still_found(tmp_path: Path) -> None:
    """Shares are taken over all files together."""
    text = DOCUMENTS[2]
    for number in range(0, len(text), 200):
        (tmp_path / f"{number:05}").write_bytes(text[number : number + 247])
    assert look(tmp_path).worst_share == 1.0


def test_text_hidden_in_names_and_link_targets_is_found(tmp_path: Path) -> None:
    """Names carry bytes too; links are read as names and never followed."""
    text = DOCUMENTS[0].replace(b"/", b" ").replace(b"\n", b" ")
    index = Index([text], [], RULE)
    for at in range(0, len(text) // 2, 150):
        (tmp_path / os.fsdecode(text[at : at + 197])).touch()
    assert look(tmp_path, index=index).worst_share > 0.4
    os.symlink(text[-3000:], os.fsencode(tmp_path / "link"))
    assert look(tmp_path, index=index).worst_share > 0.5
    assert look(tmp_path, index=index).unread == ()


def test_links_are_not_followed(tmp_path: Path) -> None:
    """What a link of the box points at on the host is not in the box."""
    (tmp_path / "outside").write_bytes(DOCUMENTS[0])
    (tmp_path / "box").mkdir()
    (tmp_path / "box" / "file").symlink_to(tmp_path / "outside")
    (tmp_path / "box" / "folder").symlink_to(tmp_path)
    os.mkfifo(tmp_path / "box" / "pipe")
    assert look(tmp_path / "box").worst_share == 0.0


def test_windows_of_the_training_side_do_not_count(tmp_path: Path) -> None:
    """Text that training may see proves nothing."""
    index = Index(DOCUMENTS, [b"..." + DOCUMENTS[0][:1000] + b"..."], RULE)
    assert len(index.owners) == len(INDEX.owners) - 953
    (tmp_path / "seen").write_bytes(DOCUMENTS[0][:1000])
    assert look(tmp_path, index=index).worst_share == 0.0


def test_an_archive_past_its_bounds_is_reported_unread(tmp_path: Path) -> None:
    """A bomb is neither unpacked nor called clean; what came out before counts."""
    (tmp_path / "bomb.gz").write_bytes(gzip.compress(DOCUMENTS[0] + b"\0" * 30_000_000))
    found = look(tmp_path, Bounds(unpacked_bytes=1_000_000))
    assert found.unread == ("bomb.gz: unpacks to more than 1000000 bytes",)
    nest = DOCUMENTS[0]
    for _ in range(6):
        nest = gzip.compress(nest)
    (tmp_path / "bomb.gz").write_bytes(nest)
    assert look(tmp_path).unread == ("bomb.gz: archives lie more than 4 deep",)
    (tmp_path / "bomb.gz").write_bytes(zipped(b"a") * 1)
    assert "members" in look(tmp_path, Bounds(members=0)).unread[0]


@pytest.mark.parametrize("make", [gzip.compress, lzma.compress, bz2.compress, zipped, tarred])
def test_a_damaged_archive_neither_stops_the_scan_nor_hides_a_file(tmp_path: Path, make) -> None:
    """Hostile bytes are data: the files after it are read."""
    whole = make(DOCUMENTS[0])
    (tmp_path / "a").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "b").write_bytes(whole[:20] + b"\xff" * 40 + whole[60:])
    (tmp_path / "c").write_bytes(DOCUMENTS[1])
    found = look(tmp_path)
    assert found.shares[1] == 1.0


def test_a_damaged_member_does_not_hide_its_neighbours(tmp_path: Path) -> None:
    """Whoever opens the archive in the box can skip the bad one, so we must too."""
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("first", prose(80))
        archive.writestr("second", DOCUMENTS[0])
    raw = bytearray((tmp_path / "a.zip").read_bytes())
    raw[60:100] = b"\xff" * 40
    (tmp_path / "a.zip").write_bytes(raw)
    assert look(tmp_path).shares[0] == 1.0
    raw[30:35] = b"other"  # the local name no longer is the directory's
    (tmp_path / "a.zip").write_bytes(raw)
    assert look(tmp_path).shares[0] == 1.0


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None
)
@given(
    st.sampled_from([gzip.compress, lzma.compress, bz2.compress, zipped, tarred]),
    st.integers(0, 1),
    st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), min_size=1, max_size=8),
)
def test_no_damage_whatever_ends_a_scan(tmp_path: Path, make, outer: int, flips) -> None:
    """Hostile archives never become an exception of ours."""
    raw = bytearray(make(prose(81, 60).encode()))
    for at, value in flips:
        raw[at % len(raw)] = value
    (tmp_path / "a").write_bytes(zipped(bytes(raw)) if outer else bytes(raw))
    (tmp_path / "b").write_bytes(DOCUMENTS[1])
    assert look(tmp_path).shares[1] == 1.0


def test_windows_too_short_to_look_for_are_refused() -> None:
    """Never a scan that misses some in silence."""
    with pytest.raises(RequestError, match="at least 23"):
        Index(DOCUMENTS, [], RULE.model_copy(update={"window_bytes": 22}))


@pytest.mark.parametrize("width", [23, 31, 40, 47, 64])
def test_other_window_sizes_are_found_as_well(tmp_path: Path, width: int) -> None:
    """The rule is the policy's."""
    index = Index(DOCUMENTS, [], RULE.model_copy(update={"window_bytes": width}))
    (tmp_path / "a").write_bytes(b"?" * 13 + DOCUMENTS[1])
    assert look(tmp_path, index=index).worst_share == 1.0


def test_a_planted_canary_is_found_across_blocks_and_in_archives(tmp_path: Path) -> None:
    """PROTOCOL §7: 32 random bytes, found in no file, or it is said in which."""
    first, second, third = (canaries.plant() for _ in range(3))
    (tmp_path / "a").write_bytes(b"x" * (archives.BLOCK_BYTES - 16) + first + b"y" * 99)
    (tmp_path / "b.whl").write_bytes(zipped(second))
    met = canaries.find_bytes([tmp_path], [first, second, third])
    assert set(met) >= {(0, "a"), (1, "b.whl!inner.txt")}
    assert not any(number == 2 for number, _ in met)
    with pytest.raises(ValueError, match="every file"):
        canaries.find_bytes([tmp_path], [b""])
