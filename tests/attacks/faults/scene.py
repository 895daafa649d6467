"""How is a real verifier started and broken, and what did it say? One scene for each row.

A scene is a folder of its own: output, store, temporary folder. Submission, policy and key are the
same for all, so that nonce, positions and score root must be, too.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.cheats.catalog import HERE as CHEATS
from tests.cheats.catalog import HONEST
from tests.cheats.running import FEW, IGNORED, cheats_policy, furnish
from verifier import scratch, signature
from verifier.policy import PolicyFile

SLOW = Path(__file__).parent / "submission"
SAMPLED = {"mode: all": "mode: sampled", "draws: 0": "draws: 300"}
ENDS_SECONDS = 300.0
TOP = Path(__file__).parents[3]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a command ended: its exit code, what it said as JSON ({} if nothing), and its stderr."""

    code: int
    said: Mapping[str, Any]
    words: str

    @property
    def fault(self) -> Mapping[str, Any]:
        """`kind`, `message` and `remedy` of an error; {} for none."""
        found: Mapping[str, Any] = self.said.get("error", {})
        return found

    @property
    def short(self) -> str:
        """In words, for the table."""
        if self.fault:
            remedy = f" → {self.fault['remedy']}" if self.fault["remedy"] else ""
            return f"{self.code} {self.fault['kind']}: {self.fault['message'][-160:]}{remedy}"
        return f"{self.code} {self.said.get('answer', self.words[-200:])}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cast:
    """What every scene plays with: who is verified, under which rules and key."""

    submission: Path
    policy: Path
    key: Path

    @classmethod
    def at(cls, place: Path) -> Cast:
        """Made at `place`, or found there: the key stays the same."""
        place.mkdir(parents=True, exist_ok=True)
        cast = cls(
            submission=composed(place / "slow", SLOW),
            policy=policy_at(place / "policy.yaml", cheats_policy(SAMPLED)),
            key=place / "key.pem",
        )
        signature.load_or_create(cast.key)
        return cast


def composed(folder: Path, *layers: Path) -> Path:
    """The honest submission in `folder`, made anew, with the files of `layers` over it."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(CHEATS / HONEST, folder, ignore=IGNORED)
    for layer in layers:
        shutil.copytree(layer, folder, dirs_exist_ok=True, ignore=IGNORED)
    return folder


def policy_at(path: Path, policy: PolicyFile) -> Path:
    """The policy as a file that the command line can be given."""
    path.write_bytes(policy.text)
    return path


@dataclass(kw_only=True)
class Scene:
    """A folder of its own, and commands that are run in it.

    `settings`: environment to add, `prefix`: words before the command, `mounted`: where this scene
    mounted something itself.
    """

    folder: Path
    cast: Cast
    backend: str = "docker"
    settings: dict[str, str] = field(default_factory=dict)
    prefix: Sequence[str] = ()
    mounted: list[Path] = field(default_factory=list)

    @property
    def out(self) -> Path:
        """Where runs go."""
        return self.folder / "out"

    @property
    def store(self) -> Path:
        """The store."""
        return self.folder / "store"

    @property
    def temporary(self) -> Path:
        """The system's temporary folder, for these commands."""
        return self.folder / "tmp"

    @property
    def run(self) -> Path:
        """The one run's folder. Raises ValueError while there is none."""
        (found,) = (path for path in self.out.iterdir() if path.is_dir())
        return found

    def start(self, submission: Path | None = None, **more: str) -> subprocess.Popen[bytes]:
        """Start `verifier verify` as a process, and group, of its own; `more` are settings."""
        words = [*self.prefix, sys.executable, "-m", "verifier.cli", "verify"]
        words += [str(submission or self.cast.submission), "--policy", str(self.cast.policy)]
        words += ["--out", str(self.out), "--key", str(self.cast.key), "--json"]
        words += ["--documents", str(FEW), "--backend", self.backend]
        places = {"VERIFIER_STORE": str(self.store), "TMPDIR": str(self.temporary)}
        with self._log("stdout").open("wb") as said, self._log("stderr").open("wb") as shown:
            return subprocess.Popen(
                words,
                cwd=TOP,
                env={**os.environ, **places, **self.settings, **more},
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=shown,
                start_new_session=True,
            )

    def ended(self, process: subprocess.Popen[bytes]) -> Ended:
        """Wait for its end. Raises subprocess.TimeoutExpired for what never ends."""
        try:
            code = process.wait(ENDS_SECONDS)
        finally:
            process.kill()
        text = self._log("stdout").read_text(encoding="utf-8").strip()
        said: Any = {}
        with contextlib.suppress(ValueError):
            said = json.loads(text)
        words = self._log("stderr").read_text(encoding="utf-8", errors="replace")
        return Ended(code=code, said=said if isinstance(said, dict) else {}, words=words)

    def verified(self, submission: Path | None = None, **more: str) -> Ended:
        """Run it to its end."""
        return self.ended(self.start(submission, **more))

    def _log(self, name: str) -> Path:
        return self.folder / name


@contextlib.contextmanager
def scene(cast: Cast, backend: str = "docker", **settings: str) -> Iterator[Scene]:
    """A new scene, gone with all that is mounted in it when the block ends."""
    folder = scratch.make("fault")
    folder.chmod(0o755)
    try:
        made = Scene(folder=folder, cast=cast, backend=backend, settings=settings)
        for place in (made.out, made.temporary):
            place.mkdir()
        furnish(made.store)
        yield made
    finally:
        for mount in reversed(mounts_below(folder)):
            subprocess.run(["umount", "--lazy", mount], check=False)
        shutil.rmtree(folder, ignore_errors=True)


def mounts_below(folder: Path) -> list[str]:
    """The places below `folder` at which something is mounted, in order."""
    lines = Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
    return [place for line in lines if (place := line.split()[4]).startswith(f"{folder}/")]


def mount_small(made: Scene, place: Path, options: str) -> None:
    """Mount a file system in memory at `place` of a scene. Needs root."""
    said = ["mount", "-t", "tmpfs", "-o", f"mode=0755,{options}", "tmpfs", str(place)]
    subprocess.run(said, check=True)
    made.mounted.append(place)


def remount(place: Path, options: str) -> None:
    """Change what is mounted at `place`."""
    subprocess.run(["mount", "-o", f"remount,{options}", str(place)], check=True)
