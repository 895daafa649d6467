"""One tree for one text, whatever interpreter reads it."""

from __future__ import annotations

import ast
import time

import pytest

from verifier.source.parsing import DEPTH, TEXT_BYTES, parse


def shown(source: str) -> str:
    parsed = parse(source.encode())
    assert parsed.tree is not None, parsed.fault
    return ast.unparse(parsed.tree)


@pytest.mark.parametrize(
    ("newer", "older"),
    [
        ("x = f'{d['a']}'\n", "x = f\"{d['a']}\"\n"),
        ("x = f'{\"\\n\".join(y)} z'\n", "x = f'{_} z'\n"),
        ("x = f'{y:>{w['a']}}'\n", "x = f\"{y:>{w['a']}}\"\n"),
        ("x = f'{f'{f'{y}'}'}'\n", 'x = f\'{f"{f"""{y}"""}"}\'\n'),
        ("x = f'{y!r:>3}{z=}'\n", "x = f'{y!r:>3}{z=}'\n"),
        ("x = f'''{\n y # why\n}'''\n", "x = f'''{y}'''\n"),
        ("x = f'{\ny}'\nz = 1\n", "x = f'{y}'\nz = 1\n"),
        ("def f[T: int](x: T): return x\n", "def f(x: T): return x\n"),
        ("class A[T = int](B): pass\n", "class A(B): pass\n"),
        ("type X[T] = list[T]\ny = 1\n", "X = list[T]\ny = 1\n"),
        ("if a:\n    type X = int\n", "if a:\n    X = int\n"),
        ("type = 3\ntype(x)\n", "type = 3\ntype(x)\n"),
    ],
)
def test_what_only_newer_pythons_read_has_the_tree_of_its_older_form(
    newer: str, older: str
) -> None:
    """Promise: PEP 701, 695 and 696 are read under Python 3.11, to the same tree."""
    made, expected = parse(newer.encode()).tree, parse(older.encode()).tree
    assert made is not None
    assert expected is not None
    held = [each for each in ast.walk(expected) if isinstance(each, ast.Name) and each.id == "_"]
    if held:
        assert "join" in ast.dump(made)
    else:
        assert ast.dump(made) == ast.dump(expected)


def test_lines_stay_where_they_were() -> None:
    """Promise: a finding's line is the submission's line, after rewritten f-strings too."""
    source = "a = f'{\n\nb}'\nc = f'''{\nd['x']\n}'''\ne = 1\ndef f[\n T](x): pass\ng = 2\n"
    parsed = parse(source.encode())
    assert parsed.tree is not None
    lines = {node.id: node.lineno for node in ast.walk(parsed.tree) if isinstance(node, ast.Name)}
    assert lines == {"a": 1, "b": 3, "c": 4, "d": 5, "e": 7, "g": 10}


@pytest.mark.parametrize(
    ("source", "why", "line"),
    [
        (b"x = 1\ny = (\n", "never closed", 2),
        (b"x = 1\n\0", "NUL", 2),
        (b"x = '\xff'\n", "is not utf-8", 1),
        (b"# coding: utf-7\nx = 1\n", "'utf-7'", 1),
        (b"x = " + b"(" * 1000 + b")" * 1000, "nested deeper", 1),
        (b"x = " + b"-" * 50_000 + b"1\n", "nested deeper", 1),
        (b"x = " + b"+".join([b"1"] * 5000), "nested deeper", 1),
        (b"x = " + b"a." * 5000 + b"b\n", "nested deeper", 1),
        (b"if a: pass\n" + b"elif a: pass\n" * 5000, "nested deeper", 0),
        (b"#" * (TEXT_BYTES + 1), "bytes long", 0),
        (b"print 'x'\n", "does not parse", 1),
    ],
    ids=lambda value: value[:20] if isinstance(value, bytes) else value,
)
def test_what_cannot_be_read_says_why_and_where(source: bytes, why: str, line: int) -> None:
    """Promise: hostile text is a fault with its line, never a crash."""
    parsed = parse(source)
    assert parsed.tree is None
    assert why in parsed.fault
    assert not line or parsed.line == line


def test_ordinary_depth_is_read() -> None:
    """Promise: the bound on nesting is far from what people write."""
    assert parse(b"x = " + b"[" * (DEPTH // 4) + b"]" * (DEPTH // 4)).tree is not None


@pytest.mark.parametrize(
    "source", [b"\xef\xbb\xbfx = 1\r\ny = 2\r\n", b"# -*- coding: latin-1 -*-\nx = '\xff'\n"]
)
def test_marks_line_ends_and_declared_encodings_are_read(source: bytes) -> None:
    """Promise: what CPython reads without an error is read."""
    assert parse(source).tree is not None


def test_a_warning_of_the_parser_stays_inside() -> None:
    """Promise: an invalid escape in a submission is not a warning of the verifier."""
    assert shown("x = '\\d'\n") == "x = '\\\\d'"


def test_comments_without_end_cost_no_more_than_their_length() -> None:
    """Promise: thousands of lines of comments are read at once, strings with # in them too."""
    source = "x = 1\n" + "# words\n\n" * 20_000 + 'y = """\n' + "# z\n" * 100 + '"""\n'
    before = time.process_time()
    parsed = parse(source.encode())
    assert parsed.tree is not None
    assert time.process_time() - before < 2
    assert ast.unparse(parsed.tree).count("# z") == 100
