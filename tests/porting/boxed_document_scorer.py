"""The base class of ported submissions, where torch is: windows, adapters, rows that are alone."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).parents[2] / "images" / "guest" / "porting"))

from document_scorer import BOS, DocumentScorer

VOCABULARY, WIDTH = 23, 8


@dataclass
class Chunk:
    ids: Tensor
    lengths: Tensor


class Model(nn.Module):
    """What comes next depends on the whole window: a running mean of what was embedded."""

    def __init__(self) -> None:
        super().__init__()
        self.embedded = nn.Embedding(VOCABULARY, WIDTH)
        self.c_q = nn.Linear(WIDTH, WIDTH, bias=False)
        self.head = nn.Linear(WIDTH, VOCABULARY, bias=False)

    def forward(self, ids: Tensor) -> Tensor:
        places = torch.arange(1, ids.shape[1] + 1)[:, None]
        x = self.embedded(ids).cumsum(dim=1) / places
        return self.head(torch.tanh(self.c_q(x)))


class Scorer(DocumentScorer):
    def load(self, artifact: Path, device: torch.device) -> nn.Module:
        torch.manual_seed(1)
        return Model()

    def logits(self, model: nn.Module, ids: Tensor) -> Tensor:
        return model(ids)


def made(window: int, stride: int, lora: tuple[str, ...] = ()) -> Scorer:
    kind = type("Made", (Scorer,), {"window": window, "stride": stride, "lora": lora, "rank": 2})
    return kind(Path(), torch.device("cpu"))


def texts(*lengths: int) -> list[Tensor]:
    """Documents as their targets, END last."""
    random = torch.Generator().manual_seed(7)
    return [
        torch.cat((torch.randint(2, VOCABULARY, (n - 1,), generator=random), torch.tensor([BOS])))
        for n in lengths
    ]


def chunks(rows: list[Tensor], width: int) -> list[Chunk]:
    found = []
    for first in range(0, max(map(len, rows)), width):
        pieces = [row[first : first + width] for row in rows]
        ids = torch.stack([nn.functional.pad(each, (0, width - len(each))) for each in pieces])
        found.append(Chunk(ids, torch.tensor([len(each) for each in pieces])))
    return found


def charged(scorer: Scorer, rows: list[Tensor], width: int) -> list[Tensor]:
    """What each target costs in a pass."""
    scorer.reset()
    scorer.begin(len(rows))
    costs: list[list[Tensor]] = [[] for _ in rows]
    for chunk in chunks(rows, width):
        scored = scorer.score(chunk)
        for row, length in enumerate(chunk.lengths.tolist()):
            costs[row].append(scored[row, :length])
        scorer.observe(chunk)
    return [torch.cat(each) for each in costs]


def by_hand(scorer: Scorer, row: Tensor) -> Tensor:
    """One target at a time: the first window, of those at multiples of the stride, that has it."""
    text = torch.cat((torch.tensor([BOS]), row))
    costs = []
    for at in range(len(row)):
        start = next(s for s in range(0, at + 1, scorer.stride) if s + scorer.window > at)
        logs = scorer.model(text[None, start : at + 1])[0, -1].log_softmax(-1)
        costs.append(-logs[row[at]])
    return torch.stack(costs)


@pytest.mark.parametrize("width", [1, 4, 20])
@pytest.mark.parametrize(("window", "stride"), [(8, 8), (8, 2), (8, 3), (64, 64)])
def test_a_token_is_charged_in_the_first_window_that_reaches_it(
    window: int, stride: int, width: int
) -> None:
    """Promise: whatever the chunk, each target has the context that its window gives it."""
    scorer, rows = made(window, stride), texts(1, 7, 8, 9, 16, 21)
    for row, costs in zip(rows, charged(scorer, rows, width), strict=True):
        torch.testing.assert_close(costs, by_hand(scorer, row))


@pytest.mark.parametrize("lora", [(), ("c_q", "head")])
def test_what_is_predicted_blind_is_what_was_charged(lora: tuple[str, ...]) -> None:
    """Promise: `predict` is `score`, with rows at different places and windows."""
    scorer, rows = made(8, 4, lora), texts(6, 15, 22)
    costs = charged(scorer, rows, 6)
    scorer.reset()
    scorer.begin(len(rows))
    for index, chunk in enumerate(chunks(rows, 6)):
        for shown in range(6):
            lengths = torch.tensor([min(shown, max(0, n - 1)) for n in chunk.lengths.tolist()])
            shown_only = torch.arange(6) < lengths[:, None]
            logs = scorer.predict(Chunk(chunk.ids * shown_only, lengths))
            torch.testing.assert_close(logs.exp().sum(-1), torch.ones(len(rows)))
            for row, (length, at) in enumerate(zip(chunk.lengths, lengths, strict=True)):
                if length:
                    blind = -logs[row, chunk.ids[row, at]]
                    torch.testing.assert_close(blind, costs[row][index * 6 + at])
        scorer.observe(chunk)


@pytest.mark.parametrize("lora", [(), ("c_q", "head")])
def test_a_document_costs_the_same_in_any_company_and_any_row(lora: tuple[str, ...]) -> None:
    """Promise: rows share nothing, and what was learned ends with its document."""
    scorer, rows = made(8, 4, lora), texts(21, 5, 30, 12)
    alone = [charged(scorer, [row], 4)[0] for row in rows]
    together = charged(scorer, rows, 4)
    turned = charged(scorer, rows[::-1], 4)[::-1]
    for one, two, three in zip(alone, together, turned, strict=True):
        torch.testing.assert_close(one, two)
        torch.testing.assert_close(one, three)


def test_only_what_was_charged_teaches() -> None:
    """Promise: scoring and predicting leave nothing; observing does, with adapters alone."""
    (row,) = texts(24)
    plain, adapting = made(8, 4), made(8, 4, ("c_q", "head"))
    before = {name: held.clone() for name, held in adapting.model.state_dict().items()}
    with_lessons, without = (charged(each, [row], 4)[0] for each in (adapting, plain))
    torch.testing.assert_close(with_lessons[:4], without[:4])
    assert (with_lessons[4:] - without[4:]).abs().max() > 1e-3
    for name, held in adapting.model.state_dict().items():
        assert torch.equal(held, before[name])
    adapting.reset()
    adapting.begin(1)
    first = chunks([row], 4)[0]
    assert torch.equal(adapting.score(first), adapting.score(first))
    adapting.predict(Chunk(first.ids[:, :4], torch.tensor([2])))
    torch.testing.assert_close(adapting.score(first)[0], without[:4])


def test_adapters_that_are_gone_no_longer_touch_the_model() -> None:
    """Promise: each beginning leaves one set of hooks, whatever went before."""
    scorer = made(8, 4, ("c_q",))
    for documents in (2, 3, 2):
        scorer.begin(documents)
        scorer.reset()
        scorer.begin(documents)
    assert len(scorer.model.c_q._forward_hooks) == 1


def test_what_is_not_written_yet_says_so() -> None:
    """Promise: a scorer without `load` or `logits` names what is missing."""
    with pytest.raises(NotImplementedError, match="write `load`"):
        DocumentScorer(Path(), torch.device("cpu"))
