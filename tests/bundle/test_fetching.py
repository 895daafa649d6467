"""A bundle's address: http and https alone, bounded, and never somewhere else."""

from __future__ import annotations

import http.server
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from verifier import bundle
from verifier.bundle import fetching
from verifier.errors import BundleCut, MachineFault, RequestError
from verifier.watch import Unwatched

CONTENT = bytes(range(256)) * 40


class _Server(http.server.BaseHTTPRequestHandler):
    """Answers by path."""

    def do_GET(self) -> None:
        match self.path.split("?")[0]:
            case "/bundle":
                self._answer(200, {"Content-Length": str(len(CONTENT))}, CONTENT)
            case "/unsized":
                self._answer(200, {}, CONTENT)
            case "/cut":
                self._answer(200, {"Content-Length": str(len(CONTENT) + 1)}, CONTENT)
            case "/liar":
                self._answer(200, {"Content-Length": "10"}, CONTENT)
            case "/huge":
                self._answer(200, {"Content-Length": str(1 << 50)}, CONTENT)
            case "/to":
                self._answer(302, {"Location": self.path.partition("?")[2]}, b"")
            case "/round":
                self._answer(302, {"Location": "/round"}, b"")
            case "/silent":
                self.server.released.wait(20)  # type: ignore[attr-defined]
            case _:
                self._answer(404, {}, b"nothing here")

    def _answer(self, code: int, headers: dict[str, str], content: bytes) -> None:
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def address(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A server on this machine's loopback."""
    monkeypatch.setenv("no_proxy", "*")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Server)
    server.daemon_threads = True
    server.released = threading.Event()  # type: ignore[attr-defined]
    serving = threading.Thread(target=server.serve_forever, args=(0.02,))
    serving.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.released.set()  # type: ignore[attr-defined]
        server.shutdown()
        serving.join()
        server.server_close()


def fetched(url: str, folder: Path, **bounds: int) -> bytes:
    """What was fetched."""
    bundle.fetch(url, folder / "fetched", Unwatched(), **bounds)
    return (folder / "fetched").read_bytes()


@pytest.mark.parametrize("path", ["/bundle", "/unsized", "/to?/bundle", "/to?/to?/bundle"])
def test_what_lies_there_is_fetched_whole(address: str, tmp_path: Path, path: str) -> None:
    """With and without a length, and where it is sent on to."""
    assert fetched(address + path, tmp_path) == CONTENT


def test_an_answer_that_ends_early_is_cut(address: str, tmp_path: Path) -> None:
    """Its length is the server's word, and less came."""
    with pytest.raises(BundleCut, match="ended early"):
        fetched(f"{address}/cut", tmp_path)


@pytest.mark.parametrize("path", ["/bundle", "/unsized", "/huge"])
def test_more_than_is_allowed_is_refused(address: str, tmp_path: Path, path: str) -> None:
    """Said beforehand or found on the way; no more than that is ever written."""
    with pytest.raises(RequestError, match="longer than 5,000 bytes"):
        fetched(address + path, tmp_path, at_most=5_000)
    left = tmp_path / "fetched"
    assert not left.exists() or left.stat().st_size <= 5_000


def test_a_server_that_lies_about_its_length_gives_what_it_said(
    address: str, tmp_path: Path
) -> None:
    """Nothing after the stated end is read."""
    assert fetched(f"{address}/liar", tmp_path) == CONTENT[:10]


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "ftp://127.0.0.1/bundle",
        "data://text/plain,x",
        "gopher://127.0.0.1/",
        "http://",
        "http://user:word@127.0.0.1/",
        "http://[::1",
    ],
)
def test_other_addresses_are_refused(url: str, tmp_path: Path) -> None:
    """Asked for, or sent on to."""
    with pytest.raises(RequestError, match="only http and https"):
        fetched(url, tmp_path)
    assert not (tmp_path / "fetched").exists()


@pytest.mark.parametrize("to", ["file:///etc/passwd", "ftp://127.0.0.1/x", "data:text/plain,x"])
def test_nobody_is_sent_on_to_a_file(address: str, tmp_path: Path, to: str) -> None:
    """A server must not read the reader's own disk; the library refuses most of these itself."""
    with pytest.raises(RequestError, match=r"it is sent on to|the server answers 302"):
        fetched(f"{address}/to?{to}", tmp_path)
    assert not (tmp_path / "fetched").exists()


def test_nobody_is_sent_on_from_https_to_http(address: str) -> None:
    """What began in secret goes on so."""
    handler = fetching._Redirects()
    request = fetching._request("https://example.org/bundle")
    with pytest.raises(RequestError, match="from https"):
        handler.redirect_request(request, None, 302, "", None, f"{address}/bundle")  # type: ignore[arg-type]


def test_a_refusal_is_the_asker_s_and_silence_the_machine_s(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """64 and 70; a circle of redirects is a refusal too."""
    with pytest.raises(RequestError, match="the server answers 404"):
        fetched(f"{address}/nothing", tmp_path)
    with pytest.raises(RequestError, match="the server answers 302"):
        fetched(f"{address}/round", tmp_path)
    monkeypatch.setattr(fetching, "SILENCE_SECONDS", 0.2)
    with pytest.raises(MachineFault, match="cannot be fetched"):
        fetched(f"{address}/silent", tmp_path)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    with pytest.raises(MachineFault, match="cannot be fetched"):
        fetched(f"http://127.0.0.1:{port}/", tmp_path)


def test_a_slow_server_is_not_waited_for_for_ever(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However often it says a little."""
    monkeypatch.setattr(fetching, "WHOLE_SECONDS", -1.0)
    with pytest.raises(MachineFault, match="it takes more than"):
        fetched(f"{address}/bundle", tmp_path)
