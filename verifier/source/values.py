"""What can folding know, and which functions of Python may it apply to what it knows?

The allow-list: pure methods and functions of built-in types, each with a bound on what it makes.
Nothing else of Python is ever reached from a submission's text.
"""

from __future__ import annotations

import json
import math
import posixpath
import string
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import PurePosixPath
from typing import Any, Final

from verifier.source.decoding import CONSTANTS, layer_of, with_layer

ELEMENTS = 20_000
CHARACTERS = 4_000_000
BITS = 256
_DIGITS = 100
_PATH = 4096
_JSON = 1_000_000
_NESTED = 24
_LAYERED = 1000
FOLDER = "/repository/records/track/submission"
"""Where a submission's files stand while paths are followed. No such folder is ever opened."""


def words(text: str) -> frozenset[str]:
    """The words of a text, as a set of names."""
    return frozenset(text.split())


class Unknown(Enum):
    """What folding says of an expression it has no value for."""

    UNKNOWN = "unknown"


UNKNOWN: Final = Unknown.UNKNOWN


@dataclass(frozen=True, slots=True)
class Imported:
    """A module, or a name out of one, as a script imports it: "lzma", "lzma.decompress"."""

    dotted: str


@dataclass(slots=True)
class Environment:
    """The environment variables of the command. `unknown` are set to what nobody knows."""

    known: dict[str, str] = field(default_factory=dict)
    unknown: frozenset[str] = frozenset()

    def get(self, name: object, default: object = None) -> object:
        """As os.environ.get: a value, the default, or UNKNOWN."""
        if not isinstance(name, str) or name in self.unknown:
            return UNKNOWN
        return self.known.get(name, default)

    def holds(self, name: object) -> bool | Unknown:
        """Whether the variable is set."""
        if not isinstance(name, str):
            return UNKNOWN
        return name in self.known or name in self.unknown

    def set(self, name: object, value: object) -> None:
        """The script sets a variable."""
        if isinstance(name, str):
            self.unknown -= {name}
            self.known.pop(name, None)
            if isinstance(value, str):
                self.known[name] = value
            else:
                self.unknown |= {name}


@dataclass(slots=True, eq=False)
class Members:
    """A class of the script, or its one instance: the values of its attributes."""

    name: str
    values: dict[str, object] = field(default_factory=dict)


PURE_METHODS: Mapping[type, frozenset[str]] = {
    str: words(
        "strip lstrip rstrip lower upper split rsplit splitlines startswith endswith replace "
        "encode join removeprefix removesuffix isdigit count find title partition rpartition"
    ),
    bytes: words("decode strip replace startswith endswith hex join split"),
    dict: words("get keys values items copy"),
    list: words("index count copy"),
    tuple: words("index count"),
    frozenset: words("union intersection difference"),
    PurePosixPath: words("joinpath with_name with_suffix with_stem as_posix relative_to"),
    Environment: words("get"),
}
_SAME_PATH = words("resolve absolute expanduser")
_CODECS = words("utf-8 utf8 utf_8 ascii latin-1 latin1 latin_1 iso-8859-1")
_TEXT_KINDS = (str, int, float, PurePosixPath)


def pure_kind(value: object, method: str) -> type | None:
    """The type whose allow-listed `method` applies to `value`, None where none does."""
    for kind in type(value).__mro__:
        if method in PURE_METHODS.get(kind, ()):
            return kind
    return PurePosixPath if isinstance(value, PurePosixPath) and method in _SAME_PATH else None


def applied(base: Any, method: str, arguments: list[Any], keywords: dict[str, Any]) -> object:
    """The result of an allow-listed method, UNKNOWN beyond bounds. Raises as the method does."""
    if method in _SAME_PATH:
        return base
    match base, method, arguments:
        case ((str() | bytes()), "join", [list() | tuple() as parts]):
            if sum(map(len, parts)) + len(base) * len(parts) > CHARACTERS:
                return UNKNOWN
        case ((str() | bytes()), "replace", [_, (str() | bytes()) as new, *_]):
            if (len(base) + 1) * max(1, len(new)) > CHARACTERS:
                return UNKNOWN
        case ((str() | bytes()), ("encode" | "decode"), _):
            named = [*arguments[:1], *(keywords[key] for key in keywords if key == "encoding")]
            if any(codec not in _CODECS for codec in named):
                return UNKNOWN
    result = getattr(base, method)(*arguments, **keywords)
    if method in ("keys", "values", "items"):
        return list(result)
    layer = layer_of(base)
    if layer and isinstance(result, list) and len(result) <= _LAYERED:
        return [with_layer(part, layer) for part in result]
    return with_layer(result, layer) if layer else result


def _numbers(given: Any) -> list[int | float]:
    """What may be summed: sums of lists grow with their square. Raises TypeError."""
    if any(not isinstance(each, int | float) for each in given):
        raise TypeError("not all are numbers")
    return list(given)


def _few(digits: Any) -> bool:
    """Whether so many digits may be rounded to. Raises ValueError for more."""
    if isinstance(digits, int) and abs(digits) > _DIGITS:
        raise ValueError("more digits than anyone rounds to")
    return digits is not None


_FUNCTIONS: Mapping[str, Callable[..., object]] = {
    "int": int,
    "float": float,
    "bool": bool,
    "len": len,
    "abs": abs,
    "round": lambda given, digits=None: round(given, digits if _few(digits) else None),
    "min": min,
    "max": max,
    "sum": lambda given, start=0: sum(_numbers(given), *_numbers([start])),
    "any": any,
    "all": all,
    "tuple": tuple,
    "list": list,
    "set": frozenset,
    "frozenset": frozenset,
    "sorted": sorted,
    "reversed": lambda given: list(reversed(given)),
    "dict": dict,
    "chr": chr,
    "ord": ord,
    "zip": lambda *given, **_: list(zip(*given, strict=False)),
    "enumerate": lambda given, start=0: list(enumerate(given, start)),
}
BUILTINS = frozenset({*_FUNCTIONS, "str", "bytes", "bytearray", "range"})
PURE_FUNCTIONS: Mapping[str, Callable[..., object]] = {
    "os.path.join": posixpath.join,
    "os.path.dirname": posixpath.dirname,
    "os.path.basename": posixpath.basename,
    "os.path.splitext": posixpath.splitext,
    "os.path.normpath": posixpath.normpath,
    "os.path.abspath": lambda path: posixpath.normpath(posixpath.join(FOLDER, path)),
    "os.path.realpath": lambda path: posixpath.normpath(posixpath.join(FOLDER, path)),
    "os.path.expanduser": lambda path: path,
    "os.fspath": str,
    "os.getcwd": lambda: FOLDER,
    "tempfile.mkdtemp": lambda *_, **__: "/tmp/made",
    "tempfile.gettempdir": lambda: "/tmp",
    "pathlib.Path": PurePosixPath,
    "pathlib.PurePath": PurePosixPath,
    "pathlib.Path.cwd": lambda: PurePosixPath(FOLDER),
    "math.ceil": math.ceil,
    "math.floor": math.floor,
    "math.sqrt": math.sqrt,
    "math.log": math.log,
    "math.log2": math.log2,
    "json.loads": lambda text: json.loads(text) if len(text) <= _JSON else UNKNOWN,
    "ast.literal_eval": lambda text: UNKNOWN,
    "typing.cast": lambda kind, value: value,
}
"""Functions of the standard library that touch nothing but their arguments."""


def called_purely(dotted: str, arguments: list[Any], keywords: dict[str, Any]) -> object:
    """The result of a function of PURE_FUNCTIONS or BUILTINS. Raises as the function does."""
    if dotted in BUILTINS:
        return built(dotted, arguments, keywords)
    return PURE_FUNCTIONS[dotted](*arguments, **keywords)


def built(name: str, arguments: list[Any], keywords: dict[str, Any]) -> object:
    """The result of a built-in of BUILTINS, or UNKNOWN. Raises as the function does."""
    if "key" in keywords or any(isinstance(each, Environment) for each in arguments):
        return UNKNOWN
    match name, arguments:
        case (("int" | "float"), [str() | bytes() as digits, *_]):
            return _FUNCTIONS[name](*arguments) if len(digits) <= _DIGITS else UNKNOWN
        case "range", _:
            made = range(*arguments)
            return made if len(made) <= ELEMENTS else UNKNOWN
        case (("bytes" | "bytearray"), [list() | tuple() | bytes() as content]):
            return bytes(content)
        case "str", [bytes() as content, str() as codec] if codec in _CODECS:
            return with_layer(content.decode(codec), layer_of(content))
        case "str", [value]:
            return str(value) if isinstance(value, _TEXT_KINDS) or value is None else UNKNOWN
        case (("str" | "bytes" | "bytearray"), _):
            return UNKNOWN
        case _:
            return _FUNCTIONS[name](*arguments, **keywords)


def bounded(value: object) -> object:
    """`value`, or UNKNOWN where it is larger than anything a script's constants are."""
    match value:
        case bool():
            return value
        case int():
            return value if value.bit_length() <= BITS else UNKNOWN
        case str() | bytes():
            return value if len(value) <= CHARACTERS else UNKNOWN
        case list() | tuple() | dict() | frozenset():
            return value if len(value) <= ELEMENTS and is_small(value) else UNKNOWN
        case PurePosixPath():
            return value if len(str(value)) <= _PATH else UNKNOWN
        case _:
            return value


def is_small(value: object) -> bool:
    """Whether comparing, hashing or printing a value takes few steps, whatever it shares.

    A list that holds a list twice counts it twice, as those do who walk it.
    """
    if not isinstance(value, list | tuple | dict | frozenset):
        return True
    level: list[object] = [value]
    left = ELEMENTS
    for _ in range(_NESTED):
        inner: list[object] = []
        for each in level:
            if isinstance(each, dict):
                inner.extend(each.values())
                inner.extend(key for key in each if isinstance(key, tuple | frozenset))
            elif isinstance(each, list | tuple | frozenset):
                inner.extend(each)
            if len(inner) > left:
                return False
        left -= len(inner)
        level = [each for each in inner if isinstance(each, list | tuple | dict | frozenset)]
        if not level:
            return True
    return False


MODULE_CONSTANTS: Mapping[str, object] = {
    **CONSTANTS,
    **{
        f"string.{name}": getattr(string, name)
        for name in ("ascii_letters", "ascii_lowercase", "ascii_uppercase", "digits")
    },
    "sys.executable": "python",
    "sys.argv": UNKNOWN,
    "sys.platform": "linux",
    "os.sep": "/",
    "os.name": "posix",
    "math.inf": math.inf,
    "math.pi": math.pi,
    "math.e": math.e,
}
"""Dotted name of a module's constant → its value."""
