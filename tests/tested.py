"""Which version of the verifier is it that a table tries?

Rows take minutes and hang on the verifier alone, so tables keep them under `inputs()`, or under
`verdict_inputs()` where all that a row tells is a verdict: a commit that touches documents or other
tests does not void them. Each row names the commit it ran on.
"""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Iterable
from pathlib import Path

import grimp

ROOT = Path(__file__).parents[1]
SHIPPED = ("images", "policies", "examples", "templates", "requirements")
"""What ships beside the package and a verdict may hang on."""
PAGES = "verifier.report"
VERDICTS = ("verify", "seed", "preparation", "calibrate", "evidence")
"""The modules of the pipeline that a verdict of a table comes from."""


def commit() -> str:
    """The commit, with a digest of what is changed on top of it."""
    git = ["git", "-C", str(ROOT)]
    head = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, check=True).stdout
    changed = subprocess.run([*git, "diff", "HEAD"], capture_output=True, check=True).stdout
    clean = head.decode().strip()[:12]
    return clean if not changed else f"{clean}+{hashlib.sha256(changed).hexdigest()[:8]}"


def inputs(root: Path = ROOT) -> str:
    """12 hex digits of a sha256 over the package and what ships with it, tracked by git or not."""
    return _digest(root, folder_digest(root / "verifier"))


def verdict_inputs(root: Path = ROOT) -> str:
    """The same over the part of the package that verdicts come from: what the pipeline imports on
    the way to one, wherever the import stands, but for the pages that show it.
    """
    files = [root / _file(root, module) for module in sorted(deciding())]
    return _digest(root, files_digest(files))


def deciding() -> set[str]:
    """The modules of that part, by name."""
    graph = grimp.build_graph("verifier")
    for module in graph.modules:
        if module == PAGES or module.startswith(f"{PAGES}."):
            graph.remove_module(module)
    entries = {f"verifier.pipeline.{name}" for name in VERDICTS}
    return entries.union(*(graph.find_upstream_modules(entry) for entry in entries))


def _file(root: Path, module: str) -> str:
    path = module.replace(".", "/")
    return f"{path}/__init__.py" if (root / path).is_dir() else f"{path}.py"


def _digest(root: Path, package: str) -> str:
    whole = hashlib.sha256(package.encode())
    for name in SHIPPED:
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


def files_digest(files: Iterable[Path]) -> str:
    """sha256 over the bytes of files in order."""
    digest = hashlib.sha256()
    for file in files:
        content = file.read_bytes()
        digest.update(f"{len(content)}\0".encode() + content)
    return digest.hexdigest()
