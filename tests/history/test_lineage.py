"""Which submission is this one made from: found in another layout, told apart, in bounded time."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.history import made
from verifier.history.lineage import Sources, inherited, marks, nearest, parents
from verifier.history.lines import MOST_CHARACTERS, key, reduced

BASE = "\n".join(f"value_{i} = compute_{i}(x)" for i in range(60))
OTHER = "\n".join(f"other_{i} = nothing_{i}(y)" for i in range(60))


def found(*texts: str) -> list[tuple[int, int] | None]:
    """(parent's number, changed lines) of each text; numbers from 1."""
    sources = Sources()
    for text in texts:
        sources.add(reduced([("train_gpt.py", text)]))
    names = [(place + 1, f"records/{place + 1}") for place in range(len(texts))]
    return [each and (each.number, each.changed_lines) for each in parents(sources, names)]


# ---------------------------------------------------------------- layout


def test_layout_comments_and_quotes_make_no_difference() -> None:
    """A script unpacked from its wrapper reads like the one it was packed from."""
    loose = 'import os  # the system\n\n# settings\nx = "a"\ny = f(1, 2)\n'
    tight = "import os;x='a';y=f(1,2)"
    assert reduced([("a", loose)]).digest == reduced([("b", tight)]).digest


@pytest.mark.parametrize(
    ("line", "statements"),
    [
        ("a = ';' ; b = 1", ["a = ';'", "b = 1"]),
        ("f(a; b); c", ["f(a; b)", "c"]),
        ("a = '# no comment'  # but this", ["a = '# no comment'"]),
        ("a = 'it\\'s; one'; b", ["a = 'it\\'s; one'", "b"]),
        ('"""a; # b""" ; c', ['"""a; # b"""', "c"]),
        ("    x = 1;;y = 2", ["    x = 1", "    y = 2"]),
        ("   # only a comment", []),
        ("a) ; b", ["a)", "b"]),
        ("'never closed ; # here", ["'never closed ; # here"]),
    ],
)
def test_statements_are_split_where_python_would(line: str, statements: list[str]) -> None:
    """At semicolons outside strings and brackets; comments are dropped."""
    assert [each.rstrip() for each in reduced([("a", line)]).lines] == statements


def test_lines_keep_their_place() -> None:
    """A reviewer must find the line again."""
    assert reduced([("a", "\n# b\nx = 1; y = 2\n\nz = 3")]).numbers == (3, 3, 5)


def test_a_line_that_is_mostly_data_is_clipped_and_still_compared() -> None:
    """Blobs take no room, and two of them differ."""
    one, two = (reduced([("a", f"BLOB = '{'x' * 100_000}{end}'")]) for end in "ab")
    assert all(len(line) <= MOST_CHARACTERS for line in one.lines)
    assert one.digest != two.digest


@given(text=st.text(max_size=300))
def test_any_text_has_lines(text: str) -> None:
    """Nothing is parsed, so nothing fails."""
    source = reduced([("a", text), ("b", text)])
    assert len(source.lines) == len(source.numbers)
    assert source.digest


def test_long_lines_cost_bounded_work() -> None:
    """A hundred megabytes in one line, and a line of nothing but quotes."""
    began = time.process_time()
    reduced([("a", "x" * 100_000_000), ("b", "';\"" * 1_000_000)])
    assert time.process_time() - began < 3


# ---------------------------------------------------------------- parents


def test_a_copy_with_a_change_names_its_source_and_the_change() -> None:
    """Forty lines to read, not 2,000."""
    changed = BASE.replace("compute_7(x)", "compute_7(x, targets)")
    sources = Sources()
    for text in (OTHER, BASE, changed):
        sources.add(reduced([("train_gpt.py", text)]))
    parent = parents(sources, [(1, "a"), (2, "b"), (3, "c")])[2]
    assert parent is not None
    assert (parent.number, parent.folder, parent.changed_lines) == (2, "b", 2)
    assert "-value_7 = compute_7(x)\n+value_7 = compute_7(x, targets)" in parent.diff
    assert "@@ line 8 @@" in parent.diff


def test_the_first_and_the_unlike_have_no_parent() -> None:
    """A parent is an earlier one, and it must be like it."""
    assert found(BASE, OTHER) == [None, None]


def test_of_equal_copies_the_earliest_is_the_parent() -> None:
    """That is where a copied source comes from."""
    assert found(BASE, BASE, BASE) == [None, (1, 0), (1, 0)]


def test_a_repacked_copy_finds_its_source() -> None:
    """Another layout is no other source."""
    tight = ";".join(line.replace(" ", "") for line in BASE.split("\n"))
    assert found(OTHER, BASE, tight) == [None, None, (2, 0)]


def test_a_stub_has_no_parent() -> None:
    """Ten lines that everybody writes say nothing about where they come from."""
    stub = "\n".join(BASE.split("\n")[:10])
    assert found(stub, stub) == [None, None]


def test_no_sources_have_no_parents() -> None:
    """An empty history is one."""
    assert nearest(Sources()) == ()
    assert found("", "") == [None, None]


# ---------------------------------------------------------------- inherited


def test_a_remark_on_a_line_of_the_parent_is_inherited_from_whoever_began() -> None:
    """It stays a remark: copied violations are violations."""
    grand = made.remark("two-pass", text="loss = f( x )")
    (own,) = inherited([grand], {}, "")
    assert own.inherited_from == ""
    (child,) = inherited([made.remark("two-pass", text="  loss = f(x)")], marks([own]), "#7")
    assert child.inherited_from == "#7"
    (grandchild,) = inherited([made.remark("two-pass", text="loss=f(x)")], marks([child]), "#9")
    assert grandchild.inherited_from == "#7"


def test_another_rule_or_another_line_is_not_inherited() -> None:
    """What the author added is the author's."""
    before = marks([made.remark("two-pass", text="loss = f(x)")])
    others = [made.remark("slot", text="loss = f(x)"), made.remark("two-pass", text="y = 2")]
    assert [each.inherited_from for each in inherited(others, before, "#7")] == ["", ""]


def test_what_a_log_says_is_nobodys_but_its_own() -> None:
    """Two logs may share a line; a run is not taken over."""
    logged = made.remark("train-over-limit", text="stopping at 600 s")
    logged = replace(logged, locations=(replace(logged.locations[0], path="train.log"),))
    assert marks([logged]) == {}


def test_a_remark_without_a_line_is_not_inherited() -> None:
    """ "It has no log" is true of each by itself."""
    before = marks([made.remark("no-log", text="")])
    assert before == {}
    assert inherited([made.remark("no-log", text="")], before, "#7")[0].inherited_from == ""


def test_two_lines_are_the_same_whatever_their_spaces_and_quotes() -> None:
    """The key that both lineage and inheritance compare."""
    assert key('  a = "b"') == key("a='b'")
