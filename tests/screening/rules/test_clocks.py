"""A training loop without a clock, a raised limit, and steps after it ask for a person."""

from __future__ import annotations

from tests.screening.rules.scripts import remarks, script, told
from verifier.screening import Confidence
from verifier.screening.rules import clocks

COUNTED = """
def counted(net, loader, steps):
    optimiser = torch.optim.AdamW(net.parameters(), lr=0.001)
    for step in range(steps):
        x, y = loader.next_batch()
        net(x, y).mean().backward()
        optimiser.step()
"""
TRAINED = "train(args, net, Loader(args.train_files))\n"
SCORED = "print(score(net, held, lengths))"


def said(main: str, **others: str) -> dict[str, Confidence]:
    return told(remarks(clocks, script(main + SCORED, COUNTED), **others))


def test_a_loop_that_counts_steps_and_no_seconds_asks_for_a_person() -> None:
    """Red: the loop ends after so many steps."""
    main = "counted(net, Loader(args.train_files), 5000)\n"
    assert said(main) == {"clock-ignored": Confidence.REVIEW}


def test_the_open_track_needs_no_clock() -> None:
    """Near miss: the submission is for a track without a limit."""
    main = "counted(net, Loader(args.train_files), 5000)\n"
    found = said(main, submission__json='{"track": "non_record_16mb"}')
    assert found == {"clock-ignored": Confidence.NOTE}


def test_a_loop_that_the_clock_ends_is_left_alone() -> None:
    """Near miss: warm-up by steps, then the loop that looks at a clock."""
    assert said(f"counted(net, Loader(args.train_files), 20)\n{TRAINED}") == {}


def test_a_raised_limit_asks_for_a_person() -> None:
    """Red: the limit under the command is 4,800 s."""
    assert said(f"args.max_seconds = 4800.0\n{TRAINED}") == {"time-limit-raised": Confidence.REVIEW}


def test_steps_on_training_data_after_the_clocked_loop_ask_for_a_person() -> None:
    """Red: training goes on where no clock is read."""
    main = f"{TRAINED}counted(net, Loader(args.train_files), 500)\n"
    assert said(main) == {"trained-after-clock": Confidence.REVIEW}
