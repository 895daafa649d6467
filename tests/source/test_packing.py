"""What a source file weighs by the accepted convention."""

from __future__ import annotations

import base64
import contextlib
import io
import lzma
import tokenize
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifier.source.minifying import MINIFIED_AT_MOST, TOKENS_AT_MOST, minified
from verifier.source.packing import packed_bytes, wrapped

REAL_SOURCE = Path(tokenize.__file__).read_bytes()


def test_the_packed_size_is_that_of_a_wrapper_that_runs() -> None:
    """Promise: nobody who honestly ships the wrapper is counted below what it weighs."""
    source = b"# a comment\nvalue = [\n    1,\n    2,\n]\n\n\n"
    source += b"def f():\n    '''kept'''\n    return value\n"
    source += b"".join(b"x%d = f()  # again and again\n" % index for index in range(100))
    wrapper = wrapped(source)
    assert packed_bytes(source) == len(wrapper) < len(source)
    namespace: dict[str, object] = {}
    exec(compile(wrapper, "wrapper", "exec"), namespace)
    function = namespace["f"]
    assert callable(function)
    assert function() == [1, 2] == namespace["x99"]
    assert function.__doc__ == "kept"


def test_code_that_arrives_packed_is_counted_as_it_stands() -> None:
    """Promise: packing again neither gains nor costs an honest author anything."""
    packed = wrapped(REAL_SOURCE)
    assert packed_bytes(packed) == len(packed)


def test_a_small_dictionary_packs_as_the_preset_does() -> None:
    """Promise: the dictionary that saves our time changes no byte of what is counted."""
    best = {"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME}
    for module in (tokenize, lzma, contextlib, io):
        source = Path(str(module.__file__)).read_bytes()
        preset = lzma.compress(minified(source), format=lzma.FORMAT_RAW, filters=[best])
        assert base64.b85encode(preset) in wrapped(source)


def test_code_too_large_to_be_read_is_counted_raw() -> None:
    """Promise: the weighing of hostile source ends, and not in its favour."""
    source = b"#" * (MINIFIED_AT_MOST + 1)
    assert packed_bytes(source) == len(source)


@pytest.mark.parametrize(
    ("source", "short"),
    [
        (b"x = 1  # why\n\n\n", b"x = 1\n"),
        (b"if x:\n        y = '''a\n\n   b'''  \n", b"if x:\n y = '''a\n\n   b'''\n"),
        (b"f(1,\n     2)\n", b"f(1,\n2)\n"),
        (b"x = 1 + \\\n    2\n", b"x = 1 + \\\n    2\n"),
        (b"if x:\n    if y:\n        z\n    w\n", b"if x:\n if y:\n  z\n w\n"),
        (b"x = '# no comment'\n", b"x = '# no comment'\n"),
        (b"def f(:\n  '\n", b"def f(:\n  '\n"),
        (b"# coding: latin-1\nx = 1\n", b"# coding: latin-1\nx = 1\n"),
        (b"x = 1\r\n\r\n", b"x = 1\r\n\r\n"),
        (b"\xff\xfe", b"\xff\xfe"),
        (b"\n )\n @\ni\n[", b"\n )\n @\ni\n["),
    ],
)
def test_minifying_drops_what_only_people_read(source: bytes, short: bytes) -> None:
    """Promise: the same program, or the text as it is."""
    assert minified(source) == short


def test_minifying_leaves_a_real_module_the_same_program() -> None:
    """Promise: comments, blanks and indentation go; compiled constants and names stay."""
    short = minified(REAL_SOURCE)
    assert len(short) < 0.9 * len(REAL_SOURCE)
    assert (
        compile(short, "m", "exec").co_consts[0] == compile(REAL_SOURCE, "m", "exec").co_consts[0]
    )
    assert minified(short) == short


@given(st.text(alphabet="ab=1 \n\t#'\"\\():,f{}", max_size=60))
def test_minifying_any_text_keeps_its_tokens(text: str) -> None:
    """Promise: hostile text never raises, and never loses a token that is seen."""
    with contextlib.suppress(tokenize.TokenError, SyntaxError):
        before = visible(text)
        assert visible(minified(text.encode()).decode()) == before


def visible(text: str) -> list[str]:
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    unseen = (tokenize.NL, tokenize.COMMENT, tokenize.INDENT, tokenize.DEDENT, tokenize.NEWLINE)
    return [each.string for each in tokens if each.type not in unseen]


def test_a_text_of_too_many_tokens_is_left_as_it_is() -> None:
    """Promise: minifying ends soon and in little memory, whatever the text."""
    many = b"x = 1\n" * (TOKENS_AT_MOST // 4 + 1)
    assert minified(many) is many
