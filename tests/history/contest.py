"""A small contest as a real repository: a main branch with a table, and pull requests' heads."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.screening.honest import SCORER

TRACK = "records/track_10min_16mb"
FIRST_DAY = 1_773_800_000  # 18 March 2026
DAY = 86_400
HEAD = "| Run | Score | Author | Summary | Date | Info |\n|---|---|---|---|---|---|\n"

Files = Mapping[str, str | bytes]


class Contest:
    """Collects commits, then has git make them all at once."""

    def __init__(self, path: Path) -> None:
        """Nothing yet; `made` makes the repository at `path`."""
        self.path = path
        self._stream: list[bytes] = []
        self._mark = 0
        self.main = 0

    def commit(
        self,
        ref: str,
        files: Files,
        *,
        parents: Sequence[int] = (),
        day: int = 0,
        subject: str = "work",
        author: str = "Ada",
    ) -> int:
        """One commit on `ref`, `day` days after the first; its mark."""
        self._mark += 1
        who = f"{author} <a@host.example> {FIRST_DAY + day * DAY} +0000"
        head = f"commit {ref}\nmark :{self._mark}\nauthor {who}\ncommitter {who}\n"
        self._stream.append(head.encode() + _data(subject.encode()))
        for word, parent in zip(["from", *["merge"] * 8], parents, strict=False):
            self._stream.append(f"{word} :{parent}\n".encode())
        for name, content in files.items():
            self._stream.append(f"M 100644 inline {name}\n".encode() + _data(content))
        return self._mark

    def on_main(self, files: Files, *, day: int, subject: str = "work", merge: int = 0) -> None:
        """One commit on main, a merge of another where that is given."""
        parents = [mark for mark in (self.main, merge) if mark]
        self.main = self.commit("refs/heads/main", files, parents=parents, day=day, subject=subject)

    def pull(self, number: int, files: Files, *, day: int, author: str = "Ada") -> int:
        """A pull request from where main is now."""
        head = f"refs/pull/{number}/head"
        parents = [self.main] if self.main else []
        return self.commit(head, files, parents=parents, day=day, author=author)

    def merged(self, number: int, files: Files, *, day: int, on: int) -> None:
        """A pull request that was merged on another day."""
        mark = self.pull(number, files, day=day)
        self.on_main(files, day=on, subject=f"Merge pull request #{number} from a/b", merge=mark)

    def made(self) -> Path:
        """Make the repository; its path."""
        subprocess.run(
            ["git", "init", "-q", "--bare", "-b", "main", self.path], check=True, env=_ENV
        )
        stream = b"".join(self._stream) + b"done\n"
        command = ["git", "fast-import", "--quiet", "--done"]
        subprocess.run(command, cwd=self.path, input=stream, check=True, env=_ENV)
        return self.path

    def head(self, number: int) -> str:
        """The commit of a pull request, once made."""
        command = ["git", "rev-parse", f"refs/pull/{number}/head"]
        done = subprocess.run(command, cwd=self.path, capture_output=True, check=True, env=_ENV)
        return done.stdout.decode().strip()


def submission(
    name: str,
    bpbs: Mapping[int, float],
    *,
    claim: float | None = None,
    script: str = "print('trained')\n",
    track: str = TRACK,
    nats_per_bpb: float = 2.0,
) -> dict[str, str | bytes]:
    """The files of one honest submission with a log per seed; `script` begins its script."""
    folder = f"{track}/{name}"
    mean = sum(bpbs.values()) / len(bpbs) if bpbs else 1.0
    said = {"name": name, "author": "Ada", "val_bpb": claim or round(mean, 8), "date": "2026-04-01"}
    files: dict[str, str | bytes] = {
        f"{folder}/README.md": f"# {name}\n",
        f"{folder}/submission.json": json.dumps(said, indent=1),
        f"{folder}/train_gpt.py": script + SCORER,
    }
    for seed, bpb in bpbs.items():
        log = (
            f"seed:{seed}\nstep:100/100 train_loss:2.1 train_time:580000ms step_avg:5800.00ms\n"
            "stopping_early: wallclock_cap train_time:580000ms step:100/100\n"
            f"final_int8_zlib_roundtrip_exact val_loss:{bpb * nats_per_bpb:.8f} val_bpb:{bpb:.8f}\n"
        )
        files[f"{folder}/train_seed{seed}.log"] = log
    return files


def row(score: float, info: str, *, name: str = "A run", summary: str = "better") -> str:
    """One row of a leaderboard; `info` is a folder below the track or the number of a pull."""
    link = f"{TRACK}/{info}/README.md" if not info.isdigit() else f"https://host/o/r/pull/{info}"
    return f"| {name} | {score:.4f} | ada | {summary} | 2026-04-01 | [info]({link}) |\n"


def table(*rows: str) -> str:
    """A README with a leaderboard."""
    return f"# Golf\n\n## Leaderboard\n\n{HEAD}{''.join(rows)}\nThe end.\n"


_ENV = {
    "PATH": os.environ["PATH"],
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "HOME": os.devnull,
}


def _data(text: str | bytes) -> bytes:
    content = text.encode() if isinstance(text, str) else text
    return f"data {len(content)}\n".encode() + content + b"\n"
