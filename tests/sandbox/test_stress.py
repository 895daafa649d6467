"""A dozen boxes, each ended at a random moment, leave nothing; `make stress` does the hundreds."""

from __future__ import annotations

from tests.sandbox.conftest import Boxes, gvisor_rarely
from tests.sandbox.stress import EVERY, stress

BOXES = 12


@gvisor_rarely
def test_boxes_that_end_at_any_moment_leave_nothing(boxes: Boxes) -> None:
    """Killed, left or stopped by a limit, and some by a verifier that dies without a word."""
    found = stress(boxes, BOXES, seed=7)
    assert found.left == []
    assert sum(found.ended.values()) == BOXES
    assert found.ended["its verifier killed"] == BOXES // EVERY
    assert found.open_files[1] <= found.open_files[0]
    assert found.threads[1] <= found.threads[0]
