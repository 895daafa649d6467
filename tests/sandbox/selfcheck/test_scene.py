"""What outlives its box is seen, under whichever name it runs."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from verifier.sandbox.selfcheck import scene

MARK = "golf-verifier-mark-of-a-test"
SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]


@pytest.mark.parametrize("marked", ["by its mark", "as one of the box"])
def test_a_process_that_outlives_its_box_is_seen(
    monkeypatch: pytest.MonkeyPatch, marked: str
) -> None:
    """A kernel within the kernel does not show the mark: its own process counts as well."""
    monkeypatch.setattr(scene, "GONE_SECONDS", 0.1)
    members = scene.Members()
    with subprocess.Popen([*SLEEP, MARK] if marked == "by its mark" else SLEEP) as process:
        if marked == "as one of the box":
            members.look({process.pid})
        scene.until(lambda: bool(scene.survivors(MARK, members)))
        found = scene.survivors(MARK, members)
        process.kill()
    assert found == (f"process {process.pid}",)
    assert scene.survivors(MARK, members) == ()


def test_a_number_that_was_given_away_is_nobody_of_the_box(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Another process with the number of one that is gone started at another time."""
    members = scene.Members()
    members.look({os.getpid()})
    assert members.alive() == [os.getpid()]
    started = scene.started_ticks(os.getpid())
    monkeypatch.setattr(scene, "started_ticks", lambda _: started + 1)
    assert members.alive() == []
