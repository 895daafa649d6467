"""The comment's action: the pull request that GitHub names, and no word of its run believed."""

from __future__ import annotations

import io
import json
import runpy
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.cli import runner
from tests.report.screening import screenings as make
from verifier import installed
from verifier.report import screening as told

HEAD = "0123456789abcdef0123456789abcdef01234567"
ACTION = installed.path("docs").parent / "comment" / "action.yml"
REPOSITORY = "golf/records"


@dataclass
class Forge:
    """What GitHub answers, and what was written to it."""

    files: list[dict[str, str]] = field(default_factory=lambda: [{"filename": "records/x/a.py"}])
    comments: list[dict[str, Any]] = field(default_factory=list)
    archive: bytes = b""
    changed: int = 1
    head: str = HEAD
    state: str = "open"
    base: str = REPOSITORY
    written: list[tuple[str, str, str]] = field(default_factory=list)
    strangers: list[str | None] = field(default_factory=list)
    address: str = ""

    def answer(self, path: str) -> Any:
        """JSON for a path below the repository."""
        request = {
            "number": 7,
            "state": self.state,
            "head": {"sha": self.head},
            "base": {"repo": {"full_name": self.base}},
        }
        name = {"id": 5, "name": "golf-verifier-screen", "size_in_bytes": len(self.archive)}
        return {
            f"commits/{HEAD}/pulls": [request],
            "pulls/7": {"changed_files": self.changed},
            "pulls/7/files": self.files,
            "actions/runs/9/artifacts": {"artifacts": [name] if self.archive else []},
            "issues/7/comments": self.comments,
        }[path]


def handler(forge: Forge) -> type[BaseHTTPRequestHandler]:
    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0].removeprefix(f"/repos/{REPOSITORY}/")
            if path == "/elsewhere":
                forge.strangers.append(self.headers["Authorization"])
                self._send(200, forge.archive)
            elif path == "actions/artifacts/5/zip":
                self.send_response(302)
                self.send_header("Location", f"{forge.address}/elsewhere")
                self.end_headers()
            else:
                assert self.headers["Authorization"] == "Bearer secret"
                self._send(200, json.dumps(forge.answer(path)).encode())

        def do_POST(self) -> None:
            text = self.rfile.read(int(self.headers["Content-Length"]))
            path = self.path.removeprefix(f"/repos/{REPOSITORY}/")
            forge.written.append((self.command, path, json.loads(text)["body"]))
            self._send(201, b"{}")

        do_PATCH = do_POST

        def _send(self, code: int, text: bytes) -> None:
            self.send_response(code)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: Any) -> None:
            """Nothing: a test prints what it wants."""

    return Answers


@pytest.fixture
def forge() -> Iterator[Forge]:
    """A forge that answers on this machine."""
    made = Forge()
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler(made))
    made.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield made
    server.shutdown()
    thread.join()
    server.server_close()


def archived(**files: bytes) -> bytes:
    """The same bytes whenever it is asked: they name a test, and two workers must agree."""
    kept = io.BytesIO()
    with zipfile.ZipFile(kept, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(zipfile.ZipInfo(name.replace("_json", ".json")), text)
    return kept.getvalue()


def screened(found: Any) -> bytes:
    return archived(screen_json=told.as_format(found, "json", make.RULES).encode())


@dataclass
class Posted:
    """What running post.py gave."""

    code: int
    printed: str


@pytest.fixture
def commented(
    forge: Forge, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[[], Posted]:
    """post.py as the action runs it, but within this process."""
    given = {
        "GITHUB_API_URL": forge.address,
        "GH_TOKEN": "secret",
        "REPOSITORY": REPOSITORY,
        "HEAD": HEAD,
        "RUN": "9",
        "ARTIFACT": "golf-verifier-screen",
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    post = runpy.run_path(str(ACTION.parent / "post.py"))

    def run() -> Posted:
        return Posted(post["main"](), capsys.readouterr().out)

    return run


def test_the_action_passes_on_what_the_event_says(forge: Forge, tmp_path: Path) -> None:
    """Its one step, by bash; the archive's host never sees the token."""
    forge.archive = screened(make.screening())
    event = {"event": {"workflow_run": {"head_sha": HEAD, "id": 9}}, "repository": REPOSITORY}
    ran = runner.run(
        ACTION,
        {"token": "secret", "python": sys.executable},
        event,
        tmp_path,
        runner.environment(tmp_path / "temporary", GITHUB_API_URL=forge.address),
    )
    assert ran.codes == {"Comment": 0}, ran.printed
    assert ran.skipped == ["Install the verifier"]
    assert len(forge.written) == 1
    assert forge.strangers == [None]


def test_a_screening_becomes_one_comment(forge: Forge, commented: Callable[[], Posted]) -> None:
    """Written anew from screen.json."""
    forge.archive = screened(make.screening())
    ran = commented()
    assert ran.code == 0, ran.printed
    ((method, path, body),) = forge.written
    assert (method, path) == ("POST", "issues/7/comments")
    assert body.startswith("<!-- golf-verifier -->\n## ✗ violation: `2026-04-02_NgramTilt`")
    assert HEAD in body


def test_a_later_run_replaces_the_comment(forge: Forge, commented: Callable[[], Posted]) -> None:
    """Ours, and nobody else's who begins in the same way."""
    forge.archive = screened(make.screening())
    forge.comments = [
        {"id": 1, "user": {"login": "mallory"}, "body": "<!-- golf-verifier --> approved"},
        {"id": 2, "user": {"login": "github-actions[bot]"}, "body": "another bot's word"},
        {"id": 3, "user": {"login": "github-actions[bot]"}, "body": "<!-- golf-verifier -->\nold"},
    ]
    assert commented().code == 0
    assert [(method, path) for method, path, _ in forge.written] == [("PATCH", "issues/comments/3")]


def test_hostile_text_stays_text(forge: Forge, commented: Callable[[], Posted]) -> None:
    """A comment is read by people and by other bots."""
    forge.archive = screened(make.hostile())
    assert commented().code == 0
    ((_, _, body),) = forge.written
    assert len(body) < 65_536
    assert "\x1b" not in body and "\u202e" not in body


@pytest.mark.parametrize(
    "change",
    [
        {"files": [{"filename": ".github/workflows/screen.yml"}]},
        {"files": [{"filename": "x", "previous_filename": ".github/workflows/screen.yml"}]},
        {"changed": 3000},
        {"head": "f" * 40},
        {"state": "closed"},
        {"base": "mallory/records"},
        {"archive": b""},
        {"archive": b"no zip"},
        {"archive": archived(other=b"{}")},
    ],
    ids=str,
)
def test_a_run_that_cannot_be_believed_gets_no_comment(
    change: dict[str, Any], forge: Forge, commented: Callable[[], Posted]
) -> None:
    """It may have forged its run, or is another's; said in the log, and no failure."""
    forge.archive = screened(make.screening())
    for name, value in change.items():
        setattr(forge, name, value)
    ran = commented()
    assert ran.code == 0, ran.printed
    assert "::notice title=comment::" in ran.printed
    assert not forge.written


@pytest.mark.parametrize(
    "text", [b"", b"{}", b'{"format": "screen/1"}', b"[" * 99_999, b"\n::set-output name=x::y"]
)
def test_a_forged_file_gets_no_comment(
    text: bytes, forge: Forge, commented: Callable[[], Posted]
) -> None:
    """What is no screening is refused, and not printed."""
    forge.archive = archived(screen_json=text)
    ran = commented()
    assert ran.code == 1
    assert "::error title=comment::" in ran.printed and "set-output" not in ran.printed
    assert not forge.written
