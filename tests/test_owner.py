"""Whose is it, and does he live? What a sweep may take away."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from verifier import owner


def test_we_are_not_gone() -> None:
    """Nor is what carries our mark and more."""
    assert not owner.is_gone(owner.mark())
    assert not owner.is_gone(f"{owner.mark()}-7f3a")


def test_a_process_that_ended_is_gone_and_so_is_a_zombie() -> None:
    """Nobody can have a box any more."""
    source = "from verifier import owner; print(owner.mark()); input()"
    command = [sys.executable, "-c", source]
    with subprocess.Popen(command, stdin=-1, stdout=-1, text=True) as child:
        assert child.stdout is not None and child.stdin is not None
        mark = child.stdout.readline().strip()
        assert mark != owner.mark() and not owner.is_gone(mark)
        child.stdin.close()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert owner.is_gone(mark)
    assert owner.is_gone(mark) and owner.is_gone(f"{mark}-7f3a")


def test_a_number_that_was_given_away_is_not_the_maker() -> None:
    """This number is ours, but not since then."""
    space, pid, started = owner.mark().split("-")
    assert owner.is_gone(f"{space}-{pid}-{int(started) - 1}")


@pytest.mark.parametrize("machine", ["another one\n", None])
def test_a_maker_on_another_machine_is_left_alone(
    machine: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An engine, or the disk under a store, may serve several: a number here says nothing of it."""
    mine = owner.mark()
    space, pid, started = mine.split("-")
    dead = f"{space}-{pid}-{int(started) - 1}"
    assert owner.is_gone(dead)
    named = tmp_path / "machine-id"
    if machine is not None:
        named.write_text(machine)
    monkeypatch.setattr(owner, "MACHINE_FILE", named)
    assert owner.mark() != mine
    assert not owner.is_gone(dead)


@pytest.mark.parametrize("mark", ["", "x", "1-2", "a-b-c", "1-1-1-box", "4026531836"])
def test_a_maker_whom_we_cannot_judge_is_left_alone(mark: str) -> None:
    """Another pid namespace, or no mark at all."""
    assert not owner.is_gone(mark)


def test_a_mark_of_our_namespace_that_is_none_is_left_alone() -> None:
    """Half a mark names nobody."""
    space = owner.mark().split("-")[0]
    for rest in ("", "-", "-12", "-12-", "-x-1", "-1-x"):
        assert not owner.is_gone(space + rest)
