"""How does a bundle come from an address? http and https alone, bounded in bytes and in time.

Must never follow a redirect to a file, to another kind of address, or from https to http, and never
take more than was allowed, whatever the server says of its length.
"""

from __future__ import annotations

import http.client
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from email.message import Message
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from verifier.errors import BundleCut, MachineFault, RequestError, StorageFault
from verifier.watch import Watch

SCHEMES = ("http", "https")
LARGEST_BYTES = 4 << 30
SILENCE_SECONDS = 30.0
WHOLE_SECONDS = 3600.0
REDIRECTS = 5
_BLOCK = 1 << 18


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Few, and only to where one may go."""

    max_redirections = REDIRECTS
    max_repeats = 2

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        """The next request. Raises RequestError for an address that is none of ours."""
        _checked(newurl, why="it is sent on to")
        if urlsplit(req.full_url).scheme == "https" != urlsplit(newurl).scheme:
            raise RequestError(f"{req.full_url}: it is sent on from https to {newurl}")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def fetch(url: str, target: Path, watch: Watch, at_most: int = LARGEST_BYTES) -> None:
    """Write what lies at `url` to the new file `target`.

    Raises RequestError for another kind of address, a server that refuses and more than `at_most`
    bytes; BundleCut when the connection ends early; MachineFault when nobody answers in time;
    StorageFault without room.
    """
    _checked(url)
    try:
        with _opener().open(_request(url), timeout=SILENCE_SECONDS) as answer:
            stated = _stated(answer.headers, url, at_most)
            with watch.phase(f"fetch {url}", None if stated is None else float(stated)) as progress:
                _copied(answer, target, url, stated, at_most, progress.advance)
    except urllib.error.HTTPError as refused:
        raise RequestError(f"{url}: the server answers {refused.code}") from refused
    except http.client.IncompleteRead as cut:
        raise _cut(url) from cut
    except (OSError, http.client.HTTPException) as fault:
        reason = getattr(fault, "reason", None) or fault
        raise MachineFault(f"{url} cannot be fetched: {reason}") from fault


def _checked(url: str, why: str = "") -> None:
    try:
        parts = urlsplit(url)
        good = parts.scheme in SCHEMES and bool(parts.hostname) and parts.username is None
    except ValueError:
        good = False
    if not good:
        said = f"{why} {url}" if why else url
        raise RequestError(f"{said}: only http and https addresses are fetched")


def _opener() -> urllib.request.OpenerDirector:
    """One that knows no other scheme: the library's own has files, ftp and data."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        _Redirects(),
    ):
        opener.add_handler(handler)
    return opener


def _request(url: str) -> urllib.request.Request:
    # Some servers refuse who does not say what asks.
    headers = {"User-Agent": "golf-verifier", "Accept-Encoding": "identity"}
    return urllib.request.Request(url, headers=headers)


def _stated(headers: Message, url: str, at_most: int) -> int | None:
    """How long the server says it is; None where it does not."""
    text = headers.get("Content-Length")
    if text is None or not text.isdecimal():
        return None
    if int(text) > at_most:
        raise _too_long(url, at_most)
    return int(text)


def _copied(
    answer: http.client.HTTPResponse,
    target: Path,
    url: str,
    stated: int | None,
    at_most: int,
    advance: Callable[[float], None],
) -> None:
    ends, got = time.monotonic() + WHOLE_SECONDS, 0
    try:
        with target.open("xb") as file:
            while block := answer.read1(_BLOCK):
                got += len(block)
                if got > at_most:
                    raise _too_long(url, at_most)
                if time.monotonic() > ends:
                    raise TimeoutError(f"it takes more than {WHOLE_SECONDS:.0f} s")
                _written(file, block)
                advance(float(len(block)))
    except ConnectionError as fault:
        raise _cut(url) from fault
    if stated is not None and got != stated:
        raise _cut(url)


def _written(file: IO[bytes], block: bytes) -> None:
    try:
        file.write(block)
    except OSError as fault:
        raise StorageFault(f"no room for what is fetched: {fault.strerror}") from fault


def _cut(url: str) -> BundleCut:
    return BundleCut("the connection ended early", file=url, remedy="fetch it again")


def _too_long(url: str, at_most: int) -> RequestError:
    return RequestError(f"{url}: is longer than {at_most:,} bytes")
