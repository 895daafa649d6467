"""What does each token of a document cost to a model that reads in windows?

`verifier init --from` puts this file into a submission; change it as you like, it is weighed with
your code. You give `load` and `logits`; windows, chunks and adapters are here. Every row is one
document and sees nothing of another: its text starts with BOS, and what an adapter learned ends
with it.

A window begins at a multiple of `stride`, and a token is charged in the first window that reaches
it: the first `window` tokens of a document by the first window, then `stride` tokens by each next
one. With `stride = window` windows do not overlap.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

BOS = 1


class Chunk(Protocol):
    """What the harness hands over: the next tokens of B documents, or a prefix of them."""

    ids: Tensor  # [B, C], padded with 0
    lengths: Tensor  # [B], how many entries of each row are real


class DocumentScorer:
    """The contract's calls over `load` and `logits`. Nothing is learned unless `lora` is set."""

    window = 1024  # tokens that the model sees at once
    stride = 1024  # from one window's beginning to the next one's
    lora: tuple[str, ...] = ()  # linear layers, by the last part of their name, that adapt
    rank = 8
    rate = 0.01  # of Adam, one step a chunk
    betas = (0.9, 0.95)
    epsilon = 1e-10

    def load(self, artifact: Path, device: torch.device) -> nn.Module:
        """The trained model, from the folder that training left. Yours to write."""
        raise NotImplementedError("write `load`: the model that training left in `artifact`")

    def logits(self, model: nn.Module, ids: Tensor) -> Tensor:
        """Logits [B, T, V] of the token after each of `ids` [B, T]. Yours to write.

        Row b may look at its own earlier columns alone; `self.adapted` are its adapters.
        """
        raise NotImplementedError("write `logits`: what comes after each token of `ids`")

    def adapters(self, model: nn.Module) -> nn.Module | None:
        """What learns while scoring, for one document: every parameter is [1, …]."""
        return Lora(model, self.lora, self.rank) if self.lora else None

    # ---------------------------------------------------------------- the contract

    def __init__(self, artifact: Path, device: torch.device) -> None:
        """Load once; nothing that is learned later touches the model's own weights."""
        self.model = self.load(artifact, device).requires_grad_(False).eval()
        self.device = device
        self.adapted: Any = None

    def reset(self) -> None:
        """All that is ever learned lies in the adapters, which `begin` makes new."""
        if isinstance(self.adapted, Lora):
            self.adapted.leave()
        self.adapted = None

    def begin(self, documents: int) -> None:
        """New documents start, one per row."""
        self.reset()
        self.text = torch.full((documents, 1), BOS, device=self.device)
        self.adapted = self._begun(documents)
        if self.adapted is not None:
            self.teacher = torch.optim.Adam(
                self.adapted.parameters(), lr=self.rate, betas=self.betas, eps=self.epsilon
            )

    @torch.no_grad()
    def score(self, chunk: Chunk) -> Tensor:
        """Nats [B, C] for each token of the chunk. Changes nothing."""
        return self._costs(chunk.ids)

    @torch.no_grad()
    def predict(self, prefix: Chunk) -> Tensor:
        """Log-probabilities [B, V] after each row's prefix. Changes nothing.

        The window is as long as in `score`, so that the two round alike.
        """
        at = self.text.shape[1] - 1 + prefix.lengths
        starts = self._starts(at)
        rows = torch.arange(len(at), device=at.device)
        answer: Tensor | None = None
        for start in starts.unique().tolist():
            logits = self._logits(prefix.ids, start)
            here = logits[rows, (at - start).clamp(0, logits.shape[1] - 1)]
            answer = (
                here if answer is None else torch.where((starts == start)[:, None], here, answer)
            )
        assert answer is not None
        return answer.float().log_softmax(-1)

    def observe(self, chunk: Chunk) -> None:
        """The chunk has been charged: now it may teach, and it becomes context."""
        if self.adapted is not None:
            real = torch.arange(chunk.ids.shape[1], device=self.device) < chunk.lengths[:, None]
            self.teacher.zero_grad()
            # Rows are added, never averaged together: each document's gradient is its own.
            (self._costs(chunk.ids) * real).mean(dim=1).sum().backward()
            self.teacher.step()
        self.text = torch.cat((self.text, chunk.ids), dim=1)

    # ---------------------------------------------------------------- windows

    def _starts(self, at: Tensor) -> Tensor:
        """Where the window begins in which the token after `at` earlier ones is charged."""
        beyond = (at + 1 - self.window).clamp(min=0)
        return -(-beyond // self.stride) * self.stride

    def _logits(self, ids: Tensor, start: int) -> Tensor:
        """Logits [B, T, V] in the window from `start`, at most up to the chunk's end."""
        text = torch.cat((self.text, ids), dim=1)[:, :-1][:, start : start + self.window]
        return self.logits(self.model, text).reshape(*text.shape, -1)

    def _costs(self, ids: Tensor) -> Tensor:
        """Nats [B, C] of a chunk's tokens, each in its own window."""
        first, end = self.text.shape[1] - 1, self.text.shape[1] - 1 + ids.shape[1]
        costs, at = [], first
        while at < end:
            start = int(self._starts(torch.tensor(at)))
            stop = min(start + self.window, end)
            logs = self._logits(ids, start)[:, at - start : stop - start].float().log_softmax(-1)
            costs.append(-logs.gather(-1, ids[:, at - first : stop - first, None])[..., 0])
            at = stop
        return torch.cat(costs, dim=1)

    def _begun(self, documents: int) -> nn.Module | None:
        """New adapters, made for one document and copied for each: no row starts otherwise."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            made = self.adapters(self.model)
        for parameter in made.parameters() if made is not None else ():
            copies = parameter.data.to(self.device).expand(documents, *parameter.shape[1:])
            parameter.data = copies.contiguous()
        return made


class Lora(nn.Module):
    """A low-rank addition for each document to the linear layers of a model that are named."""

    def __init__(self, model: nn.Module, names: tuple[str, ...], rank: int) -> None:
        """For one document. At first the addition is nothing: `up` is zero."""
        super().__init__()
        self.down, self.up, self.hooks = nn.ParameterList(), nn.ParameterList(), []
        for name, layer in model.named_modules():
            if isinstance(layer, nn.Linear) and name.rpartition(".")[2] in names:
                down = torch.empty(1, rank, layer.in_features)
                bound = layer.in_features**-0.5
                self.down.append(nn.Parameter(down.uniform_(-bound, bound)))
                self.up.append(nn.Parameter(torch.zeros(1, layer.out_features, rank)))
                self.hooks.append(layer.register_forward_hook(self._adding(len(self.hooks))))

    def _adding(self, index: int) -> Any:
        def add(_: nn.Module, given: tuple[Tensor], output: Tensor) -> Tensor:
            down, up = self.down[index].to(given[0].dtype), self.up[index].to(given[0].dtype)
            return output + (given[0] @ down.mT) @ up.mT

        return add

    def leave(self) -> None:
        """The model is as it was."""
        for hook in self.hooks:
            hook.remove()
