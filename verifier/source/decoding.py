"""What do packed bytes unpack to? The allow-listed decoders, each bounded.

A decoder here does what Python's own does for the same arguments and stops where a script has no
business to be: no source text is larger than OUTPUT_BYTES, none expands a thousandfold.
"""

from __future__ import annotations

import base64
import binascii
import bz2
import codecs
import lzma
import zlib
from collections.abc import Callable
from typing import Any

import brotli

OUTPUT_BYTES = 4_000_000
RATIO = 200
"""Source text packs tenfold at best; what is small may be anything."""
SMALL_BYTES = 256_000
_MEMORY_BYTES = 128_000_000
_FILTERS = frozenset({lzma.FILTER_LZMA1, lzma.FILTER_LZMA2, lzma.FILTER_DELTA, lzma.FILTER_X86})
_ENCODINGS = frozenset({"utf-8", "utf8", "ascii", "latin-1", "latin1", "iso-8859-1"})
_WRONG = (
    lzma.LZMAError,
    zlib.error,
    brotli.error,
    binascii.Error,
    OSError,
    EOFError,
    ValueError,
    TypeError,
    LookupError,
    MemoryError,
    OverflowError,
)


class Refused(Exception):
    """A decoder would not, or could not; the message says why. Never leaves the room.

    `made` is how many bytes it had unpacked by then.
    """

    def __init__(self, why: str, made: int = 0) -> None:
        super().__init__(why)
        self.made = made


class UnpackedBytes(bytes):
    """Bytes that a decoder made. `layer` names the decoders, outermost last: "lzma+base85"."""

    layer: str = ""


class UnpackedText(str):
    """The same, as text."""

    layer: str = ""


def with_layer(value: object, layer: str) -> object:
    """Text or bytes marked as made by the decoders `layer`; anything else as it is."""
    match value:
        case bytes():
            made = UnpackedBytes(value)
            made.layer = layer
            return made
        case str():
            text = UnpackedText(value)
            text.layer = layer
            return text
        case _:
            return value


def layer_of(value: object) -> str:
    """Which decoders made `value`, "" for none."""
    return value.layer if isinstance(value, UnpackedBytes | UnpackedText) else ""


def _bounded(name: str, packed: bytes, plain: bytes, *, ended: bool = True) -> bytes:
    made = len(plain)
    if made > OUTPUT_BYTES:
        raise Refused(f"{name} unpacks to more than {OUTPUT_BYTES} bytes", made)
    if made > max(SMALL_BYTES, RATIO * len(packed)):
        raise Refused(f"{name} unpacks to more than {RATIO} times its size", made)
    if not ended:
        raise Refused(f"{name} ends before its data does", made)
    return plain


def _most(packed: bytes) -> int:
    """One byte more than `packed` may unpack to."""
    return min(OUTPUT_BYTES, max(SMALL_BYTES, RATIO * len(packed))) + 1


def _lzma(
    data: bytes,
    format: int = lzma.FORMAT_AUTO,
    memlimit: int | None = None,
    filters: list[dict[str, int]] | None = None,
) -> bytes:
    for each in filters or ():
        if each.get("id") not in _FILTERS or each.get("dict_size", 0) > _MEMORY_BYTES:
            raise Refused("lzma asks for a filter that is not read")
    raw = format == lzma.FORMAT_RAW
    decoder = lzma.LZMADecompressor(
        format=format, memlimit=None if raw else _MEMORY_BYTES, filters=filters
    )
    plain = decoder.decompress(data, _most(data))
    return _bounded("lzma", data, plain, ended=decoder.eof or raw)


def _zlib(data: bytes, wbits: int = zlib.MAX_WBITS, bufsize: int = 0) -> bytes:
    decoder = zlib.decompressobj(wbits)
    plain = decoder.decompress(data, _most(data))
    return _bounded("zlib", data, plain, ended=decoder.eof)


def _gzip(data: bytes) -> bytes:
    return _zlib(data, 16 + zlib.MAX_WBITS)


def _bz2(data: bytes) -> bytes:
    decoder = bz2.BZ2Decompressor()
    plain = decoder.decompress(data, _most(data))
    return _bounded("bz2", data, plain, ended=decoder.eof)


def _brotli(data: bytes) -> bytes:
    decoder = brotli.Decompressor()
    plain = decoder.process(data, output_buffer_limit=_most(data))
    return _bounded("brotli", data, plain, ended=decoder.is_finished())


def _decode(data: bytes | str, encoding: str = "utf-8", errors: str = "strict") -> bytes | str:
    name = encoding.lower().replace("_", "-").removesuffix("-codec")
    text = {"rot13": codecs.decode, "rot-13": codecs.decode}.get(name)
    if text is not None and isinstance(data, str):
        return text(data, "rot13")
    if not isinstance(data, bytes):
        raise Refused(f"codec {encoding[:40]!r} is not read")
    match name:
        case "base64":
            return base64.decodebytes(data)
        case "hex":
            return bytes.fromhex(data.decode("ascii"))
        case "zlib" | "zip":
            return _zlib(data)
        case "bz2":
            return _bz2(data)
        case _ if name in _ENCODINGS and errors in ("strict", "ignore", "replace"):
            return data.decode(name, errors)
    raise Refused(f"codec {encoding[:40]!r} is not read")


def _refuse(why: str) -> Callable[..., bytes]:
    def refused(*_: object, **__: object) -> bytes:
        raise Refused(why)

    return refused


_NAMED: dict[str, tuple[str, Callable[..., Any]]] = {
    "lzma.decompress": ("lzma", _lzma),
    "zlib.decompress": ("zlib", _zlib),
    "gzip.decompress": ("gzip", _gzip),
    "bz2.decompress": ("bz2", _bz2),
    "brotli.decompress": ("brotli", _brotli),
    "base64.b64decode": ("base64", base64.b64decode),
    "base64.standard_b64decode": ("base64", base64.standard_b64decode),
    "base64.urlsafe_b64decode": ("base64", base64.urlsafe_b64decode),
    "base64.decodebytes": ("base64", base64.decodebytes),
    "base64.b32decode": ("base32", base64.b32decode),
    "base64.b32hexdecode": ("base32", base64.b32hexdecode),
    "base64.b16decode": ("base16", base64.b16decode),
    "base64.b85decode": ("base85", base64.b85decode),
    "base64.a85decode": ("ascii85", base64.a85decode),
    "binascii.a2b_base64": ("base64", binascii.a2b_base64),
    "binascii.unhexlify": ("hex", binascii.unhexlify),
    "binascii.a2b_hex": ("hex", binascii.a2b_hex),
    "bytes.fromhex": ("hex", bytes.fromhex),
    "codecs.decode": ("codecs", _decode),
    "zstandard.decompress": ("zstd", _refuse("zstd is not read")),
    "marshal.loads": ("marshal", _refuse("it is compiled code (marshal), not a text")),
    "pickle.loads": ("pickle", _refuse("it is a pickle, not a text")),
}


def _decoder(name: str, decode: Callable[..., Any]) -> Callable[..., object]:
    def bounded(*arguments: Any, **keywords: Any) -> object:
        try:
            plain = decode(*arguments, **keywords)
        except _WRONG as wrong:
            raise Refused(f"{name}: {str(wrong)[:100]}") from None
        inner = layer_of(arguments[0]) if arguments else ""
        if len(plain) > OUTPUT_BYTES:
            raise Refused(f"{name} unpacks to more than {OUTPUT_BYTES} bytes")
        return with_layer(plain, f"{name}+{inner}" if inner else name)

    return bounded


DECODERS: dict[str, Callable[..., object]] = {
    dotted: _decoder(name, decode) for dotted, (name, decode) in _NAMED.items()
}
"""Dotted name of the function as a script calls it → what we do instead; raises Refused."""

CONSTANTS: dict[str, object] = {
    **{f"lzma.{name}": getattr(lzma, name) for name in dir(lzma) if name.isupper()},
    **{f"zlib.{name}": getattr(zlib, name) for name in dir(zlib) if name.isupper()},
}
"""Dotted name of a module's constant → its value."""
