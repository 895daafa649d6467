"""An answer is waited for so long, and the box is looked at in time to say what it lacked."""

from __future__ import annotations

import pytest

from tests.scoring.fake import Clock
from verifier.scoring.patience import Patience


class Looked:
    """A box that counts how often it was looked at."""

    def __init__(self) -> None:
        self.waited, self.looks = 7.0, 0

    def waited_seconds(self) -> float:
        self.looks += 1
        return self.waited


def test_a_box_is_looked_at_when_a_quarter_of_its_time_is_over(clock: Clock) -> None:
    """Once, and not before: what comes promptly costs nothing."""
    box = Looked()
    waiting = Patience(box, 8.0)  # type: ignore[arg-type]
    assert waiting.began == 1000.0
    for now, left, looks in (
        (1000.0, 2.0, 0),
        (1001.5, 0.5, 0),
        (1002.0, 6.0, 1),
        (1003.0, 5.0, 1),
        (1007.5, 0.5, 1),
    ):
        clock.now = now
        assert (waiting.left(), box.looks) == (left, looks)
    for now in (1008.0, 1008.5):
        clock.now = now
        with pytest.raises(TimeoutError):
            waiting.left()


@pytest.mark.parametrize(("lacked", "starved"), [(0.0, False), (2.0, False), (2.01, True)])
def test_starved_is_who_lacked_a_processor_for_most_of_the_time_since(
    clock: Clock, lacked: float, starved: bool
) -> None:
    """Half of it is not most; what was lacking before the first look does not count."""
    box = Looked()
    waiting = Patience(box, 8.0)  # type: ignore[arg-type]
    assert not waiting.starved()
    clock.now = 1004.0
    waiting.left()
    clock.now, box.waited = 1006.0, box.waited + lacked / 4
    waiting.left()
    clock.now, box.waited = 1008.0, box.waited + lacked * 3 / 4
    assert waiting.starved() is starved
