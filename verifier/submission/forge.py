"""What does the forge say of a pull request: author, dates, state, title, files?

GitHub's API, where it can be reached; nothing depends on it. Answers are kept and asked for again
by their tag, so a second run costs no request of the hourly allowance. Whatever is said is a
stranger's text and printable. Must never send the token anywhere but to the API, follow a
redirect off its host, or fail a run: out of reach is an answer (`unreachable`), said once.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from verifier.scratch import beside_of

API = "https://api.github.com"
TOKEN_VARIABLE = "GITHUB_TOKEN"
ANSWER_BYTES = 16_000_000
ANSWER_SECONDS = 20.0
PAGES_AT_MOST = 200
PER_PAGE = 100
TEXT_CHARACTERS = 300
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,38}/[A-Za-z0-9._-]{1,100}\Z")
_WHEN = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\Z")
_FAULTS = (OSError, http.client.HTTPException, ValueError)


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgeFacts:
    """What the forge says of one pull request. `state` is "open", "closed" or "merged".

    `head` is a commit id; dates are "2026-03-19T04:11:02Z". Unknown is "".
    """

    number: int
    head: str
    author: str
    created: str
    updated: str
    state: str
    title: str


class Forge:
    """One repository's pull requests, as the API tells them."""

    def __init__(self, name: str, cache: Path, token: str = "", api: str = API) -> None:
        """`name` is "owner/repo"; answers are kept below `cache`. Raises ValueError for a name
        that is none.
        """
        if not _NAME.match(name):
            raise ValueError(f"{name!r} is no owner/repo")
        self._address = f"{api}/repos/{name}"
        self._cache = cache / "forge" / hashlib.sha256(self._address.encode()).hexdigest()[:24]
        self._token = token
        self._open = urllib.request.build_opener(_StayOnHost()).open
        self.unreachable = ""

    @classmethod
    def with_token(cls, name: str, cache: Path) -> Forge:
        """With the token of $GITHUB_TOKEN, where there is one."""
        return cls(name, cache, os.environ.get(TOKEN_VARIABLE, ""))

    def all(self) -> Mapping[int, ForgeFacts]:
        """Every pull request the API lists; what came before it fell silent."""
        found: dict[int, ForgeFacts] = {}
        for page in range(1, PAGES_AT_MOST + 1):
            query = f"state=all&sort=created&direction=asc&per_page={PER_PAGE}&page={page}"
            answer = self._ask(f"/pulls?{query}")
            listed = answer if isinstance(answer, list) else []
            for value in listed:
                if facts := _facts(value):
                    found[facts.number] = facts
            if len(listed) < PER_PAGE:
                break
        return found

    def facts(self, number: int) -> ForgeFacts | None:
        """One pull request; None where the API does not say."""
        return _facts(self._ask(f"/pulls/{number:d}"))

    def files(self, number: int) -> tuple[str, ...]:
        """The paths that one pull request changes, as the forge counts them; () for unknown."""
        found: list[str] = []
        for page in range(1, 31):
            answer = self._ask(f"/pulls/{number:d}/files?per_page={PER_PAGE}&page={page}")
            listed = answer if isinstance(answer, list) else []
            found.extend(_text(v, "filename") for v in listed if isinstance(v, dict))
            if len(listed) < PER_PAGE:
                break
        return tuple(path for path in found if path)

    def _ask(self, path: str) -> Any:
        """The answer, None once the API is out of reach: then it is not asked again."""
        kept = _Kept(self._cache / hashlib.sha256(path.encode()).hexdigest())
        if self.unreachable:
            return kept.answer()
        request = urllib.request.Request(f"{self._address}{path}", headers=self._headers(kept))
        try:
            with self._open(request, timeout=ANSWER_SECONDS) as answered:
                content = answered.read(ANSWER_BYTES + 1)
                tag = answered.headers.get("ETag", "")
            if len(content) > ANSWER_BYTES:
                raise ValueError("an answer of more than 16 MB")
            answer = json.loads(content)
            kept.keep(tag, content)
            return answer
        except urllib.error.HTTPError as refused:
            refused.close()
            if refused.code != 304:
                self._note_refusal(refused)
        except (*_FAULTS, RecursionError) as fault:
            reason = getattr(fault, "reason", fault)
            self.unreachable = f"the API cannot be reached: {_safe(str(reason))}"
        return kept.answer()

    def _note_refusal(self, refused: urllib.error.HTTPError) -> None:
        """404 is an answer about one request; anything else ends the asking."""
        if refused.code in (403, 429):
            more = "" if self._token else f"; set {TOKEN_VARIABLE}"
            self.unreachable = f"the API's allowance is used up or it refuses{more}"
        elif refused.code != 404:
            self.unreachable = f"the API answers {refused.code}"

    def _headers(self, kept: _Kept) -> dict[str, str]:
        headers = {
            "Accept": "application/vnd.github+json",
            "User-Agent": "golf-verifier",
            "X-GitHub-Api-Version": "2022-11-28",
        }
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        if tag := kept.tag():
            headers["If-None-Match"] = tag
        return headers


@dataclass(frozen=True, slots=True)
class _Kept:
    """One answer on disk, with its tag. A cache that cannot be read or written is none."""

    path: Path
    _limit: int = field(default=ANSWER_BYTES * 2)

    def _value(self) -> dict[str, Any]:
        try:
            if self.path.stat().st_size > self._limit:
                return {}
            value = json.loads(self.path.read_bytes())
        except (OSError, ValueError, RecursionError):
            return {}
        return value if isinstance(value, dict) else {}

    def tag(self) -> str:
        tag = self._value().get("tag", "")
        return tag if isinstance(tag, str) and tag.isprintable() and tag.isascii() else ""

    def answer(self) -> Any:
        return self._value().get("answer")

    def keep(self, tag: str, content: bytes) -> None:
        beside = beside_of(self.path)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            beside.write_bytes(
                b'{"tag": ' + json.dumps(tag).encode() + b', "answer": ' + content + b"}"
            )
            beside.replace(self.path)
        except OSError:
            return


class _StayOnHost(urllib.request.HTTPRedirectHandler):
    """Follows a redirect on the API's own host (a renamed repository) and no other."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        before, after = urllib.parse.urlsplit(req.full_url), urllib.parse.urlsplit(newurl)
        if (before.scheme, before.netloc) != (after.scheme, after.netloc):
            fp.close()
            raise ValueError("it sends to another host")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _facts(value: Any) -> ForgeFacts | None:
    """Read one pull request of an answer; None when it has no number."""
    if not isinstance(value, dict) or type(value.get("number")) is not int:
        return None
    merged = bool(value.get("merged_at"))
    state = _text(value, "state")
    return ForgeFacts(
        number=value["number"],
        head=_text(_part(value, "head"), "sha"),
        author=_text(_part(value, "user"), "login"),
        created=_when(value, "created_at"),
        updated=_when(value, "updated_at"),
        state="merged" if merged else state if state in ("open", "closed") else "",
        title=_text(value, "title"),
    )


def _part(value: dict[str, Any], key: str) -> dict[str, Any]:
    part = value.get(key)
    return part if isinstance(part, dict) else {}


def _text(value: dict[str, Any], key: str) -> str:
    text = value.get(key)
    return _safe(text) if isinstance(text, str) else ""


def _when(value: dict[str, Any], key: str) -> str:
    text = _text(value, key)
    return text if _WHEN.match(text) else ""


def _safe(text: str) -> str:
    """One line, printable, not too long."""
    return "".join(c if c.isprintable() else " " for c in text[:TEXT_CHARACTERS]).strip()
