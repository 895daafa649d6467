"""The forge is asked where it answers; it is never needed, and never trusted with more."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from verifier.submission.forge import Forge


class _Api(BaseHTTPRequestHandler):
    """Answers from `answers` by path; notes what was asked, and with what."""

    answers: dict[str, Any]
    asked: list[tuple[str, str, str]]

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        page = self.path.rpartition("&page=")[2] if "&page=" in self.path else "1"
        tag = self.headers.get("If-None-Match", "")
        self.asked.append((path, self.headers.get("Authorization", ""), tag))
        answer = self.answers.get(f"{path}@{page}", self.answers.get(path, (404, {})))
        code, value = answer if isinstance(answer, tuple) else (200, answer)
        content = value if isinstance(value, bytes) else json.dumps(value).encode()
        if code == 200 and tag == '"one"':
            code, content = 304, b""
        self.send_response(code)
        self.send_header("ETag", '"one"')
        if code == 301:
            self.send_header("Location", content.decode().strip('"'))
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def api() -> Iterator[tuple[type[_Api], str]]:
    """A loopback API: the handler to fill, and its address."""
    handler = type("Handler", (_Api,), {"answers": {}, "asked": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield handler, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def told(number: int, **changed: Any) -> dict[str, Any]:
    value = {
        "number": number,
        "state": "closed",
        "merged_at": None,
        "title": "A record",
        "created_at": "2026-03-19T04:11:02Z",
        "updated_at": "2026-03-20T04:11:02Z",
        "user": {"login": "ada"},
        "head": {"sha": "a" * 40},
    }
    return {**value, **changed}


def test_pull_requests_are_listed_page_by_page_and_kept(
    api: tuple[type[_Api], str], tmp_path: Path
) -> None:
    """Promise: all pages, the token only in its header, and a second run asks by tag."""
    handler, address = api
    listed = [told(n + 1) for n in range(150)]
    handler.answers["/repos/ada/golf/pulls@1"] = listed[:100]
    handler.answers["/repos/ada/golf/pulls@2"] = listed[100:]
    first = Forge("ada/golf", tmp_path, "secret", address).all()
    assert (len(first), first[150].author, first[150].state) == (150, "ada", "closed")
    assert {token for _, token, _ in handler.asked} == {"Bearer secret"}
    assert Forge("ada/golf", tmp_path, "secret", address).all() == first
    assert [tag for _, _, tag in handler.asked] == ["", "", '"one"', '"one"']
    assert "secret" not in "".join(p.read_text() for p in tmp_path.rglob("*") if p.is_file())


def test_one_request_and_its_files_are_told(api: tuple[type[_Api], str], tmp_path: Path) -> None:
    """Promise: state merged where there is a date of merging; 404 is unknown, not a failure."""
    handler, address = api
    handler.answers["/repos/ada/golf/pulls/7"] = told(7, merged_at="2026-03-20T00:00:00Z")
    handler.answers["/repos/ada/golf/pulls/7/files"] = [{"filename": "records/a"}, {"x": 1}, 3]
    forge = Forge("ada/golf", tmp_path, "", address)
    facts = forge.facts(7)
    assert facts is not None and facts.state == "merged"
    assert facts.created == "2026-03-19T04:11:02Z"
    assert forge.files(7) == ("records/a",)
    assert forge.facts(8) is None
    assert forge.unreachable == ""


def test_out_of_reach_is_said_once_and_what_is_kept_serves(
    api: tuple[type[_Api], str], tmp_path: Path
) -> None:
    """Promise: without the API the run goes on, from the cache where there is one."""
    handler, address = api
    handler.answers["/repos/ada/golf/pulls/7"] = told(7)
    assert Forge("ada/golf", tmp_path, "", address).facts(7)
    gone = Forge("ada/golf", tmp_path, "", "http://127.0.0.1:9")
    assert gone.facts(7) is None
    assert "cannot be reached" in gone.unreachable
    handler.answers["/repos/ada/golf/pulls/7"] = (403, {"message": "rate limit"})
    limited = Forge("ada/golf", tmp_path, "", address)
    facts = limited.facts(7)
    assert facts is not None and facts.author == "ada"
    assert "set GITHUB_TOKEN" in limited.unreachable
    before = len(handler.asked)
    assert limited.facts(8) is None
    assert len(handler.asked) == before


@pytest.mark.parametrize(
    "answer",
    [
        b"not json",
        b"[" * 100_000,
        b'{"number": "7"}',
        b"[1, 2]",
        b"null",
        b"\xff\xfe",
        (500, {}),
        {"number": True},
        told(7, user=None, head="x", title="\x1b[31m<b>red\n" + "x" * 999, state=4, created_at=1),
    ],
)
def test_whatever_the_forge_says_is_text_or_nothing(
    api: tuple[type[_Api], str], tmp_path: Path, answer: Any
) -> None:
    """Attack: answers of the wrong shape, and titles with escapes."""
    handler, address = api
    handler.answers["/repos/ada/golf/pulls/7"] = answer
    handler.answers["/repos/ada/golf/pulls"] = answer
    facts = Forge("ada/golf", tmp_path, "", address).facts(7)
    if facts is not None:
        said = (facts.title, facts.author, facts.state, facts.head, facts.created)
        assert all(text.isprintable() and len(text) <= 300 for text in said)
        assert facts.title.startswith("[31m<b>red")
    Forge("ada/golf", tmp_path, "", address).all()


def test_the_token_does_not_leave_the_api(api: tuple[type[_Api], str], tmp_path: Path) -> None:
    """Attack: a redirect to another host."""
    handler, address = api
    other = address.replace("127.0.0.1", "localhost")
    handler.answers["/repos/ada/golf/pulls/7"] = (301, f"{other}/steal")
    handler.answers["/repos/ada/golf/pulls/8"] = (301, f"{address}/repositories/1/pulls/8")
    handler.answers["/repositories/1/pulls/8"] = told(8)
    forge = Forge("ada/golf", tmp_path, "secret", address)
    assert forge.facts(8) is not None
    assert forge.facts(7) is None
    assert "another host" in forge.unreachable
    assert not any(path == "/steal" for path, _, _ in handler.asked)
    with pytest.raises(ValueError, match="no owner/repo"):
        Forge("../../etc", tmp_path)
