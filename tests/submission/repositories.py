"""Real repositories to test with, made by git itself in a scratch folder."""

from __future__ import annotations

import atexit
import hashlib
import os
import shutil
import subprocess
import tempfile
import zlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from tests.submission.folders import CLAIMS, MANIFEST

_KINDS = {"commit": 1, "tree": 2, "blob": 3}
RECORD = "records/track_10min_16mb/2026-03-20_First"
_CLEAN = {
    "PATH": os.environ["PATH"],
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@host.example",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@host.example",
}


class Made:
    """A repository in the making; each commit is a day after the one before."""

    def __init__(self, path: Path, *options: str) -> None:
        """An empty repository on branch main."""
        self.path = path
        self.day = 0
        self._hash = "sha256" if "--object-format=sha256" in options else "sha1"
        path.mkdir(parents=True, exist_ok=True)
        self.git("init", "-q", "-b", "main", *options, ".")

    @classmethod
    def copied(cls, of: Made, path: Path) -> Made:
        """A copy that is its own to spoil, made in a hundredth of the time."""
        made = cls.__new__(cls)
        made.path, made.day, made._hash = path, of.day, of._hash
        shutil.copytree(of.path, path, symlinks=True)
        return made

    def git(self, *words: str, given: bytes = b"", **known: str) -> str:
        """Run git here and return what it says."""
        done = subprocess.run(
            ["git", *words],
            cwd=self.path,
            input=given,
            env={**_CLEAN, **known},
            capture_output=True,
            check=True,
        )
        return done.stdout.decode().strip()

    def write(self, **files: str | bytes) -> None:
        """Write files by name: `__` for a dot, the name of the record folder is not implied."""
        for name, content in files.items():
            self.put(name.replace("__", "."), content)

    def put(self, path: str, content: str | bytes = "x\n") -> None:
        """Write one file."""
        target = self.path / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content.encode() if isinstance(content, str) else content)

    def commit(self, subject: str, **files: str | bytes) -> str:
        """Commit all that lies here; its id."""
        self.write(**files)
        self.git("add", "-A", "-f")
        return self.commit_index(subject)

    def commit_index(self, subject: str, *words: str) -> str:
        """Commit the index; its id."""
        self.git("commit", "-q", "--allow-empty", *words, "-m", subject, **self.dates())
        return self.git("rev-parse", "HEAD")

    def dates(self) -> dict[str, str]:
        """The environment that dates the next commit."""
        self.day += 1
        when = f"{1_774_000_000 + self.day * 86_400} +0000"
        return {"GIT_AUTHOR_DATE": when, "GIT_COMMITTER_DATE": when}

    def record(self, folder: str = RECORD, script: str = "print(1)\n") -> None:
        """Write one honest submission below `folder`."""
        self.put(f"{folder}/README.md", "# First\n")
        self.put(f"{folder}/submission.json", str(CLAIMS).replace("'", '"'))
        self.put(f"{folder}/verify.yaml", MANIFEST)
        self.put(f"{folder}/train.py", script)
        self.put(f"{folder}/train_gpt.py", script)
        self.put(f"{folder}/model.py", "class Model:\n    pass\n")

    def pull_head(self, number: int, commit: str = "HEAD") -> str:
        """Make `commit` the head of a pull request."""
        self.git("update-ref", f"refs/pull/{number}/head", commit)
        return self.git("rev-parse", commit)

    def tree(self, *entries: tuple[str, str, bytes, str]) -> str:
        """A tree of (mode, kind, name, id) that git's porcelain may refuse; its id."""
        content = b"".join(
            mode.encode() + b" " + name + b"\0" + bytes.fromhex(identity)
            for mode, _, name, identity in entries
        )
        return self.loose("tree", content)

    def blob(self, content: bytes = b"x\n") -> str:
        """A blob; its id."""
        return self.loose("blob", content)

    def loose(self, kind: str, content: bytes) -> str:
        """An object as git keeps a single one, whatever it holds; its id."""
        whole = f"{kind} {len(content)}\0".encode() + content
        made = hashlib.new(self._hash, whole).hexdigest()
        path = self.path / ".git" / "objects" / made[:2] / made[2:]
        path.parent.mkdir(exist_ok=True)
        if not path.exists():
            path.write_bytes(zlib.compress(whole, 1))
        return made

    def commit_tree(self, tree: str, *parents: str, subject: str = "hostile") -> str:
        """A commit of `tree`; its id."""
        words = [word for parent in parents for word in ("-p", parent)]
        return self.git("commit-tree", tree, *words, "-m", subject, **self.dates())

    def packed(self, kind: str, contents: Iterable[bytes]) -> list[str]:
        """Thousands of objects of one kind at once; their ids."""
        given = list(contents)
        found = {identity(kind, content): content for content in given}
        pack = b"PACK" + (2).to_bytes(4, "big") + len(found).to_bytes(4, "big")
        body = b"".join(_entry(_KINDS[kind], content) for content in found.values())
        self.git("index-pack", "--stdin", given=pack + body + hashlib.sha1(pack + body).digest())
        return [identity(kind, content) for content in given]

    def hostile(self, number: int, *entries: tuple[str, str, bytes, str]) -> None:
        """A pull request that adds RECORD with just these entries to main."""
        at = self.tree(*entries)
        for name in reversed(RECORD.split("/")):
            at = self.tree(("40000", "tree", name.encode(), at))
        self.pull_head(number, self.commit_tree(at, "main"))


def identity(kind: str, content: bytes) -> str:
    """The id that git gives an object."""
    return hashlib.sha1(f"{kind} {len(content)}\0".encode() + content).hexdigest()


def _entry(kind: int, content: bytes) -> bytes:
    """One object as a pack holds it: kind and size in 4 and then 7 bits, and what is squeezed."""
    size = len(content)
    head = [kind << 4 | size & 15]
    size >>= 4
    while size:
        head[-1] |= 128
        head.append(size & 127)
        size >>= 7
    return bytes(head) + zlib.compress(content, 1)


def small_clone(path: Path) -> Made:
    """Main with a README and a script, and pull request 1 that adds RECORD."""
    return Made.copied(_first_clone(), path)


@cache
def _first_clone() -> Made:
    """Made once by git itself; nobody writes to it."""
    made = Made(Path(tempfile.mkdtemp(prefix="small-clone-")))
    atexit.register(shutil.rmtree, made.path, ignore_errors=True)
    made.commit("Launch", README__md="# Golf\n", train_gpt__py="print(0)\n")
    made.git("checkout", "-q", "-b", "first")
    made.record()
    made.commit("Add the first record")
    made.pull_head(1)
    made.git("checkout", "-q", "main")
    return made
