"""Archives that only a stranger would make, in the wrapping that a bundle has."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.attacks.forging import sealed
from verifier.bundle.tarball import BUNDLE, Member, ending, header, padding

Made = Callable[[Mapping[str, bytes], Path], Path]


def member(name: str, content: bytes = b"", kind: bytes = tarfile.REGTYPE, **more: object) -> bytes:
    """One member as `tarfile` writes it in GNU's format."""
    info = tarfile.TarInfo(name)
    info.type, info.size, info.mode = kind, len(content), 0o644
    for key, value in more.items():
        setattr(info, key, value)
    head = info.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape")
    return head + content + padding(len(content))


def plain(files: Mapping[str, bytes], more: bytes = b"", first: bytes = b"") -> bytes:
    """A canonical tar of `files`, other blocks before or after them."""
    body = first
    for name in sorted(files, key=str.encode):
        content = files[name]
        body += header(Member(name, False, len(content))) + content + padding(len(content))
    body += more
    return body + ending(len(body))


def _with(more: bytes = b"", first: bytes = b"") -> Made:
    return lambda files, path: sealed(path, plain(files, more, first))


def _claims(size: int) -> Made:
    """A member that is said to be so long; its content is not there."""
    return _with(more=header(Member("zeros", False, size)))


def _zeros(files: Mapping[str, bytes], path: Path) -> Path:
    """64 MiB of nothing in a small file."""
    size = 64 << 20
    return sealed(path, plain({**files, "zeros": bytes(size)}))


def _many(files: Mapping[str, bytes], path: Path) -> Path:
    more = b"".join(header(Member(f"n/{n}", False, 0)) for n in range(BUNDLE.members + 1))
    return sealed(path, plain(files, more))


def _pax(files: Mapping[str, bytes], path: Path) -> Path:
    """The same files under a header that gives them another name or size."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, content in sorted(files.items()):
            info = tarfile.TarInfo(name)
            info.size, info.pax_headers = len(content), {"path": f"../{name}", "comment": "x"}
            tar.addfile(info, io.BytesIO(content))
    return sealed(path, buffer.getvalue())


def _later(files: Mapping[str, bytes], path: Path) -> Path:
    """Other owners and times: a canal for whoever packs."""
    return sealed(path, plain(files, member("z", b"z", mtime=7, uid=1000)))


ARCHIVES: Mapping[str, Made] = {
    "a symbolic link": _with(member("link", kind=tarfile.SYMTYPE, linkname="/etc/passwd")),
    "a file through a link": _with(
        first=member("a", kind=tarfile.SYMTYPE, linkname="/tmp") + member("a/b", b"x")
    ),
    "a hard link": _with(member("zlink", kind=tarfile.LNKTYPE, linkname="bundle.json")),
    "a character device": _with(member("zero", kind=tarfile.CHRTYPE, devmajor=1, devminor=5)),
    "a block device": _with(member("disk", kind=tarfile.BLKTYPE, devmajor=8)),
    "a FIFO": _with(member("fifo", kind=tarfile.FIFOTYPE)),
    "a sparse file": _with(member("sparse", b"", kind=tarfile.GNUTYPE_SPARSE)),
    "a sparse file of 8 TiB": _claims(8 << 40),
    "a negative size": _claims(-512),
    "an absolute name": _with(member("/tmp/golf-verifier-escaped", b"x")),
    "a name that goes up": _with(member("../escaped", b"x")),
    "a name that goes up within": _with(member("ledger/../../escaped", b"x")),
    "a name with a dot": _with(member("./zz", b"x")),
    "a name with a control character": _with(member("z\x1b[2J", b"x")),
    "a name that is no UTF-8": _with(member("z\udcff", b"x")),
    "a name of a megabyte": _with(member("n" * (1 << 20), b"x")),
    "a name of twenty folders": _with(member("d/" * 20 + "x", b"x")),
    "the same name twice": _with(member("bundle.json", b"{}")),
    "a file where a folder is": _with(member("ledger", b"x")),
    "a folder of its own": _with(member("zz", kind=tarfile.DIRTYPE, mode=0o755)),
    "other owners and times": _later,
    "extended headers": _pax,
    "64 MiB of zeros": _zeros,
    "more members than any bundle": _many,
    "bytes after its end": lambda files, path: sealed(path, plain(files) + bytes(512)),
    "padding that is none": lambda files, path: sealed(path, _dirty(plain(files))),
}


def _dirty(tar: bytes) -> bytes:
    """A byte in the padding of the first member."""
    size = int(tar[124:135], 8)
    at = 512 + size
    assert size % 512, "the first member fills its blocks"
    return tar[:at] + b"x" + tar[at + 1 :]
