"""What exactly is one held-out data set? Its manifest, and the check of its files against it.

The manifest's file is written in one canonical form, so its sha256 names the data set on every
machine. It holds no path of the machine and no byte of a document.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from verifier.errors import BadData

FILE = "manifest.json"
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Count = Annotated[int, Field(ge=0)]


class Manifest(BaseModel):
    """One data set. `files` maps each file's path within the folder to its sha256."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    format: Literal["held-out/1"]
    name: str
    origin: Literal["embedded", "competition"]
    source: Mapping[str, Digest]
    documents: Count
    document_bytes: Count
    documents_digest: Digest
    targets: Count
    vocabulary: Count
    training_documents: Count
    training_tokens: Count
    found_in_training: Annotated[tuple[tuple[int, str, int], ...], Field(strict=False)]
    files: Mapping[str, Digest]

    def canonical(self) -> bytes:
        """The one form in which a manifest is written and hashed."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True, indent=1)
        return text.encode() + b"\n"

    def digest(self) -> str:
        """Lower-case hex sha256 of the canonical form."""
        return hashlib.sha256(self.canonical()).hexdigest()


def load(folder: Path) -> Manifest:
    """Read and check the manifest of `folder`, then each file it names.

    Raises BadData when the manifest is absent or malformed, or a file differs from its digest.
    """
    path = folder / FILE
    try:
        manifest = Manifest.model_validate_json(path.read_bytes())
    except OSError as fault:
        raise BadData(
            f"no held-out data here: {fault.strerror}",
            file=path,
            remedy="`verifier data build` and `verifier data import` print the folder to name",
        ) from fault
    except ValidationError as fault:
        first = fault.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise BadData(first["msg"], file=path, place=place) from fault
    for name, digest in manifest.files.items():
        if not _inside(name):
            raise BadData("names a file outside its folder", file=path, place=name)
        if file_digest(folder / name) != digest:
            raise BadData(
                "is not the file that the manifest names",
                file=folder / name,
                remedy=f"delete {folder} and build or import the data again",
            )
    return manifest


def _inside(name: str) -> bool:
    path = Path(name)
    return not path.is_absolute() and ".." not in path.parts


def file_digest(path: Path) -> str:
    """Lower-case hex sha256 of a file. Raises BadData when it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as fault:
        raise BadData(f"cannot be read: {fault.strerror}", file=path) from fault


def documents_digest(documents: Iterable[bytes]) -> str:
    """sha256 over the length-prefixed documents in canonical order."""
    digest = hashlib.sha256()
    for document in documents:
        digest.update(len(document).to_bytes(8, "little"))
        digest.update(document)
    return digest.hexdigest()


def write_documents(path: Path, documents: Iterable[bytes]) -> None:
    """One {"text": …} object a line, UTF-8."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for document in documents:
            file.write(json.dumps({"text": document.decode()}, ensure_ascii=False) + "\n")


def read_documents(path: Path) -> Iterator[bytes]:
    """The documents of a `write_documents` file. Raises BadData naming the line."""
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                yield _document(path, number, line)
    except OSError as fault:
        raise BadData(f"cannot be read: {fault.strerror}", file=path) from fault


def _document(path: Path, number: int, line: bytes) -> bytes:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as fault:
        raise BadData("is no JSON", file=path, place=number) from fault
    text = row.get("text") if isinstance(row, dict) else None
    if not isinstance(text, str):
        raise BadData('has no "text"', file=path, place=number)
    try:
        return text.encode()
    except UnicodeEncodeError as fault:
        raise BadData("holds a lone surrogate", file=path, place=number) from fault
