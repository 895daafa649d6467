"""What the recorder sees of torch's calls, and that looking changes nothing. Run in a box."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.shadow.guest import module

F = torch.nn.functional
VOCABULARY = 128


@pytest.fixture
def notes(tmp_path: Path) -> Any:
    rng = np.random.default_rng(0)
    heldout, train = rng.integers(0, VOCABULARY, (2, 4000)).astype(np.uint16)
    clock = module("ticking").Clock(0.0, [10.0])
    return module("recorder").Notes(heldout, train, tmp_path, clock)


def targets(notes: Any, source: int = 0, at: int = 100, shape: tuple[int, ...] = (4, 32)) -> Any:
    stream = notes.streams[source].stream
    return torch.from_numpy(stream[at : at + int(np.prod(shape))]).reshape(shape)


def logits(shape: tuple[int, ...] = (4, 32)) -> Any:
    made = torch.Generator().manual_seed(0)
    return torch.randn(*shape, VOCABULARY, generator=made, requires_grad=True)


def by_log_softmax(scores: Any, ids: Any) -> Any:
    return -F.log_softmax(scores, -1).gather(-1, ids.unsqueeze(-1)).mean()


def by_index(scores: Any, ids: Any) -> Any:
    rows = scores.flatten(0, 1)
    return -rows.log_softmax(-1)[torch.arange(len(rows)), ids.flatten()].mean()


def by_logsumexp(scores: Any, ids: Any) -> Any:
    chosen = scores.take_along_dim(ids.unsqueeze(-1), -1)[..., 0]
    return (scores.logsumexp(-1) - chosen).mean()


def by_probability(scores: Any, ids: Any) -> Any:
    return -torch.gather(scores.softmax(-1), 2, ids.unsqueeze(-1)).log().mean()


def by_nll(scores: Any, ids: Any) -> Any:
    return F.nll_loss(F.log_softmax(scores, -1).flatten(0, 1), ids.flatten())


def by_smoothing(scores: Any, ids: Any) -> Any:
    weight = torch.linspace(0.5, 2, VOCABULARY)
    return F.cross_entropy(
        scores.transpose(1, 2), ids, weight=weight, label_smoothing=0.1, reduction="sum"
    )


def by_module(scores: Any, ids: Any) -> Any:
    return torch.nn.CrossEntropyLoss()(scores.flatten(0, 1), ids.flatten())


WAYS = (
    by_log_softmax, by_index, by_logsumexp, by_probability, by_nll, by_smoothing, by_module,
)  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_every_way_to_a_loss_is_seen_at_its_plain_cost(way: Any, notes: Any) -> None:
    """Promise: −ln p(target) of every token with its place, whatever else the loss does."""
    ids, scores = targets(notes), logits()
    with module("looking").Looking(notes):
        way(scores, ids)
    plain = F.cross_entropy(scores.detach().flatten(0, 1), ids.flatten(), reduction="none")
    assert len(notes.blocks) == 1
    assert (notes.positions[0] == np.arange(100, 228)).all()
    assert np.allclose(notes.costs[0], plain.numpy(), atol=1e-5)
    assert notes.blocks[0] == (0, True, 0)


@pytest.mark.parametrize("way", WAYS)
def test_looking_changes_no_number_no_gradient_and_no_random_state(way: Any, notes: Any) -> None:
    """Promise: the same bits with and without."""
    ids = targets(notes)
    seen = []
    for looking in (False, True):
        torch.manual_seed(1)
        scores = logits()
        if looking:
            with module("looking").Looking(notes):
                loss = way(scores, ids)
                loss.backward()
        else:
            loss = way(scores, ids)
            loss.backward()
        seen.append((loss.detach(), scores.grad, torch.get_rng_state()))
    assert all(torch.equal(*pair) for pair in zip(*seen, strict=True))


def test_ignored_targets_are_left_out(notes: Any) -> None:
    """Promise: what a mask leaves out of the loss is no score."""
    ids = targets(notes)
    ids[:, 20:] = -100
    with module("looking").Looking(notes):
        F.cross_entropy(logits().flatten(0, 1), ids.flatten(), reduction="none")
    assert len(notes.costs[0]) == 4 * 20
    assert (notes.costs[0] > 0).all()


def test_what_is_neither_stream_is_not_noted(notes: Any) -> None:
    """Promise: warm-up on random tokens and choices out of small tables are no scores."""
    stranger = torch.full((4, 32), 3)
    with module("looking").Looking(notes):
        by_log_softmax(logits(), stranger)
        torch.randn(4, 32, 8).gather(-1, targets(notes).remainder(8).unsqueeze(-1))
        torch.randn(500, 16)[torch.arange(128), targets(notes).flatten().remainder(16)]
    assert notes.blocks == []


def test_training_tokens_are_told_apart_and_their_use_after_the_last_step_is_kept(
    notes: Any,
) -> None:
    """Promise: calibration on training tokens shows, with its time; training itself does not."""
    weight = torch.nn.Parameter(torch.randn(VOCABULARY, VOCABULARY))
    optimiser = torch.optim.SGD([weight], lr=0.1)
    ids = targets(notes, source=1, shape=(128,))
    module("looking").watch_steps(notes)
    with module("looking").Looking(notes):
        F.cross_entropy(F.embedding(ids, weight), ids).backward()
        optimiser.step()
        assert notes.uses == []
        with torch.no_grad():
            F.embedding(ids, weight)
    assert notes.blocks == [(0, True, 1)]
    assert [each["seconds"] for each in notes.uses] == [notes.clock.now]
    assert notes.last_step == 10.0


def test_notes_are_bounded_and_say_so(notes: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Promise: beyond the bound nothing is noted, and the JSON says that it was cut."""
    monkeypatch.setattr(module("recorder"), "TOKENS", 200)
    with module("looking").Looking(notes):
        for at in (0, 200, 400):
            by_nll(logits(), targets(notes, at=at))
    notes.said("final val_bpb: 1.0")
    told = json.loads(notes.path.with_suffix(".json").read_text())
    arrays = np.load(notes.path.with_suffix(".npz"))
    assert told["cut"] is True
    assert told["lines"] == [{"text": "final val_bpb: 1.0", "block": 1, "step": 0}]
    assert len(arrays["position"]) == len(arrays["cost"]) == len(arrays["block"]) == 128
    assert (arrays["step"].tolist(), arrays["source"].tolist()) == ([0], [0])


def test_the_gated_delta_rule_is_the_recurrence_it_stands_for() -> None:
    """Promise: chunk by chunk is the same as token by token."""
    torch.manual_seed(0)
    q, k = torch.randn(2, 2, 150, 3, 8)
    v, g, beta = torch.randn(2, 150, 3, 12), -torch.rand(2, 150, 3), torch.rand(2, 150, 3)
    made, _ = module("recurrent").gated_delta_rule(q, k, v, g, beta)
    state = torch.zeros(2, 3, 8, 12)
    for t in range(150):
        state = state * g[:, t, :, None, None].exp()
        wrong = v[:, t] - torch.einsum("bhk,bhkv->bhv", k[:, t], state)
        state = state + torch.einsum("bhk,bhv->bhkv", k[:, t] * beta[:, t, :, None], wrong)
        out = torch.einsum("bhk,bhkv->bhv", q[:, t] * 8**-0.5, state)
        assert torch.allclose(made[:, t], out, rtol=1e-3, atol=1e-3 * float(out.abs().max()))
