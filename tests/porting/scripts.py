"""Small scripts of our own in the shapes that records have: everything in one `main`."""

from __future__ import annotations

HEAD = '''
"""A script."""
from __future__ import annotations

import glob
import io
import math
import os
import zlib
from pathlib import Path

import numpy as np
import sentencepiece as spm
import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn


class Hyperparameters:
    data_path = os.environ.get("DATA_PATH", "./data/datasets/fineweb10B_sp1024")
    train_files = os.path.join(data_path, "fineweb_train_*.bin")
    val_files = os.path.join(data_path, "fineweb_val_*.bin")
    tokenizer_path = os.environ.get("TOKENIZER_PATH", "./data/tokenizers/fineweb_1024_bpe.model")
    seed = int(os.environ.get("SEED", 1337))
    iterations = int(os.environ.get("ITERATIONS", 100))
    train_seq_len = int(os.environ.get("TRAIN_SEQ_LEN", 512))
    eval_stride = int(os.environ.get("EVAL_STRIDE", 32))
    ttt_chunk_size = int(os.environ.get("TTT_CHUNK_SIZE", 128))
    ttt_seq_len = int(os.environ.get("TTT_SEQ_LEN", 384))
    ttt_rank = int(os.environ.get("TTT_RANK", 4))
    ttt_lr = float(os.environ.get("TTT_LR", 0.02))
    vocab_size = int(os.environ.get("VOCAB_SIZE", 1024))
    width = int(os.environ.get("WIDTH", 64))


def load_shard(path: Path) -> Tensor:
    return torch.from_numpy(np.fromfile(path, dtype="<u2", offset=1024).astype(np.int64))


def load_validation_tokens(pattern: str) -> Tensor:
    return torch.cat([load_shard(Path(each)) for each in sorted(glob.glob(pattern))])


class Loader:
    def __init__(self, pattern: str) -> None:
        self.tokens = torch.cat([load_shard(Path(each)) for each in sorted(glob.glob(pattern))])

    def next_batch(self, length: int) -> tuple[Tensor, Tensor]:
        at = int(torch.randint(len(self.tokens) - length - 1, ()))
        piece = self.tokens[at : at + length + 1][None]
        return piece[:, :-1], piece[:, 1:]


def byte_table(sp: spm.SentencePieceProcessor, size: int) -> Tensor:
    return torch.tensor([len(sp.id_to_piece(each).encode()) for each in range(size)])


def pack(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: held.half() for name, held in state.items()}


def unpack(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: held.float() for name, held in state.items()}
'''

MODEL = """

class GPT(nn.Module):
    def __init__(self, vocab_size: int, width: int) -> None:
        super().__init__()
        self.tok_emb = nn.Embedding(vocab_size, width)
        self.mix = nn.Linear(width, width)

    def forward(self, input_ids: Tensor, target_ids: Tensor{extra}) -> Tensor:
        x = self.tok_emb(input_ids)
        x = x + self.mix(x.cumsum(1)){delta}
        targets = target_ids.reshape(-1)
        logits = F.linear(x, self.tok_emb.weight)
        return F.cross_entropy(logits.float().flatten(0, 1), targets, reduction="{reduction}")
"""

PLAIN = (
    MODEL.format(extra="", delta="", reduction="mean")
    + """

def eval_val(args, model, device, val_tokens: Tensor, table: Tensor) -> tuple[float, float]:
    total, count, size = 0.0, 0, 0
    model.eval()
    with torch.inference_mode():
        for at in range(0, len(val_tokens) - args.train_seq_len, args.train_seq_len):
            piece = val_tokens[at : at + args.train_seq_len + 1].to(device)[None]
            with torch.autocast(device_type="cuda", dtype=torch.bfloat16, enabled=True):
                loss = model(piece[:, :-1], piece[:, 1:])
            total += float(loss) * args.train_seq_len
            count += args.train_seq_len
            size += int(table[piece[:, 1:]].sum())
    model.train()
    return total / count, total / math.log(2.0) / size
"""
)

SLIDING = (
    PLAIN.replace("        targets = target_ids", "        targets = target_ids")
    + """

class Wide(GPT):
    def forward_logits(self, input_ids: Tensor) -> Tensor:
        x = self.tok_emb(input_ids)
        return F.linear(x + self.mix(x.cumsum(1)), self.tok_emb.weight)


def eval_sliding(args, base_model, device, val_tokens: Tensor, table: Tensor, stride: int):
    total, count, size, length = 0.0, 0, 0, args.train_seq_len
    with torch.inference_mode():
        for at in range(0, len(val_tokens) - 1, stride):
            piece = val_tokens[at : at + length + 1].to(device)[None]
            with torch.autocast(device_type="cuda", dtype=torch.bfloat16):
                logits = base_model.forward_logits(piece[:, :-1])
            first = 0 if at == 0 else max(piece.shape[1] - 1 - stride, 0)
            nll = F.cross_entropy(logits[0].float(), piece[0, 1:], reduction="none")[first:]
            total, count = total + float(nll.sum()), count + len(nll)
            size += int(table[piece[0, 1:]][first:].sum())
    return total / count, total / math.log(2.0) / size
"""
)

ADAPTERS = (
    MODEL.format(extra=", lora=None", delta=" + (lora(x) if lora else 0)", reduction="none")
    + PLAIN.partition("\n\ndef eval_val")[1]
    + PLAIN.partition("\n\ndef eval_val")[2]
    + """

class Adapter(nn.Module):
    def __init__(self, bsz: int, model: GPT, rank: int) -> None:
        super().__init__()
        width = model.tok_emb.embedding_dim
        self.down = nn.Parameter(torch.randn(bsz, width, rank))
        self.up = nn.Parameter(torch.zeros(bsz, rank, width))

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.down @ self.up


def make_optimizer(lora: nn.Module, args: Hyperparameters):
    return torch.optim.Adam(lora.parameters(), lr=args.ttt_lr, betas=(0.8, 0.9), eps=1e-9)


def eval_adapting(args, base_model, device) -> tuple[float, float]:
    tokens = load_validation_tokens(args.val_files)
    chunk_size, rank = args.ttt_chunk_size, args.ttt_rank
    total, count = 0.0, 0
    lora = Adapter(1, base_model, rank).to(device)
    optimizer = make_optimizer(lora, args)
    for at in range(0, len(tokens) - 1, chunk_size):
        begin = max(0, at + chunk_size - args.ttt_seq_len)
        piece = tokens[begin : at + chunk_size + 1].to(device)[None]
        with torch.autocast(device_type="cuda", dtype=torch.bfloat16):
            losses = base_model(piece[:, :-1], piece[:, 1:], lora=lora)
        total, count = total + float(losses[at - begin :].sum()), count + len(losses[at - begin :])
        optimizer.zero_grad()
        losses[at - begin :].mean().backward()
        optimizer.step()
    return total / count, total / count / math.log(2.0)
"""
)

MAIN = """

def main() -> None:
    args = Hyperparameters()
    distributed = "RANK" in os.environ
    device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
    torch.manual_seed(args.seed)
    sp = spm.SentencePieceProcessor(model_file=args.tokenizer_path)
    val_tokens = load_validation_tokens(args.val_files)
    table = byte_table(sp, args.vocab_size)
    print(f"val tokens:{{val_tokens.numel()}}")

    base_model = {klass}(vocab_size=args.vocab_size, width=args.width).to(device).bfloat16()
    for module in base_model.modules():
        if isinstance(module, nn.Linear):
            module.float()
    model = torch.compile(base_model)
    optimizer = torch.optim.AdamW(base_model.parameters(), lr=0.01)
    train_loader = Loader(args.train_files)
    for step in range(args.iterations + 1):
        if step % 50 == 0:
            val_loss, val_bpb = eval_val(args, model, device, val_tokens, table)
            print(f"step:{{step}} val_loss:{{val_loss:.4f}} val_bpb:{{val_bpb:.4f}}")
        {more}
        x, y = train_loader.next_batch(args.train_seq_len)
        loss = model(x.to(device), y.to(device)).mean()
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()

    # What ships.
    buffer = io.BytesIO()
    torch.save(pack(base_model.state_dict()), buffer)
    with open("final_model.ptz", "wb") as f:
        f.write(zlib.compress(buffer.getvalue(), 9))
    print(f"Serialized model: {{os.path.getsize('final_model.ptz')}} bytes")
    with open("final_model.ptz", "rb") as f:
        blob = f.read()
    state = torch.load(io.BytesIO(zlib.decompress(blob)), map_location="cpu")
    base_model.load_state_dict(unpack(state), strict=True)
    q_val_loss, q_val_bpb = {final}
    print(f"final_exact val_loss:{{q_val_loss:.8f}} val_bpb:{{q_val_bpb:.8f}}")
    if distributed:
        dist.destroy_process_group()


if __name__ == "__main__":
    main()
"""

README = """# A run

```bash
ITERATIONS=70 WIDTH=96 DATA_PATH=/root/data/fineweb10B_sp1024 \\
torchrun --standalone --nproc_per_node=4 train_gpt.py
```
"""


def plain(more: str = "pass") -> str:
    """Windows side by side; the model gives nothing but its loss."""
    final = "eval_val(args, model, device, val_tokens, table)"
    return HEAD + PLAIN + MAIN.format(klass="GPT", final=final, more=more)


def sliding() -> str:
    """Windows that overlap; the model has a method for logits."""
    final = "eval_sliding(args, base_model, device, val_tokens, table, stride=args.eval_stride)"
    return HEAD + SLIDING + MAIN.format(klass="Wide", final=final, more="pass")


def adapting() -> str:
    """An adapter that learns from the chunks that were scored."""
    final = "eval_adapting(args, base_model, device)"
    return HEAD + ADAPTERS + MAIN.format(klass="GPT", final=final, more="pass")
