"""Calibration after the clock has run out is told from calibration inside it."""

from __future__ import annotations

from tests.screening.rules.scripts import remarks, script, told
from verifier.screening import Confidence
from verifier.screening.rules import calibrating

CALIBRATE = """
def calibrate(net, batches):
    sums = {}
    def keep(module, given, made):
        sums[module] = given[0].T @ given[0]
    handles = [m.register_forward_hook(keep) for m in net.modules()]
    with torch.no_grad():
        for x, y in batches:
            net(x, y)
    for handle in handles:
        handle.remove()
    return sums

def drawn(loader, count):
    for _ in range(count):
        yield loader.next_batch()

def written(net, count):
    texts = []
    for _ in range(count):
        tokens = torch.zeros(1, 1, dtype=torch.int64)
        for _ in range(64):
            tokens = torch.cat([tokens, net.logits(tokens).softmax(-1).multinomial(1)], dim=1)
        texts.append((tokens[:, :-1], tokens[:, 1:]))
    return texts

def reserved(args, net, loader):
    optimiser = torch.optim.AdamW(net.parameters(), lr=0.001)
    limit = 1000.0 * args.max_seconds
    limit -= 12_000.0
    began = time.perf_counter()
    while 1000.0 * (time.perf_counter() - began) < limit:
        x, y = loader.next_batch()
        net(x, y).mean().backward()
        optimiser.step()
"""
TRAINED = "train(args, net, Loader(args.train_files))\n"
SCORED = "print(score(net, held, lengths))\n"


def said(main: str) -> dict[str, Confidence]:
    return told(remarks(calibrating, script(main + SCORED, CALIBRATE)))


def test_calibrating_on_training_data_after_600_seconds_is_a_violation() -> None:
    """Red: the loop runs to the limit, then training shards are opened again."""
    main = f"{TRAINED}calibrate(net, drawn(Loader(args.train_files), 8))\n"
    assert said(main) == {"calibrated-after-training": Confidence.VIOLATION}


def test_calibrating_in_time_that_the_loop_left_is_only_noted() -> None:
    """Near miss: the loop ends 12 s before the limit."""
    main = "reserved(args, net, Loader(args.train_files))\n"
    main += "calibrate(net, drawn(Loader(args.train_files), 8))\n"
    assert said(main) == {"calibrated-after-training": Confidence.NOTE}


def test_calibrating_on_generated_text_is_left_alone() -> None:
    """Hard negative: the model writes its own calibration text."""
    assert said(f"{TRAINED}calibrate(net, written(net, 8))\n") == {}


def test_calibrating_before_the_training_loop_is_left_alone() -> None:
    """Near miss: the same call in front of the loop that the clock ends."""
    assert said(f"calibrate(net, drawn(Loader(args.train_files), 8))\n{TRAINED}") == {}


def test_calibrating_on_held_out_tokens_asks_for_a_person() -> None:
    """Red: the hooks see held-out tokens."""
    main = f"{TRAINED}calibrate(net, [(held[:-1], held[1:])])\n"
    assert said(main) == {"calibrated-on-held-out": Confidence.REVIEW}


def test_scoring_without_hooks_is_no_calibration() -> None:
    """Near miss: hooks are gone before held-out tokens come."""
    assert said(f"{TRAINED}calibrate(net, written(net, 8))\n{SCORED}") == {}


def test_one_look_at_training_data_without_a_hook_asks_for_a_person() -> None:
    """Near miss: a single forward pass fills a cache; nothing of it is kept."""
    main = f"{TRAINED}x, y = Loader(args.train_files).next_batch()\nnet(x, y)\n"
    assert said(main) == {"calibrated-after-training": Confidence.REVIEW}


def test_what_the_loop_does_after_its_step_is_inside_its_time() -> None:
    """Near miss: telemetry on training data, below the step, in the loop that the clock ends."""
    watched = CALIBRATE.replace(
        "        optimiser.step()\n",
        "        optimiser.step()\n        net(x, y)\n",
    )
    main = "reserved(args, net, Loader(args.train_files))\n"
    assert told(remarks(calibrating, script(main + SCORED, watched))) == {}


def test_the_open_track_has_time_to_calibrate() -> None:
    """Near miss: the submission is for a track without a limit."""
    main = f"{TRAINED}calibrate(net, drawn(Loader(args.train_files), 8))\n{SCORED}"
    claims = '{"track": "non_record_16mb"}'
    found = remarks(calibrating, script(main, CALIBRATE), submission__json=claims)
    assert told(found) == {"calibrated-after-training": Confidence.NOTE}


def test_a_limit_that_nobody_can_read_asks_for_a_person() -> None:
    """The loop ends by a clock, at a time that is worked out as it runs."""
    main = "args.max_seconds = measured_budget(net)\n"
    main += f"{TRAINED}calibrate(net, drawn(Loader(args.train_files), 8))\n"
    assert said(main) == {"calibrated-after-training": Confidence.REVIEW}


def test_without_a_loop_that_the_clock_ends_there_is_no_after() -> None:
    """Near miss: nothing says when training time is over; another rule asks about that."""
    main = "calibrate(net, drawn(Loader(args.train_files), 8))\n"
    assert said(main) == {}
