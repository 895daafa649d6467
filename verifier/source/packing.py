"""What does a source file weigh by the accepted convention (R1, PROTOCOL §6)?

The convention counts code as a self-unpacking wrapper of the minified source. For each file we
count the shorter of the file as it is and `wrapped`, a wrapper anybody could ship in the file's
place with the same effect. So the figure is never below what honestly shipping that code costs,
and code that arrives packed is counted as it stands.
"""

from __future__ import annotations

import base64
import hashlib
import lzma

from verifier.source.minifying import MINIFIED_AT_MOST, minified

DICTIONARY = 1 << 20
"""Bytes: no source that is packed is longer, and preparing the preset's 64 MiB takes six times as
long as packing."""
_LZMA2_BEST = {
    "id": lzma.FILTER_LZMA2,
    "preset": 9 | lzma.PRESET_EXTREME,
    "dict_size": DICTIONARY,
}
_STUB = (
    b'import lzma as l,base64 as b;exec(l.decompress(b.b85decode("%s"),3,None,'
    b'[{"id":33,"preset":9}]))'
)
_REMEMBERED = 20_000
_known: dict[bytes, int] = {}


def packed_bytes(source: bytes) -> int:
    """Size in bytes of one code file by the accepted convention. The same source is packed once."""
    if len(source) > MINIFIED_AT_MOST:
        return len(source)
    digest = hashlib.sha256(source).digest()
    size = _known.get(digest)
    if size is None:
        size = min(len(source), len(wrapped(source)))
        if len(_known) < _REMEMBERED:
            _known[digest] = size
    return size


def wrapped(source: bytes) -> bytes:
    """The file that unpacks and runs `source`: a stub, base 85, LZMA2 at its best setting.

    The same for every Python from 3.11 to 3.13 as long as the tokens are; liblzma's encoder has
    been stable at this setting since 5.0.
    """
    packed = lzma.compress(minified(source), format=lzma.FORMAT_RAW, filters=[_LZMA2_BEST])
    return _STUB % base64.b85encode(packed)
