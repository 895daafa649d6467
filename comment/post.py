"""Which comment does a screened pull request get? Run by `workflow_run`, whose token may write.

1. the pull request that GitHub itself names for the commit of the run
2. none for one that changes .github/: its run was not ours to believe
3. what the run left: one file of one archive, to a bound
4. the text, written anew from that file, which is read as strictly as its schema
5. one comment: the earlier one replaced, else a new one

Never checks the pull request out, and executes nothing of it. Everything that its run left is a
stranger's.
"""

from __future__ import annotations

import io
import json
import os
import re
import sys
import tempfile
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from verifier.cli.explaining import every_rule
from verifier.errors import BadInput
from verifier.report import screening as told

MARK = "<!-- golf-verifier -->"
AUTHOR = "github-actions[bot]"
ARCHIVE_BYTES = 1 << 25
ANSWER_BYTES = 1 << 25
TIMEOUT_SECONDS = 30
PAGE = 100
FILES_TOLD = 3000
"""GitHub names no more files of a pull request than that."""


def main() -> int:
    """Post the comment, or say why there is none. Exit code 1: what the run left is not ours."""
    github = GitHub(os.environ["GITHUB_API_URL"], os.environ["GH_TOKEN"], os.environ["REPOSITORY"])
    head = os.environ["HEAD"]
    if not re.fullmatch(r"[0-9a-f]{40}", head):
        return _none(f"{head!r} is no commit")
    number = request_of(github, head)  # 1
    if number is None:
        return _none(f"no open pull request ends in {head}")
    if changes_workflows(github, number):  # 2
        return _none(f"#{number} changes .github/, or too many files to tell")
    kept = left(github, int(os.environ["RUN"]), os.environ["ARTIFACT"])  # 3
    if kept is None:
        return _none(f"the run of #{number} left no screening")
    try:
        text = written(kept, head)  # 4
    except BadInput as wrong:
        print(f"::error title=comment::what the run of #{number} left {wrong.message!r}")
        return 1
    post(github, number, text)  # 5
    print(f"#{number} has its comment")
    return 0


def request_of(github: GitHub, head: str) -> int | None:
    """The open pull request into this repository that ends in `head`."""
    for each in github.pages(f"commits/{head}/pulls"):
        ours = each["base"]["repo"]["full_name"] == github.repository
        if ours and each["state"] == "open" and each["head"]["sha"] == head:
            return int(each["number"])
    return None


def changes_workflows(github: GitHub, number: int) -> bool:
    """Whether it changes a file that could have changed its own run, as far as can be told."""
    if github.get(f"pulls/{number}")["changed_files"] >= FILES_TOLD:
        return True
    return any(
        str(name).startswith(".github/")
        for each in github.pages(f"pulls/{number}/files")
        for name in (each["filename"], each.get("previous_filename", ""))
    )


def left(github: GitHub, run: int, name: str) -> bytes | None:
    """screen.json out of the archive that the run kept as `name`; None where there is none."""
    for each in github.get(f"actions/runs/{run}/artifacts?per_page={PAGE}")["artifacts"]:
        if each["name"] == name and each["size_in_bytes"] <= ARCHIVE_BYTES:
            archive = github.read(f"actions/artifacts/{int(each['id'])}/zip", ARCHIVE_BYTES)
            return unpacked(archive)
    return None


def unpacked(archive: bytes) -> bytes | None:
    """The one file that is wanted, to a bound; no name of the archive becomes a path."""
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as kept, kept.open("screen.json") as file:
            return file.read(told.as_json.READ_BYTES + 1)
    except (zipfile.BadZipFile, KeyError, NotImplementedError, RuntimeError, EOFError):
        return None


def written(kept: bytes, head: str) -> str:
    """The comment. Raises BadInput where `kept` is no screening."""
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "screen.json"
        path.write_bytes(kept)
        screening = told.read_screening(path)
    said = f"Read at {head}. The run that read it belongs to the pull request."
    return f"{MARK}\n{told.as_format(screening, 'md', every_rule(), [said])}"


def post(github: GitHub, number: int, text: str) -> None:
    """Replace our earlier comment, or make one."""
    for each in github.pages(f"issues/{number}/comments"):
        if each["user"]["login"] == AUTHOR and str(each["body"]).startswith(MARK):
            github.send("PATCH", f"issues/comments/{int(each['id'])}", {"body": text})
            return
    github.send("POST", f"issues/{number}/comments", {"body": text})


def _none(why: str) -> int:
    print(f"::notice title=comment::{why}")
    return 0


# ---------------------------------------------------------------- GitHub


class GitHub:
    """The few calls that are needed, of one repository."""

    def __init__(self, address: str, token: str, repository: str) -> None:
        self.repository = repository
        self._address = f"{address}/repos/{repository}"
        self._headers = {
            "Authorization": f"Bearer {token}",
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": "2022-11-28",
        }
        self._opener = urllib.request.build_opener(_Elsewhere)

    def get(self, path: str) -> Any:
        """What stands at `path`, JSON."""
        return json.loads(self.read(path, ANSWER_BYTES))

    def pages(self, path: str) -> Iterator[Any]:
        """Every item of a list that comes in pages."""
        for page in range(1, FILES_TOLD // PAGE + 1):
            found = self.get(f"{path}?per_page={PAGE}&page={page}")
            yield from found
            if len(found) < PAGE:
                return

    def read(self, path: str, at_most: int) -> bytes:
        """The bytes at `path`. Raises ValueError where there are more than `at_most`."""
        with self._open("GET", path, None) as answer:
            text = answer.read(at_most + 1)
        if len(text) > at_most:
            raise ValueError(f"{path}: more than {at_most:,} bytes")
        return text

    def send(self, method: str, path: str, body: dict[str, str]) -> None:
        """Write `body` to `path`."""
        with self._open(method, path, json.dumps(body).encode()):
            pass

    def _open(self, method: str, path: str, body: bytes | None) -> IO[bytes]:
        asked = urllib.request.Request(
            f"{self._address}/{path}", data=body, headers=self._headers, method=method
        )
        opened: IO[bytes] = self._opener.open(asked, timeout=TIMEOUT_SECONDS)
        return opened


class _Elsewhere(urllib.request.HTTPRedirectHandler):
    """An archive lies on another host, which must not see the token."""

    def redirect_request(self, *arguments: Any) -> urllib.request.Request | None:
        moved = super().redirect_request(*arguments)
        if moved is not None:
            moved.remove_header("Authorization")
        return moved


if __name__ == "__main__":
    sys.exit(main())
