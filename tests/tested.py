"""Which version of the verifier is it that a table tries?

Rows take minutes and hang on the verifier alone, so tables keep them under `inputs()`: a commit
that touches documents or other tests does not void them. Each row names the commit it ran on.
"""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[1]
DECIDING = ("verifier", "images", "policies", "examples", "templates", "requirements")
"""Everything that a verdict may hang on; the lists of packages too."""


def commit() -> str:
    """The commit, with a digest of what is changed on top of it."""
    git = ["git", "-C", str(ROOT)]
    head = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, check=True).stdout
    changed = subprocess.run([*git, "diff", "HEAD"], capture_output=True, check=True).stdout
    clean = head.decode().strip()[:12]
    return clean if not changed else f"{clean}+{hashlib.sha256(changed).hexdigest()[:8]}"


def inputs(root: Path = ROOT) -> str:
    """12 hex digits of a sha256 over the files that decide, tracked by git or not."""
    whole = hashlib.sha256()
    for name in DECIDING:
        whole.update(f"{name}\0{folder_digest(root / name)}\0".encode())
    return whole.hexdigest()[:12]


def folder_digest(folder: Path) -> str:
    """sha256 over the names and bytes of a folder's files, compiled ones left out."""
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        if "__pycache__" not in path.parts:
            name, content = str(path.relative_to(folder)), path.read_bytes()
            digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def files_digest(*files: Path) -> str:
    """sha256 over the bytes of some files in order."""
    digest = hashlib.sha256()
    for file in files:
        content = file.read_bytes()
        digest.update(f"{len(content)}\0".encode() + content)
    return digest.hexdigest()
