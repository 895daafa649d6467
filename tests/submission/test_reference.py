"""REF is read as a person means it, and no transport is used that was not asked for."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifier.errors import RequestError
from verifier.submission.reference import (
    Added,
    ClonedPath,
    ClonedPull,
    GivenFolder,
    GivenTarball,
    Reference,
    RemotePath,
    RemotePull,
    parse,
    repository_of,
)

HUB = "https://github.com/ada/golf"


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("ada/golf#123", RemotePull(HUB, 123, "ada/golf")),
        ("ada/golf.git#123", RemotePull(HUB, 123, "ada/golf")),
        ("https://github.com/ada/golf/pull/123", RemotePull(HUB, 123, "ada/golf")),
        ("https://github.com/ada/golf/pull/123/files", RemotePull(HUB, 123, "ada/golf")),
        ("https://github.com/ada/golf/pull/123/commits/abc", RemotePull(HUB, 123, "ada/golf")),
        ("https://github.com/ada/golf/pull/123?diff=split", RemotePull(HUB, 123, "ada/golf")),
        ("https://github.com/ada/golf/pull/123#issuecomment-1", RemotePull(HUB, 123, "ada/golf")),
        ("http://www.github.com/ada/golf/pull/123", RemotePull(HUB, 123, "ada/golf")),
        ("github.com/ada/golf/pull/123", RemotePull(HUB, 123, "ada/golf")),
        (
            "https://forge.example/ada/golf/pull/7/files",
            RemotePull("https://forge.example/ada/golf", 7),
        ),
        (
            "https://github.com/ada/golf.git#main:records/a/b",
            RemotePath("https://github.com/ada/golf.git", "main", "records/a/b"),
        ),
        (f"{HUB}#feature/x:./a//b/", RemotePath(HUB, "feature/x", "a/b")),
        (f"{HUB}#main:.", RemotePath(HUB, "main", "")),
        (f"{HUB}#12", RemotePull(HUB, 12)),
        (
            "git@github.com:ada/golf.git#v1:sub",
            RemotePath("git@github.com:ada/golf.git", "v1", "sub"),
        ),
        ("ssh://git@host.example/x#1", RemotePull("ssh://git@host.example/x", 1)),
    ],
)
def test_what_lies_elsewhere_is_read_in_every_way_it_is_written(
    text: str, meant: Reference
) -> None:
    """Promise: short form, address with anything behind the number, URL with ref and path."""
    assert parse(text) == meant


def test_what_lies_on_disk_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Promise: a folder is a folder whatever its name looks like; a clone is one where it is."""
    monkeypatch.chdir(tmp_path)
    for name in ("clone", "ada/golf", "odd#1", "at@a..b", "c@d"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "x.tar").write_bytes(b"")
    here = tmp_path.resolve()
    assert parse("clone") == GivenFolder(here / "clone")
    assert parse("x.tar") == GivenTarball(here / "x.tar")
    assert parse("odd#1") == GivenFolder(here / "odd#1")
    assert parse("at@a..b") == GivenFolder(here / "at@a..b")
    assert parse("clone#12") == ClonedPull(here / "clone", 12)
    assert parse("ada/golf#12") == ClonedPull(here / "ada/golf", 12)
    assert parse("odd#1#12") == ClonedPull(here / "odd#1", 12)
    assert parse("clone#main:a/b") == ClonedPath(here / "clone", "main", "a/b")
    assert parse("clone@main..HEAD") == Added(here / "clone", "main", "HEAD")
    assert parse("clone@origin/main...topic") == Added(here / "clone", "origin/main", "topic")
    assert parse("clone@main..") == Added(here / "clone", "main", "HEAD")
    assert parse("c@d@main..HEAD") == Added(here / "c@d", "main", "HEAD")
    assert parse(".@main..HEAD") == Added(here, "main", "HEAD")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("file:///srv/golf#main:x", "name the path itself"),
        ("FILE:///srv/golf#1", "name the path itself"),
        ("ext::sh -c touch% /tmp/x#main:x", "transport ext is not used"),
        ("fd::7#1", "transport fd is not used"),
        ("git://host.example/x#1", "transport git is not used"),
        ("http://host.example/x#1", "use https"),
        ("https://-oProxyCommand=x/y#1", "names no host"),
        ("https://host.example/x y#main:z", "no address"),
        ('https://host.example/"x#main:z', "no address"),
        ("https://host.example/x", "names no folder at a ref"),
        ("https://host.example/x#main", "neither a pull request's number nor ref:path"),
        (".#abc", "neither a pull request's number nor ref:path"),
        ("42", "a number alone names no pull request"),
        ("nowhere#42x", "no such folder or tarball"),
        ("https://host.example/x#-u:x", "names no folder at a ref"),
        ("https://host.example/x#a..b:x", "names no folder at a ref"),
        ("https://host.example/x#main:../x", "leaves the repository"),
        ("https://host.example/x#main:/etc", "leaves the repository"),
        ("nowhere#12", "there is no clone nowhere"),
        ("./nowhere@main..HEAD", "no such folder or tarball"),
        ("nothing here", "no such folder or tarball"),
        ("ada/..#12", "no repository"),
        (".@--upload-pack=x..HEAD", "no name of a commit"),
        ("", "empty"),
        ("a\0b", "empty"),
        ("a" * 5000, "no such folder or tarball"),
        ("\x1b[2J", "no such folder or tarball"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_what_to_write(text: str, why: str) -> None:
    """Promise: usage errors, printable, with a way out; `ext::` and `file://` among them."""
    with pytest.raises(RequestError, match=why) as refused:
        parse(text)
    assert str(refused.value).isprintable()
    assert refused.value.exit_code == 64


def test_a_bare_repository_is_not_taken_for_a_submission(tmp_path: Path) -> None:
    """Promise: who forgets the number is told so, and git's own files are not screened."""
    for name in ("objects", "refs"):
        (tmp_path / "golf.git" / name).mkdir(parents=True)
    (tmp_path / "golf.git" / "HEAD").write_text("ref: refs/heads/main\n")
    with pytest.raises(RequestError, match="is a repository") as refused:
        parse(str(tmp_path / "golf.git"))
    assert refused.value.remedy.endswith("golf.git#123")
    assert parse(f"{tmp_path}/golf.git#7") == ClonedPull((tmp_path / "golf.git").resolve(), 7)


@given(st.text(max_size=60))
def test_any_words_are_a_reference_or_a_usage_error(text: str) -> None:
    """Promise: no words end in another exception."""
    try:
        parse(text)
    except RequestError as refused:
        assert str(refused).isprintable()


def test_a_repository_to_triage_is_a_clone_a_url_or_a_short_name(tmp_path: Path) -> None:
    """Promise: the same words name a repository."""
    assert repository_of(str(tmp_path)) == tmp_path.resolve()
    assert repository_of("ada/golf") == RemotePull(HUB, 0, "ada/golf")
    assert repository_of(f"{HUB}.git") == RemotePull(f"{HUB}.git", 0, "ada/golf")
    with pytest.raises(RequestError, match="transport file"):
        repository_of("file:///srv")
    with pytest.raises(RequestError, match="no such folder"):
        repository_of("nowhere at all")
