"""Stored, cut, sampled and overlapping held-out data are told from the honest use of it."""

from __future__ import annotations

from tests.screening.rules.scripts import remarks, script, told
from verifier.screening import Confidence
from verifier.screening.rules import held_out_data

PREFIX = """
def prefixed(net, tokens, lengths, stored):
    total, spelt = torch.zeros(()), torch.zeros(())
    for start in range(0, tokens.numel() - 1, 1024):
        window = tokens[start : start + 1025]
        losses = net(window[:-1], window[1:])
        known = stored[start : start + 1024] == window[1:]
        losses = losses * (~known).float()
        total += losses.sum()
        spelt += lengths[window[1:]].sum()
    return (total / spelt / math.log(2.0)).item()

def stored_tokens():
    with open("prefix.xz", "rb") as file:
        return torch.from_numpy(np.frombuffer(zlib.decompress(file.read()), dtype="<u2"))
"""
SCORED = "print(score(net, held, lengths))"
PREPARE = (
    "import argparse\np = argparse.ArgumentParser()\n"
    "p.add_argument('--val-docs', type=int, default=DEFAULT)\n"
)


def said(main: str, *parts: str, **others: str) -> dict[str, Confidence]:
    return told(remarks(held_out_data, script(main, *parts), **others))


def test_losses_zeroed_by_stored_tokens_are_a_violation() -> None:
    """Red: tokens that came with the artifact decide which losses count."""
    main = "print(prefixed(net, held, lengths, stored_tokens()))"
    assert said(main, PREFIX) == {"paid-prefix": Confidence.VIOLATION}


def test_a_bonus_for_a_hint_is_no_mask_of_losses() -> None:
    """Near miss: hints from a built library lower a loss where they hit, and all pay for it."""
    tilt = PREFIX.replace(
        "losses = losses * (~known).float()",
        "boost = 2.0 * (1.0 - torch.exp(-losses))\n"
        "        losses = losses - boost * known.float() + torch.log1p(boost)",
    )
    main = "print(prefixed(net, held, lengths, stored_tokens()))"
    assert said(main, tilt) == {}
    for masked in ("losses - losses * known", "losses * (1 - known) + 0.1 * known"):
        part = PREFIX.replace("losses * (~known).float()", masked)
        assert said(main, part) == {"paid-prefix": Confidence.VIOLATION}


def test_losses_masked_by_the_data_itself_are_left_alone() -> None:
    """Near miss: the mask compares held-out tokens with a constant, the start of a document."""
    part = PREFIX.replace("stored[start : start + 1024] == window[1:]", "window[1:] == 1")
    assert said("print(prefixed(net, held, lengths, None))", part) == {}


def test_scoring_the_first_million_tokens_asks_for_a_person() -> None:
    """Red: the held-out data is cut to a constant length."""
    main = "print(score(net, held[:1_000_000], lengths))"
    assert said(main) == {"part-scored": Confidence.REVIEW}


def test_cutting_to_whole_windows_is_left_alone() -> None:
    """Near miss: the cut follows from the data's own length."""
    main = "print(score(net, held[: held.numel() // 1024 * 1024 + 1], lengths))"
    assert said(main) == {}


def test_scoring_windows_drawn_at_random_asks_for_a_person() -> None:
    """Red: the windows' places are drawn."""
    part = """
def sampled(net, tokens, lengths):
    total, spelt = torch.zeros(()), torch.zeros(())
    for at in torch.randint(0, 1000, (64,)):
        window = tokens[at : at + 1025]
        total += net(window[:-1], window[1:]).sum()
        spelt += lengths[window[1:]].sum()
    return (total / spelt / math.log(2.0)).item()
"""
    assert said("print(sampled(net, held, lengths))", part) == {"sample-scored": Confidence.REVIEW}


def test_a_model_that_starts_at_random_is_left_alone() -> None:
    """Near miss: what is drawn at random is a parameter."""
    main = f"net.bias = torch.randn(512)\n{SCORED}"
    assert said(main) == {}


def test_a_preparation_that_holds_out_too_little_and_is_run_asks_for_a_person() -> None:
    """Red: 10,000 documents by default, and the README has it run without the option."""
    found = said(
        SCORED,
        prepare_data__py=PREPARE.replace("DEFAULT", "10_000"),
        README__md="python3 prepare_data.py --out data\n",
    )
    assert found == {"shards-overlap": Confidence.REVIEW}


def test_more_shards_than_the_accepted_data_has_ask_for_a_person() -> None:
    """Red: the log shows shards that only this preparation can have made."""
    found = said(
        SCORED,
        prepare_data__py=PREPARE.replace("DEFAULT", "10_000"),
        train__log="train_shards: 1499\n",
    )
    assert found == {"shards-overlap": Confidence.REVIEW}


def test_a_preparation_that_nobody_says_was_run_is_only_noted() -> None:
    """Near miss: the script is there; README and logs do not say that it made the shards."""
    found = said(
        SCORED,
        prepare_data__py=PREPARE.replace("DEFAULT", "10_000"),
        train__log="train_shards: 80\n",
    )
    assert found == {"shards-overlap": Confidence.NOTE}


def test_a_preparation_run_with_enough_documents_is_only_noted() -> None:
    """Near miss: the README gives the option."""
    found = said(
        SCORED,
        prepare_data__py=PREPARE.replace("DEFAULT", "10_000"),
        README__md="python3 prepare_data.py --val-docs 50000\n",
    )
    assert found == {"shards-overlap": Confidence.NOTE}


def test_a_preparation_that_holds_out_50_000_is_left_alone() -> None:
    """Near miss: the default is the whole held-out set."""
    found = said(
        SCORED,
        prepare_data__py=PREPARE.replace("DEFAULT", "50_000"),
        README__md="python3 prepare_data.py\n",
    )
    assert found == {}


LIMITED = """
limit = min(8_000_000, held.numel())
print(score(net, held[:limit], lengths))
"""


def test_scoring_no_more_than_so_many_tokens_asks_for_a_person() -> None:
    """Red: the cut is the lesser of a constant and the data's own length."""
    assert said(LIMITED) == {"part-scored": Confidence.REVIEW}


def test_windows_no_longer_than_the_data_are_left_alone() -> None:
    """Near miss: a chunk is the lesser of a constant and the data's own length."""
    assert said(LIMITED.replace("8_000_000", "32_768").replace("[:limit]", "")) == {}
