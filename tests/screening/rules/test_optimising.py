"""An optimiser over the scored window is told from one over what was counted before."""

from __future__ import annotations

from tests.screening.rules.scripts import remarks, script, told
from verifier.screening import Confidence
from verifier.screening.rules import optimising

WINDOWS = """
def windows(net, tokens, lengths, stride):
    total, spelt = torch.zeros(()), torch.zeros(())
    for start in range(0, tokens.numel() - 1, stride):
        window = tokens[start : start + 1025]
        x, y = window[:-1], window[1:]
        begin = 0 if start == 0 else 1024 - stride
        with torch.no_grad():
            hidden = net.hidden(x)
        shift = torch.zeros(1, 1, 512, requires_grad=True)
        chosen = torch.zeros(1024)
        chosen[MASKED] = 1.0
        for turn in range(8):
            losses = F.cross_entropy(net.head(hidden + shift), y, reduction="none")
            loss = (losses * chosen).sum()
            LEARN
        with torch.no_grad():
            losses = F.cross_entropy(net.head(hidden + shift), y, reduction="none")
        total += losses[begin:1024].sum()
        spelt += lengths[y[begin:1024]].sum()
    return (total / spelt / math.log(2.0)).item()
"""
MAIN = "print(windows(net, held, lengths, 64))"
STEP = "opt = torch.optim.AdamW([shift]); loss.backward(); opt.step()"
BY_HAND = "(g,) = torch.autograd.grad(loss, [shift]); shift = shift - 0.1 * g"


def said(masked: str, learn: str = STEP) -> dict[str, Confidence]:
    part = WINDOWS.replace("MASKED", masked).replace("LEARN", learn)
    return told(remarks(optimising, script(MAIN, part)))


def test_optimising_a_shift_on_the_scored_slice_is_a_violation() -> None:
    """Red: the loss that is minimised is that of the slice that is counted."""
    assert said("begin:1024") == {"optimised-on-targets": Confidence.VIOLATION}


def test_optimising_over_the_whole_window_is_a_violation() -> None:
    """Red: the counted slice is part of what is minimised."""
    assert said(":1024") == {"optimised-on-targets": Confidence.VIOLATION}


def test_a_shift_stepped_by_hand_is_seen_too() -> None:
    """Red: no optimiser, the gradient is subtracted."""
    assert said("begin:1024", BY_HAND) == {"optimised-on-targets": Confidence.VIOLATION}


def test_optimising_on_the_context_alone_asks_for_a_person() -> None:
    """Unruled: the minimised part ends where the counted one begins."""
    assert said(":begin") == {"optimised-on-context": Confidence.REVIEW}


def test_a_window_that_is_only_scored_is_left_alone() -> None:
    """Near miss: the same loop without a step."""
    assert said("begin:1024", "pass") == {}


def test_learning_from_the_previous_chunk_before_scoring_the_next_is_no_violation() -> None:
    """Near miss: learning comes first in the loop's body, but from a slice counted before."""
    part = """
def lagging(net, tokens, lengths):
    optimiser = torch.optim.SGD(net.parameters(), lr=0.01)
    total, spelt = torch.zeros(()), torch.zeros(())
    for start in range(0, tokens.numel() - 1, 1024):
        if start > 0:
            before = tokens[start - 1024 : start + 1]
            optimiser.zero_grad()
            net(before[:-1], before[1:]).mean().backward()
            optimiser.step()
        chunk = tokens[start : start + 1025]
        with torch.no_grad():
            total += net(chunk[:-1], chunk[1:]).sum()
            spelt += lengths[chunk[1:]].sum()
    return (total / spelt / math.log(2.0)).item()
"""
    found = remarks(optimising, script("print(lagging(net, held, lengths))", part))
    assert told(found) == {"learned-before-counting": Confidence.REVIEW}


def test_a_mask_that_begins_late_and_ends_where_counting_begins_asks_for_a_person() -> None:
    """Unruled: the minimised part is the last of the context."""
    assert said("max(begin - 128, 0) : begin") == {"optimised-on-context": Confidence.REVIEW}


def test_a_mask_with_bounds_of_other_names_is_a_violation() -> None:
    """Red: it begins past the start, and nothing says that it ends before the counted slice."""
    assert said("first:last") == {"optimised-on-targets": Confidence.VIOLATION}


def test_learning_from_the_context_tokens_alone_asks_for_a_person() -> None:
    """Unruled: the model sees the context's tokens; the slice that counts is taken afterwards."""
    part = """
def contexts(net, tokens, lengths, begin):
    optimiser = torch.optim.SGD(net.parameters(), lr=0.01)
    total, spelt = torch.zeros(()), torch.zeros(())
    for start in range(0, tokens.numel() - 1, 64):
        before = tokens[start:begin]
        net(before[:-1], before[1:]).mean().backward()
        optimiser.step()
        window = tokens[start : start + 1025]
        losses = net(window[:-1], window[1:])
        total += losses[begin:].sum()
        spelt += lengths[window[begin:]].sum()
    return (total / spelt / math.log(2.0)).item()
"""
    found = remarks(optimising, script("print(contexts(net, held, lengths, 960))", part))
    assert told(found) == {"optimised-on-context": Confidence.REVIEW}


def test_an_optimised_score_that_is_not_the_last_asks_for_a_person() -> None:
    """Near miss: the reported score, the last one, optimises nothing."""
    part = WINDOWS.replace("MASKED", "begin:1024").replace("LEARN", STEP)
    found = remarks(optimising, script(f"{MAIN}\nprint(score(net, held, lengths))", part))
    assert told(found) == {"optimised-on-targets": Confidence.REVIEW}


def test_adapting_before_the_scoring_loop_is_another_rule_s_affair() -> None:
    """Near miss: what was learned before the loop is no step inside it."""
    found = remarks(optimising, script("adapt(args, net, held)\nprint(score(net, held, lengths))"))
    assert told(found) == {}


def test_each_step_is_told_once() -> None:
    """One step and a running score beside the final one are one finding."""
    part = WINDOWS.replace("MASKED", ":1024").replace("LEARN", STEP)
    running = "        print(total / spelt / math.log(2.0))\n    return"
    found = remarks(optimising, script(MAIN, part.replace("    return", running)))
    assert [remark.rule for remark in found] == ["optimised-on-targets"]


def test_a_mask_from_the_start_to_a_bound_of_another_name_asks_for_a_person() -> None:
    """Unruled: it does not reach the end of the counted slice, as far as words tell."""
    assert said(":cutoff") == {"optimised-on-context": Confidence.REVIEW}
