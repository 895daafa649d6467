"""A repository elsewhere is fetched as far as needed, over a loopback server that git provides."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.submission.repositories import RECORD, Made, small_clone
from verifier.errors import RequestError
from verifier.submission import git, pull, remote
from verifier.submission.contents import contents_of
from verifier.submission.pull_request import Shape, pull_request, pull_requests
from verifier.submission.repository import Repository
from verifier.submission.submitted import submitted


class _Backend(BaseHTTPRequestHandler):
    """Hands every request to `git http-backend`, as a web server would."""

    root: Path
    asked: list[str]

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers["Content-Length"])))

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def _answer(self, body: bytes) -> None:
        path, _, query = self.path.partition("?")
        self.asked.append(path)
        known = {
            "PATH": os.environ["PATH"],
            "GIT_PROJECT_ROOT": str(self.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "REMOTE_ADDR": "127.0.0.1",
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
        }
        done = subprocess.run(
            ["git", "http-backend"], input=body, env=known, capture_output=True, check=False
        )
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        lines = [line.decode().partition(": ") for line in head.split(b"\r\n")]
        status = next((v for k, _, v in lines if k == "Status"), "200 OK")
        self.send_response(int(status.split()[0]))
        for key, _, value in lines:
            if key and key != "Status":
                self.send_header(key, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@pytest.fixture
def made(tmp_path: Path) -> Made:
    """A repository with pull request 1, and weights on main that nobody needs."""
    made = small_clone(tmp_path / "served" / "golf")
    made.put("weights.bin", os.urandom(300_000))
    made.commit("Weights on main")
    made.git("config", "uploadpack.allowFilter", "true")
    return made


@pytest.fixture
def url(made: Made) -> Iterator[str]:
    """Where `made` is served."""
    handler = type("Handler", (_Backend,), {"root": made.path.parent, "asked": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/golf/.git"
    server.shutdown()
    thread.join()
    server.server_close()


def packed_bytes(clone: Path) -> int:
    return sum(path.stat().st_size for path in (clone / "objects" / "pack").glob("*.pack"))


def test_a_pull_request_elsewhere_is_the_submission_it_is_here(
    made: Made, url: str, tmp_path: Path
) -> None:
    """Promise: fetched or local, one digest; a scratch clone does not stay."""
    store = tmp_path / "store"
    here = pull(f"{made.path}#1", store).digest
    assert pull(f"{url}#1", store).digest == here
    assert pull(f"{url}#first:{RECORD}", store).digest == here
    [found] = submitted(f"{url}#1")
    assert found.contents.digest == here
    assert found.request is not None and found.request.shape is Shape.ONE_FOLDER
    assert {path.name for path in store.iterdir()} == {"submissions", "pulled"}


def test_only_the_commits_and_files_that_are_needed_come(
    made: Made, url: str, tmp_path: Path
) -> None:
    """Promise: no blob but those of the candidate, although main holds large ones."""
    clone = tmp_path / "clone.git"
    remote.fetch_pull(clone, url, 1)
    assert packed_bytes(clone) < 10_000
    with Repository.at(clone) as repository:
        request = pull_request(repository, 1)
        assert request.base == made.git("rev-parse", "first~1")
        assert request.folder is not None
        assert len(contents_of(repository, request.folder).missing) == 6
        script = made.git("rev-parse", f"first:{RECORD}/train_gpt.py")
    remote.fetch_files(clone, url, [script])
    with Repository.at(clone) as repository:
        assert repository.blob(script, 100) == b"print(1)\n"
    assert packed_bytes(clone) < 10_000


def test_history_is_deepened_until_it_meets_main(
    made: Made, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Attack: depth 1 cannot tell what a request adds."""
    made.git("checkout", "-q", "first")
    for number in range(6):
        made.commit(f"More {number}", **{f"n{number}": "x"})
    made.pull_head(1)
    made.git("checkout", "-q", "main")
    monkeypatch.setattr(remote, "DEPTHS", (1, 3, 0))
    clone = tmp_path / "clone.git"
    remote.fetch_pull(clone, url, 1)
    with Repository.at(clone) as repository:
        request = pull_request(repository, 1)
    assert request.base == made.git("merge-base", "main", "first")
    assert request.others == tuple(f"n{number}" for number in range(6))


def test_every_head_is_fetched_for_a_triage_and_a_second_time_what_is_new(
    made: Made, url: str, tmp_path: Path
) -> None:
    """Promise: `+refs/pull/*/head` comes by itself; what was force-pushed follows."""
    clone = remote.fetched(url, tmp_path / "store")
    with Repository.at(clone) as repository:
        [first] = pull_requests(repository)
        assert first.folder is not None
        assert contents_of(repository, first.folder).digest
    made.git("checkout", "-q", "-B", "second", "main")
    made.record("records/track/y")
    made.commit("Second")
    made.pull_head(2)
    made.pull_head(1, "main")
    made.git("checkout", "-q", "main")
    assert remote.fetched(url, tmp_path / "store") == clone
    with Repository.at(clone) as repository:
        assert [request.shape for request in pull_requests(repository)] == [
            Shape.EMPTY,
            Shape.ONE_FOLDER,
        ]


def test_what_is_not_there_is_said_in_words(made: Made, url: str, tmp_path: Path) -> None:
    """Promise: no such pull request, no such repository, nobody asked for a password."""
    with pytest.raises(RequestError, match="no such ref or pull request"):
        pull(f"{url}#99", tmp_path / "store")
    with pytest.raises(RequestError, match="no such ref or pull request"):
        pull(f"{url}#nowhere:x", tmp_path / "store")
    with pytest.raises(RequestError, match="no such folder"):
        pull(f"{url}#main:nowhere", tmp_path / "store")
    with pytest.raises(RequestError, match="is not there"):
        pull(f"{url.replace('golf', 'gone')}#1", tmp_path / "store")


def test_a_fetch_beyond_its_bytes_is_stopped(
    made: Made, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Attack: a repository that never ends."""
    small = git.Patience(seconds=60, file_bytes=50_000)
    monkeypatch.setattr(remote, "ALL_PATIENCE", small)
    with pytest.raises(RequestError, match="larger than 50000 bytes"):
        remote.fetched(url, tmp_path / "store")


@pytest.mark.parametrize("protocol", ["file", "ext", "git"])
def test_git_itself_refuses_transports_that_were_not_asked_for(
    made: Made, tmp_path: Path, protocol: str
) -> None:
    """Attack: a URL that reached git all the same, by a redirect or a mistake of ours."""
    mark = tmp_path / "was-run"
    address = {
        "file": f"file://{made.path}",
        "ext": f"ext::touch% {mark}",
        "git": "git://127.0.0.1:9/golf",
    }[protocol]
    clone = tmp_path / "clone.git"
    remote.make_clone(clone, "https://host.example/x")
    with pytest.raises(RequestError, match="not allowed"):
        git.run(clone, ["fetch", address], git.Patience(seconds=20), protocols="https")
    with pytest.raises(RequestError, match="is not used"):
        remote.make_clone(clone, address)
    assert not mark.exists()
