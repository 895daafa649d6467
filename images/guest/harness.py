"""The guest side of scoring: answers the host's requests with a submission's `Scorer`.

Runs inside the scoring box, in one process with the submission's code, so nothing it says is
believed: the host checks every answer. Its one duty is to be a faithful, boring translation
between frames (`wire.py`) and the contract's five calls.

Usage: harness.py MODULE:CLASS ARTIFACT_FOLDER [DEVICE]
"""

from __future__ import annotations

import importlib
import json
import os
import random
import socket
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import wire

SEED = 20240520


@dataclass(frozen=True)
class Chunk:
    """The next tokens of B documents, one per row.

    `ids` is a LongTensor [B, C], padded with 0; `lengths` a LongTensor [B] says how many entries
    of each row are real. A row is t1 … tn END over all its chunks; an empty row has length 0.
    """

    ids: Any
    lengths: Any

    @property
    def mask(self) -> Any:
        """BoolTensor [B, C], true where an entry is real."""
        import torch

        positions = torch.arange(self.ids.shape[1], device=self.ids.device)
        return positions[None, :] < self.lengths[:, None]


class Guest:
    """One scorer behind the wire. Shapes B, C and V come from HELLO."""

    def __init__(self, target: str, artifact: Path, device: str) -> None:
        self.target = target
        self.artifact = artifact
        self.device_name = device

    def hello(self, payload: bytes) -> tuple[wire.Kind, bytes]:
        """Import torch and the submission, load the artifact, answer READY."""
        import numpy
        import torch

        greeting = json.loads(payload)
        if greeting["version"] != wire.PROTOCOL_VERSION:
            raise ValueError(f"host speaks wire version {greeting['version']}")
        self.torch, self.numpy = torch, numpy
        self.rows, self.width = int(greeting["rows"]), int(greeting["chunk"])
        self.vocabulary = int(greeting["vocabulary"])
        torch.set_num_threads(int(greeting["threads"]))
        # The same as `use_deterministic_algorithms(warn_only=True)`, which would import the whole
        # compiler first: 0.8 s in every box.
        torch.set_deterministic_debug_mode("warn")
        self.seed()
        module, _, name = self.target.partition(":")
        self.device = torch.device(self.device_name)
        self.scorer = getattr(importlib.import_module(module), name)(self.artifact, self.device)
        ready = {"torch": torch.__version__, "python": sys.version.split()[0]}
        return wire.Kind.READY, json.dumps(ready).encode()

    def seed(self) -> None:
        """The same random state before every `begin`, whatever happened before."""
        random.seed(SEED)
        self.numpy.random.seed(SEED)
        self.torch.manual_seed(SEED)

    def chunk(self, payload: bytes) -> Chunk:
        """ids i32 [B, C] and lengths i32 [B] as one Chunk on the scorer's device."""
        cells = self.rows * self.width
        flat = self.torch.frombuffer(
            bytearray(payload[: 4 * (cells + self.rows)]), dtype=self.torch.int32
        ).long()
        return Chunk(
            flat[:cells].view(self.rows, self.width).to(self.device),
            flat[cells:].to(self.device),
        )

    def floats(self, tensor: Any) -> bytes:
        """A tensor as flat little-endian float32."""
        host = tensor.detach().to("cpu", self.torch.float32).contiguous()
        return bytes(host.numpy().astype("<f4", copy=False).tobytes())

    def answer(self, kind: int, payload: bytes) -> tuple[wire.Kind, bytes]:
        """One request, one answer."""
        match kind:
            case wire.Kind.HELLO:
                return self.hello(payload)
            case wire.Kind.RESET:
                self.scorer.reset()
            case wire.Kind.BEGIN:
                self.seed()
                self.scorer.begin(wire.COUNT.unpack(payload)[0])
            case wire.Kind.OBSERVE:
                self.scorer.observe(self.chunk(payload))
            case wire.Kind.SCORE:
                return wire.Kind.COSTS, self.floats(self.scorer.score(self.chunk(payload)))
            case wire.Kind.PREDICT:
                ask = self.torch.frombuffer(
                    bytearray(payload[-self.rows :]), dtype=self.torch.uint8
                ).bool()
                logs = self.scorer.predict(self.chunk(payload))
                return wire.Kind.LOGS, self.floats(logs[ask.to(logs.device)])
            case _:
                raise ValueError(f"unknown request {kind}")
        return wire.Kind.OK, b""


def serve(stream: socket.socket, guest: Guest) -> None:
    """Answer until CLOSE. An exception of the scorer is an ERROR answer, shown to its author."""
    while True:
        kind, size = wire.receive_header(stream)
        payload = bytes(wire.receive_exactly(stream, size))
        if kind == wire.Kind.CLOSE:
            return
        try:
            answer, body = guest.answer(kind, payload)
        except Exception:
            answer = wire.Kind.ERROR
            body = traceback.format_exc()[-wire.ERROR_BYTES // 4 :].encode()[-wire.ERROR_BYTES :]
        wire.send(stream, answer, body)


def main() -> None:
    """Connect to the host's socket and serve."""
    target, artifact, device = [*sys.argv[1:], "cpu"][:3]
    stream = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    stream.connect(os.path.join(os.environ["VERIFIER_CHANNEL"], "wire"))
    serve(stream, Guest(target, Path(artifact), device))


if __name__ == "__main__":
    main()
