"""Trains a small language model in ten minutes, packs it as int8 + zlib, and scores what it packed.

Eight H100: torchrun --standalone --nproc_per_node=8 train_gpt.py
"""

from __future__ import annotations

import copy
import glob
import io
import math
import os
import sys
import time
import uuid
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import sentencepiece as spm
import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn

# ---------------------------------------------------------------- settings


class Hyperparameters:
    """Everything that a run can be told, from the environment."""

    shards = os.environ.get("DATA_PATH", "./data/datasets/fineweb10B_sp1024")
    train_files = f"{shards}/fineweb_train_*.bin"
    val_files = f"{shards}/fineweb_val_*.bin"
    tokenizer = os.environ.get("TOKENIZER_PATH", "./data/tokenizers/fineweb_1024_bpe.model")
    run_id = os.environ.get("RUN_ID", uuid.uuid4().hex)
    seed = int(os.environ.get("SEED", "1337"))

    iterations = int(os.environ.get("ITERATIONS", "20000"))
    warmup_steps = int(os.environ.get("WARMUP_STEPS", "20"))
    warmdown_iters = int(os.environ.get("WARMDOWN_ITERS", "1200"))
    train_batch_tokens = int(os.environ.get("TRAIN_BATCH_TOKENS", "524288"))
    train_seq_len = int(os.environ.get("TRAIN_SEQ_LEN", "1024"))
    max_wallclock_seconds = float(os.environ.get("MAX_WALLCLOCK_SECONDS", "600"))
    train_log_every = int(os.environ.get("TRAIN_LOG_EVERY", "200"))
    val_loss_every = int(os.environ.get("VAL_LOSS_EVERY", "1000"))
    val_batch_size = int(os.environ.get("VAL_BATCH_SIZE", "524288"))

    vocab_size = int(os.environ.get("VOCAB_SIZE", "1024"))
    num_layers = int(os.environ.get("NUM_LAYERS", "9"))
    model_dim = int(os.environ.get("MODEL_DIM", "512"))
    num_heads = int(os.environ.get("NUM_HEADS", "8"))
    num_kv_heads = int(os.environ.get("NUM_KV_HEADS", "4"))
    mlp_mult = int(os.environ.get("MLP_MULT", "2"))
    rope_base = float(os.environ.get("ROPE_BASE", "10000"))
    logit_softcap = float(os.environ.get("LOGIT_SOFTCAP", "30"))

    learning_rate = float(os.environ.get("LEARNING_RATE", "0.003"))
    weight_decay = float(os.environ.get("WEIGHT_DECAY", "0.01"))
    grad_clip_norm = float(os.environ.get("GRAD_CLIP_NORM", "1.0"))


# ---------------------------------------------------------------- the run


class Run:
    """This process among the ranks, and the log of the first of them."""

    def __init__(self, args: Hyperparameters) -> None:
        self.rank = int(os.environ.get("RANK", "0"))
        self.world_size = int(os.environ.get("WORLD_SIZE", "1"))
        if 8 % self.world_size:
            raise ValueError(f"WORLD_SIZE={self.world_size} does not divide 8")
        self.accumulation = 8 // self.world_size
        if not torch.cuda.device_count():
            raise RuntimeError("this script needs a GPU")
        self.device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
        torch.cuda.set_device(self.device)
        self.distributed = "RANK" in os.environ
        if self.distributed:
            dist.init_process_group(backend="nccl", device_id=self.device)
        self.logfile = Path("logs") / f"{args.run_id}.txt"
        self.logfile.parent.mkdir(exist_ok=True)

    def log(self, text: str) -> None:
        """Say it once, on the console and in the log."""
        if self.rank == 0:
            print(text, flush=True)
            with self.logfile.open("a", encoding="utf-8") as file:
                print(text, file=file)

    def sum(self, values: Tensor) -> Tensor:
        """The sum over all ranks, in place."""
        if self.distributed:
            dist.all_reduce(values, op=dist.ReduceOp.SUM)
        return values

    def seconds(self) -> float:
        """The clock, once the device has done what it was given."""
        torch.cuda.synchronize()
        return time.perf_counter()


# ---------------------------------------------------------------- data


def read_shard(path: str) -> Tensor:
    """The tokens of one shard: 256 ints of header, then 16 bits a token."""
    header = np.fromfile(path, "<i4", 256)
    if header[0] != 20240520 or header[1] != 1:
        raise ValueError(f"{path} is no shard of tokens")
    tokens = np.fromfile(path, dtype="<u2", offset=1024, count=int(header[2]))
    return torch.from_numpy(tokens.astype(np.int32))


def read_heldout(args: Hyperparameters) -> Tensor:
    """All held-out tokens, in the order of their shards."""
    return torch.cat([read_shard(path) for path in sorted(glob.glob(args.val_files))])


def training_files(args: Hyperparameters) -> list[str]:
    """The shards to train on, in the order they are read."""
    return sorted(glob.glob(args.train_files))


class Batches:
    """Training batches: the shards one after the other, for ever; each rank takes its part."""

    def __init__(self, run: Run, args: Hyperparameters) -> None:
        self.run = run
        self.length = args.train_seq_len
        self.files = training_files(args)
        self.file = 0
        self.tokens = read_shard(self.files[0])
        self.at = 0

    def _take(self, count: int) -> Tensor:
        while self.at + count > len(self.tokens):
            self.file = (self.file + 1) % len(self.files)
            rest = self.tokens[self.at :]
            self.tokens = torch.cat((rest, read_shard(self.files[self.file])))
            self.at = 0
        self.at += count
        return self.tokens[self.at - count : self.at]

    def next(self, tokens: int) -> tuple[Tensor, Tensor]:
        """Inputs and targets [B, T] of this rank, out of `tokens` over all ranks."""
        count = tokens // self.run.world_size // self.length * self.length
        whole = self._take(count * self.run.world_size + 1)
        mine = whole[count * self.run.rank : count * (self.run.rank + 1) + 1]
        mine = mine.to(self.run.device, torch.int64, non_blocking=True)
        return mine[:-1].view(-1, self.length), mine[1:].view(-1, self.length)


# ---------------------------------------------------------------- bytes


def byte_tables(args: Hyperparameters, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """For each token: its bytes, whether a space leads it, whether nothing may precede a space."""
    pieces = spm.SentencePieceProcessor(model_file=args.tokenizer)
    size = max(args.vocab_size, pieces.vocab_size())
    count = torch.zeros(size, dtype=torch.int64)
    spaced = torch.zeros(size, dtype=torch.bool)
    boundary = torch.ones(size, dtype=torch.bool)
    for token in range(pieces.vocab_size()):
        if pieces.is_control(token) or pieces.is_unknown(token) or pieces.is_unused(token):
            continue
        boundary[token] = False
        if pieces.is_byte(token):
            count[token] = 1
            continue
        piece = pieces.id_to_piece(token)
        spaced[token] = piece.startswith("▁")
        count[token] = len(piece.removeprefix("▁").encode())
    return count.to(device), spaced.to(device), boundary.to(device)


def bytes_of(tables: tuple[Tensor, Tensor, Tensor], before: Tensor, targets: Tensor) -> Tensor:
    """Bytes of each target, its leading space among them unless a boundary comes before it."""
    count, spaced, boundary = tables
    return count[targets] + (spaced[targets] & ~boundary[before]).long()


# ---------------------------------------------------------------- model


def rotated(x: Tensor, base: float) -> Tensor:
    """Rotary positions for [B, H, T, D]."""
    half = x.shape[-1] // 2
    rates = base ** (-torch.arange(half, device=x.device, dtype=torch.float32) / half)
    angles = torch.arange(x.shape[-2], device=x.device, dtype=torch.float32)[:, None] * rates
    cos, sin = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
    a, b = x.chunk(2, dim=-1)
    return torch.cat((a * cos - b * sin, a * sin + b * cos), dim=-1)


class Attention(nn.Module):
    """Causal attention with grouped keys and normalised queries."""

    def __init__(self, args: Hyperparameters) -> None:
        super().__init__()
        self.heads, self.groups = args.num_heads, args.num_kv_heads
        self.width = args.model_dim // args.num_heads
        self.rope_base = args.rope_base
        self.c_q = nn.Linear(args.model_dim, args.model_dim, bias=False)
        self.c_k = nn.Linear(args.model_dim, self.groups * self.width, bias=False)
        self.c_v = nn.Linear(args.model_dim, self.groups * self.width, bias=False)
        self.proj = nn.Linear(args.model_dim, args.model_dim, bias=False)
        self.proj.weight.data.zero_()

    def forward(self, x: Tensor) -> Tensor:
        """[B, T, D] to [B, T, D]."""
        rows, length, _ = x.shape
        q = self.c_q(x).view(rows, length, self.heads, self.width).transpose(1, 2)
        k = self.c_k(x).view(rows, length, self.groups, self.width).transpose(1, 2)
        v = self.c_v(x).view(rows, length, self.groups, self.width).transpose(1, 2)
        q = rotated(F.rms_norm(q, (self.width,)), self.rope_base)
        k = rotated(F.rms_norm(k, (self.width,)), self.rope_base)
        mixed = F.scaled_dot_product_attention(
            q, k.to(q.dtype), v.to(q.dtype), is_causal=True, enable_gqa=self.heads != self.groups
        )
        return self.proj(mixed.transpose(1, 2).reshape(rows, length, -1))


class Block(nn.Module):
    """Attention and a squared-ReLU MLP, each on a normalised stream."""

    def __init__(self, args: Hyperparameters) -> None:
        super().__init__()
        self.attn = Attention(args)
        self.fc = nn.Linear(args.model_dim, args.mlp_mult * args.model_dim, bias=False)
        self.proj = nn.Linear(args.mlp_mult * args.model_dim, args.model_dim, bias=False)
        self.scale = nn.Parameter(torch.ones(2, args.model_dim))
        self.proj.weight.data.zero_()

    def forward(self, x: Tensor) -> Tensor:
        """[B, T, D] to [B, T, D]."""
        x = x + self.scale[0].to(x.dtype) * self.attn(F.rms_norm(x, (x.shape[-1],)))
        hidden = torch.relu(self.fc(F.rms_norm(x, (x.shape[-1],)))).square()
        return x + self.scale[1].to(x.dtype) * self.proj(hidden)


class GPT(nn.Module):
    """A decoder whose head is its embedding."""

    def __init__(self, args: Hyperparameters) -> None:
        super().__init__()
        self.tok_emb = nn.Embedding(args.vocab_size, args.model_dim)
        nn.init.normal_(self.tok_emb.weight, std=0.005)
        self.blocks = nn.ModuleList(Block(args) for _ in range(args.num_layers))
        self.cap = args.logit_softcap

    def embed(self, ids: Tensor) -> Tensor:
        """[B, T] to [B, T, D]."""
        return self.tok_emb(ids)

    def hidden(self, ids: Tensor) -> Tensor:
        """What the head sees, [B, T, D]."""
        x = F.rms_norm(self.embed(ids), (self.tok_emb.embedding_dim,))
        for block in self.blocks:
            x = block(x)
        return F.rms_norm(x, (x.shape[-1],))

    def head(self, hidden: Tensor) -> Tensor:
        """Logits [B, T, V] in float32."""
        logits = F.linear(hidden, self.tok_emb.weight.to(hidden.dtype)).float()
        return self.cap * torch.tanh(logits / self.cap)

    def forward(self, ids: Tensor, targets: Tensor, reduction: str = "mean") -> Tensor:
        """The loss in nats: the mean, or with reduction "none" one a token, flat."""
        logits = self.head(self.hidden(ids))
        return F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction=reduction)


def autocast() -> torch.autocast:
    """bfloat16 where it is safe."""
    return torch.autocast(device_type="cuda", dtype=torch.bfloat16)


# ---------------------------------------------------------------- scoring


def windows(run: Run, args: Hyperparameters, tokens: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """This rank's windows [B, T], side by side: inputs and targets."""
    length = args.train_seq_len
    count = (len(tokens) - 1) // length
    begin, end = (count * each // run.world_size for each in (run.rank, run.rank + 1))
    rows = max(1, args.val_batch_size // (run.world_size * length))
    for first in range(begin, end, rows):
        last = min(first + rows, end)
        span = tokens[first * length : last * length + 1].to(run.device, torch.int64)
        yield span[:-1].view(-1, length), span[1:].view(-1, length)


def result(run: Run, totals: Tensor) -> tuple[float, float]:
    """Nats a token and bits a byte, from [nats, tokens, bytes] of each rank."""
    nats, tokens, count = run.sum(totals).tolist()
    return nats / tokens, nats / math.log(2.0) / count


def score(
    run: Run, args: Hyperparameters, model: nn.Module, tokens: Tensor, tables: tuple[Tensor, ...]
) -> tuple[float, float]:
    """Loss and bits per byte of the held-out tokens as the model stands."""
    totals = torch.zeros(3, dtype=torch.float64, device=run.device)
    model.eval()
    with torch.inference_mode():
        for x, y in windows(run, args, tokens):
            with autocast():
                loss = model(x, y)
            totals[0] += loss.double() * y.numel()
            totals[1] += y.numel()
            totals[2] += bytes_of(tables, x, y).sum()
    model.train()
    return result(run, totals)


def evaluate(
    run: Run, args: Hyperparameters, model: nn.Module, tokens: Tensor, tables: tuple[Tensor, ...]
) -> tuple[float, float]:
    """The number that counts, from the model that was packed."""
    return score(run, args, model, tokens, tables)


# ---------------------------------------------------------------- training


def rate(args: Hyperparameters, step: int, seconds: float) -> float:
    """The learning rate's factor: 1, then down to 0 at the last step or the last second."""
    by_steps = (args.iterations - step) / max(1, args.warmdown_iters)
    if not step or args.max_wallclock_seconds <= 0:
        return min(1.0, by_steps)
    left = max(0.0, args.max_wallclock_seconds - seconds)
    return min(1.0, by_steps, left / max(1e-9, args.warmdown_iters * seconds / step))


def train_step(
    run: Run, args: Hyperparameters, model: nn.Module, optimiser: torch.optim.Optimizer,
    batches: Batches,
) -> Tensor:  # fmt: skip
    """One step of the optimiser; returns this rank's mean loss."""
    mean = torch.zeros((), device=run.device)
    for _ in range(run.accumulation):
        x, y = batches.next(args.train_batch_tokens // run.accumulation)
        with autocast():
            loss = model(x, y)
        (loss / run.accumulation).backward()
        mean += loss.detach() / run.accumulation
    for weight in model.parameters():
        run.sum(weight.grad).div_(run.world_size)
    nn.utils.clip_grad_norm_(model.parameters(), args.grad_clip_norm)
    optimiser.step()
    optimiser.zero_grad(set_to_none=True)
    return mean


def optimiser_of(args: Hyperparameters, model: nn.Module) -> torch.optim.Optimizer:
    """AdamW over everything."""
    return torch.optim.AdamW(
        model.parameters(), lr=args.learning_rate, betas=(0.9, 0.95),
        weight_decay=args.weight_decay, fused=True,
    )  # fmt: skip


def warm_up(run: Run, args: Hyperparameters, model: nn.Module) -> None:
    """Steps that compile everything, undone before the clock starts."""
    before = copy.deepcopy(model.state_dict())
    optimiser, batches = optimiser_of(args, model), Batches(run, args)
    for step in range(args.warmup_steps):
        train_step(run, args, model, optimiser, batches)
        run.log(f"warmup_step:{step + 1}/{args.warmup_steps}")
    model.load_state_dict(before)


def training_seconds(args: Hyperparameters) -> float:
    """How long the loop may take."""
    return args.max_wallclock_seconds


def train(
    run: Run, args: Hyperparameters, model: nn.Module, tokens: Tensor, tables: tuple[Tensor, ...]
) -> float:
    """Steps until they or the seconds run out; validation stops the clock. Returns the seconds."""
    warm_up(run, args, model)
    optimiser, batches = optimiser_of(args, model), Batches(run, args)
    step, spent, began = 0, 0.0, run.seconds()
    limit = training_seconds(args)
    while True:
        last = step == args.iterations or 0 < limit <= spent
        if last or (args.val_loss_every and step % args.val_loss_every == 0):
            spent += run.seconds() - began
            loss, bpb = score(run, args, model, tokens, tables)
            run.log(
                f"step:{step}/{args.iterations} val_loss:{loss:.4f} val_bpb:{bpb:.4f} "
                f"train_time:{1000 * spent:.0f}ms step_avg:{1000 * spent / max(1, step):.2f}ms"
            )
            began = run.seconds()
        if last:
            return spent
        for group in optimiser.param_groups:
            group["lr"] = args.learning_rate * rate(args, step, spent)
        loss = train_step(run, args, model, optimiser, batches)
        step += 1
        now = run.seconds()
        elapsed = torch.tensor(spent + now - began, dtype=torch.float64, device=run.device)
        spent, began = float(run.sum(elapsed)) / run.world_size, now
        if args.train_log_every and (step <= 10 or step % args.train_log_every == 0):
            run.log(
                f"step:{step}/{args.iterations} train_loss:{loss.item():.4f} "
                f"train_time:{1000 * spent:.0f}ms step_avg:{1000 * spent / step:.2f}ms"
            )


# ---------------------------------------------------------------- the artifact

ARTIFACT = "final_model.int8.ptz"


def quantised(weight: Tensor) -> tuple[Tensor, Tensor]:
    """A matrix as int8 with one scale a row."""
    scale = (weight.abs().amax(dim=1) / 127).clamp_min(1e-8)
    return (weight / scale[:, None]).round().clamp(-127, 127).to(torch.int8), scale.half()


def export(run: Run, args: Hyperparameters, model: nn.Module) -> None:
    """Write the weights: matrices as int8, the rest as they are, everything deflated."""
    packed = {}
    for name, held in model.state_dict().items():
        weight = held.detach().float().cpu()
        packed[name] = quantised(weight) if weight.ndim == 2 else weight.half()
    store(run, packed)


def store(run: Run, packed: dict[str, object]) -> None:
    """Put it into the artifact's file, once."""
    if run.rank == 0:
        buffer = io.BytesIO()
        torch.save(packed, buffer)
        Path(ARTIFACT).write_bytes(zlib.compress(buffer.getvalue(), 9))
    if run.distributed:
        dist.barrier()


def read_artifact() -> dict[str, object]:
    """What the artifact holds."""
    return torch.load(io.BytesIO(zlib.decompress(Path(ARTIFACT).read_bytes())), map_location="cpu")


def restore(model: nn.Module) -> None:
    """Give the model the weights of the artifact."""
    state = {}
    for name, held in read_artifact().items():
        if isinstance(held, tuple):
            state[name] = held[0].float() * held[1].float()[:, None]
        elif name in model.state_dict():
            state[name] = held.float()
    model.load_state_dict(state)


# ---------------------------------------------------------------- all of it


def main() -> None:
    """Train, pack, read back, score."""
    args = Hyperparameters()
    run = Run(args)
    torch.manual_seed(args.seed)
    run.log(f"Python {sys.version.split()[0]} PyTorch {torch.__version__}")
    tokens = read_heldout(args)
    tables = byte_tables(args, run.device)
    base_model = GPT(args).to(run.device)
    model = torch.compile(base_model, dynamic=False)
    run.log(f"model_params:{sum(weight.numel() for weight in base_model.parameters())}")
    run.log(f"world_size:{run.world_size} seed:{args.seed} val_tokens:{len(tokens) - 1}")
    train(run, args, model, tokens, tables)
    export(run, args, base_model)
    size, code = Path(ARTIFACT).stat().st_size, Path(__file__).stat().st_size
    run.log(f"Serialized model int8+zlib: {size} bytes")
    run.log(f"Total submission size int8+zlib: {size + code} bytes")
    restore(base_model)
    began = run.seconds()
    loss, bpb = evaluate(run, args, model, tokens, tables)
    spent = 1000 * (run.seconds() - began)
    run.log(
        f"final_int8_zlib_roundtrip val_loss:{loss:.4f} val_bpb:{bpb:.4f} eval_time:{spent:.0f}ms"
    )
    run.log(f"final_int8_zlib_roundtrip_exact val_loss:{loss:.8f} val_bpb:{bpb:.8f}")
    if run.distributed:
        dist.destroy_process_group()


if __name__ == "__main__":
    main()
