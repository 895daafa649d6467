"""What does the model know at each column of a chunk? Kept so that nothing is computed twice.

Column j of a chunk holds the token *before* the chunk's token j: it tells what was known when
token j was still to come. What was computed is used again only where it was computed from the same
tokens, so no answer can depend on which calls came before.
"""

from __future__ import annotations

import torch
from model import BEFORE, BOS, WIDTH, Cache, Model
from torch import Tensor


class Reader:
    """B documents, one a row, read a chunk of `columns` tokens at a time; all rows go together.

    A row shorter than its chunk has ended. Its padding is computed along and nobody looks at it:
    no row looks at another.
    """

    def __init__(self, model: Model, documents: int, columns: int) -> None:
        """Each row has seen BOS and nothing else."""
        device = model.tokens.device
        self.model = model
        self.cache = Cache(documents, columns, device)
        self.last = torch.tensor([[0] * BEFORE + [BOS]], device=device).repeat(documents, 1)
        # Scratch paper: what is known in the first `kept` columns, and the text it comes from.
        self.known = torch.zeros(documents, columns, WIDTH, device=device)
        self.text = self.last.new_zeros(documents, BEFORE + columns)
        self.kept, self.in_one_go = 0, False

    def everywhere(self, ids: Tensor) -> Tensor:
        """What is known before each token of a chunk [B, C]: float [B, C, WIDTH]."""
        text = torch.cat((self.last, ids), dim=1)[:, :-1]
        if not (self.in_one_go and torch.equal(text, self.text)):
            self._fill(text, 0, ids.shape[1])
            self.in_one_go = True
        return self.known

    def after(self, prefix: Tensor, lengths: Tensor) -> Tensor:
        """What is known after each row's first `lengths` [B] tokens of `prefix` [B, C]: [B, WIDTH].

        Of ascending prefixes, each call computes one more column.
        """
        text = torch.cat((self.last, prefix), dim=1)[:, :-1]
        differs = (text != self.text)[:, BEFORE : BEFORE + self.kept]
        needed = torch.arange(self.kept, device=text.device) <= lengths[:, None]
        wrong = (differs & needed).any(dim=0).tolist()
        start = wrong.index(True) if True in wrong else self.kept
        stop = int(lengths.max()) + 1
        if start < stop:
            self._fill(text, start, stop)
            self.in_one_go = False
        return self.known[torch.arange(len(lengths), device=text.device), lengths]

    def commit(self, ids: Tensor) -> None:
        """The chunk has been charged: it becomes past.

        This may take over what `everywhere` computed, but nothing of `after`: added up token by
        token, floats differ in their last bits, and a chunk must always leave the same past.
        """
        self.everywhere(ids)
        self.cache.commit()
        self.last = ids[:, -BEFORE - 1 :]
        self.kept, self.in_one_go = 0, False

    def _fill(self, text: Tensor, start: int, stop: int) -> None:
        part = text[:, start : BEFORE + stop]
        self.known[:, start:stop] = self.model.read(part, self.cache, start)
        self.text[:, start : BEFORE + stop] = part
        self.kept = stop
