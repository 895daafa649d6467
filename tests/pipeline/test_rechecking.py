"""A verdict that a stranger tests: where it comes from, how deep, and whose word it is."""

from __future__ import annotations

import dataclasses
import functools
import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.attacks import forging
from tests.attacks.forging import ROOT, Run, opened_bundle, replaced, rewritten, with_root
from tests.attacks.rewriting import lower, swapped
from tests.scoring.fake import FakeSandbox
from verifier import heldout, pipeline, signature
from verifier.cli.main import run as command
from verifier.errors import BadInput, BundleCut, LedgerUnfinished, RequestError
from verifier.ledger import Ledger
from verifier.pipeline import grounds
from verifier.pipeline.grounds import Ground
from verifier.pipeline.rechecking import Depth, Standing, read_trusted, trust
from verifier.records import HeldOutFacts, Pass, Root, Verdict
from verifier.watch import Unwatched


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """One finished run and its bundle."""
    return forging.finished_run(tmp_path_factory.mktemp("rechecked"))


@pytest.fixture
def run(made: Run) -> Iterator[Run]:
    """The same, at home."""
    with forging.at_home(made.scratch.parent):
        yield made


def rechecked(named: object, **asked: object) -> pipeline.Rechecked:
    """One recheck."""
    return pipeline.recheck(pipeline.Asked(named=str(named), **asked))  # type: ignore[arg-type]


# ---------------------------------------------------------------- where it comes from


def test_folder_ledger_bundle_and_address_give_the_same_verdict(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a bundle adds is that its parts belong together; its digest is shown."""
    (stored,) = Ledger.open(run.folder / "ledger").find(Verdict)
    for place in (run.folder, run.folder / "ledger", run.folder / "ledger" / "ledger.jsonl"):
        found = rechecked(place)
        assert found.verdict == stored and not found.sha256
        assert "they are not here" in found.looked[0].unproven[-1]
    monkeypatch.setenv("no_proxy", "*")
    handler = functools.partial(_Quiet, directory=str(run.bundle.parent))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        serving = threading.Thread(target=server.serve_forever, args=(0.02,))
        serving.start()
        address = f"http://127.0.0.1:{server.server_port}/{run.bundle.name}"
        fetched = rechecked(address)
        with pytest.raises(RequestError, match="404"):
            rechecked(f"{address}.nowhere")
        server.shutdown()
        serving.join()
    packed = rechecked(run.bundle)
    assert fetched.verdict == packed.verdict == stored
    assert fetched.sha256 == packed.sha256 and fetched.file_bytes == run.bundle.stat().st_size
    assert any(said.startswith("artifact: ") for said in packed.looked[0].proved)


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Quiet."""


def test_a_bundle_has_no_key_and_no_held_out_text(run: Run) -> None:
    """Whoever gets it learns neither; the ledger needs neither."""
    text = b"".join(opened_bundle(run.bundle).values())
    assert run.key.read_bytes().splitlines()[1] not in text and b"PRIVATE KEY" not in text
    held_out = heldout.open_imported(run.data).subset(forging.DOCUMENTS)
    assert not any(document[100:148] in text for document in held_out.documents)


def test_bundling_twice_gives_the_same_file(run: Run, tmp_path: Path) -> None:
    """And says the size of every part."""
    again = pipeline.bundle_run(run.folder, tmp_path / "again", Unwatched())
    assert again.packed.path.read_bytes() == run.bundle.read_bytes()
    assert set(again.parts) >= {"submission", "artifact", "policy", "lock", "ledger", "charges"}
    assert sum(again.parts.values()) <= again.packed.tar_bytes
    assert again.lacking == ()


def test_what_is_not_finished_or_contradicts_itself_is_not_packed(run: Run, tmp_path: Path) -> None:
    """64: there is nothing that could be handed on."""
    folder = rewritten(run, tmp_path / "run", lambda events: lower(run, events), None)
    lines = (folder / "ledger/ledger.jsonl").read_bytes().splitlines(keepends=True)
    (folder / "ledger/ledger.jsonl").write_bytes(b"".join(lines[:-1]))
    with pytest.raises(RequestError, match="no finished verdict"):
        pipeline.bundle_run(folder, None, Unwatched())
    nonce = rewritten(run, tmp_path / "other", replaced(Pass, score_root="0" * 64), None)
    with pytest.raises(RequestError, match="score root"):
        pipeline.bundle_run(nonce, None, Unwatched())


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [("nothing", None, RequestError), ("page", b"<html>", BundleCut), ("empty", b"", BundleCut)],
)
def test_what_is_no_verdict_is_the_asker_s(
    tmp_path: Path, name: str, content: bytes | None, kind: type[Exception]
) -> None:
    """64, not a forgery: nothing was claimed."""
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(kind):
        rechecked(tmp_path / name)
    with pytest.raises(RequestError):
        rechecked(tmp_path)


def test_a_ledger_that_a_crash_tore_is_unfinished_and_one_torn_after_its_verdict_is_not(
    run: Run, tmp_path: Path
) -> None:
    """Nobody appends to a finished one."""
    folder = rewritten(run, tmp_path / "run", lambda events: lower(run, events), None)
    events = folder / "ledger/ledger.jsonl"
    whole = events.read_bytes()
    events.write_bytes(whole + b'{"arr')
    assert "the last line has no end" in rechecked(folder).forged
    events.write_bytes(whole[:-40])
    with pytest.raises(LedgerUnfinished, match="resume the run"):
        rechecked(folder)


# ---------------------------------------------------------------- whose word


def test_an_unknown_key_and_nobody_are_a_question_and_a_trusted_key_is_not(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit codes 0, 2 and 1, for `recheck` and `verify-signature` alike."""
    key = Ledger.open(run.folder / "ledger").evidence().opening.public_key
    (tmp_path / "keys").write_text(f"# ours\n{key.upper()}  the organizer  # 2026\n\n")
    unsigned = rewritten(run, tmp_path / "unsigned", lambda events: lower(run, events), None)

    def ended(verb: str, place: Path, *words: str) -> tuple[int, dict[str, object]]:
        code = command([verb, str(place), *words, "--json"])
        return code, json.loads(capsys.readouterr().out)

    for verb, place in (("recheck", run.folder), ("verify-signature", run.bundle)):
        assert ended(verb, place)[0] == 0, "one's own key is known"
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "elsewhere"))
    trusted = ("--trusted-keys", str(tmp_path / "keys"))
    for verb, place in (("recheck", run.folder), ("verify-signature", run.bundle)):
        assert ended(verb, place)[0] == 2
        assert ended(verb, place, "--allow-unsigned")[0] == 0
        code, said = ended(verb, place, *trusted)
        assert code == said["exit_code"] == 0 and "the organizer" in json.dumps(said)
        assert ended(verb, unsigned, *trusted)[0] == 2
        assert ended(verb, unsigned, "--allow-unsigned")[0] == 0
    (unsigned / "ledger" / "signature.json").write_text("{}")
    for verb in ("recheck", "verify-signature"):
        assert ended(verb, unsigned, "--allow-unsigned")[0] == 1
    assert not (tmp_path / "elsewhere").exists(), "no key is made to read one"


def test_a_forged_verdict_is_never_shown_as_one(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither to people nor to machines."""
    key = signature.load_or_create()
    folder = rewritten(run, tmp_path / "run", replaced(Pass, score_root="0" * 64), key)
    assert command(["recheck", str(folder), "--allow-unsigned"]) == 1
    said = capsys.readouterr().out
    assert said.startswith("✗ FORGED · ") and "VERIFIED" not in said
    assert command(["recheck", str(folder), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert "answer" not in found and "score root" in found["forged"] and found["exit_code"] == 1
    with pytest.raises(RequestError, match="holds no verdict"):
        pipeline.checked_verdict(folder)


def test_what_contradicts_itself_is_not_signed(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An organizer's key must not stand under it."""
    folder = rewritten(run, tmp_path / "run", replaced(Pass, score_root="0" * 64), None)
    assert command(["sign", str(folder)]) == 1
    assert "FORGED · " in capsys.readouterr().out
    assert not (folder / "ledger" / "signature.json").exists()
    good = rewritten(run, tmp_path / "good", lambda events: events, None)
    assert command(["sign", str(good)]) == 0
    assert rechecked(good).signer.standing is Standing.OWN


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ab" * 31, "1: is no public key"),
        ("# fine\n" + "zz" * 32, "2: is no public key"),
        ("ab" * 32 + "x", "1: is no public key"),
        (f"{'ab' * 32} one\n{'AB' * 32} two", "2: the same key stands twice"),
    ],
)
def test_a_line_that_is_no_key_is_named(tmp_path: Path, text: str, said: str) -> None:
    """A list that says less than it seems to is worse than none."""
    (tmp_path / "keys").write_text(text)
    with pytest.raises(BadInput, match=said):
        read_trusted(tmp_path / "keys")


def test_a_list_of_keys_that_cannot_be_read_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Never an empty list."""
    with pytest.raises(BadInput, match="cannot be read"):
        read_trusted(tmp_path / "nowhere")
    (tmp_path / "keys").write_bytes(b"\xff")
    with pytest.raises(BadInput, match="no UTF-8"):
        read_trusted(tmp_path / "keys")
    monkeypatch.setattr(trust, "FILE_BYTES", 10)
    (tmp_path / "keys").write_text("#" * 11)
    with pytest.raises(BadInput, match="longer than"):
        read_trusted(tmp_path / "keys")


# ---------------------------------------------------------------- how deep


def test_data_shows_tokens_bytes_and_boundaries(run: Run) -> None:
    """Counted again from the text; and the reference's charges with it."""
    looked = rechecked(run.folder, data=run.data).looked
    assert [each.depth for each in looked] == [Depth.ARITHMETIC, Depth.DATA]
    assert looked[1].proved[0].startswith("tokens: ")
    assert looked[1].proved[1].startswith("reference: ")


@pytest.mark.parametrize("field", ["byte_counts", "target_counts", "ids_digest", "reference"])
def test_what_the_data_does_not_say_is_forged(run: Run, tmp_path: Path, field: str) -> None:
    """Everything else consistent, and signed by the user's own key: only the text tells."""

    def change(events: list[object]) -> list[object]:
        (facts,) = (event for event in events if isinstance(event, HeldOutFacts))
        (scored,) = (event for event in events if isinstance(event, Pass))
        counts, sizes = facts.target_counts.copy(), facts.byte_counts.copy()
        counts[:2] += np.array([1, -1], np.int32)
        sizes[0] += 1
        match field:
            case "byte_counts":
                more = replaced(HeldOutFacts, byte_counts=sizes, document_bytes=int(sizes.sum()))
            case "target_counts":
                more = replaced(HeldOutFacts, target_counts=counts)
            case "ids_digest":
                more = replaced(HeldOutFacts, ids_digest="0" * 64)
            case _:
                more = replaced(Pass, reference=scored.reference + np.float32(0.5))
        return forging.replanned(more(events))

    folder = rewritten(run, tmp_path / "run", change, signature.load_or_create())
    assert not rechecked(folder).forged, "arithmetic alone cannot tell"
    said = rechecked(folder, data=run.data).forged
    named = {"reference": "not the bigram's", "byte_counts": "document_bytes"}
    assert named.get(field, field) in said


def test_another_data_set_is_asked_for(run: Run, tmp_path: Path) -> None:
    """It says nothing about the ledger."""
    other = replaced(HeldOutFacts, manifest_digest="1" * 64, name="fineweb")
    folder = rewritten(
        run, tmp_path / "run", lambda events: with_root(other(events)), signature.load_or_create()
    )
    with pytest.raises(RequestError, match="not the documents of the ledger"):
        rechecked(folder, data=run.data)
    with pytest.raises(RequestError, match="does not come with the verifier"):
        rechecked(folder, rescore=1)


class Charging:
    """The run's own scorer, as `forging.charged` has it, `off` nats beside it."""

    def __init__(self, off: float) -> None:
        self.off = off

    def reset(self) -> None: ...

    def begin(self, documents: int) -> None: ...

    def score(self, ids: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        return forging.charged(ids) + np.float32(self.off)

    def observe(self, ids: np.ndarray, lengths: np.ndarray) -> None: ...


@pytest.fixture
def boxes(run: Run, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """Boxes that are threads, on the run's own image; a list of one: how far off they charge."""
    off = [0.0]
    image = Ledger.open(run.folder / "ledger").evidence().opening.image
    root = Root(digest=ROOT, python="python3", pinned=False)

    def ground(*_: object) -> Ground:
        return Ground(FakeSandbox(lambda: Charging(off[0])), root, image)  # type: ignore[arg-type]

    monkeypatch.setattr(grounds, "open_ground", ground)
    yield off


def test_drawn_documents_are_scored_again(run: Run, boxes: list[float]) -> None:
    """By a nonce made now: two rechecks draw differently, and both find the charges."""
    found = [rechecked(run.folder, data=run.data, rescore=2) for _ in range(2)]
    for each in found:
        assert not each.forged and each.looked[2].depth is Depth.RESCORE
        assert "at most 0 nats apart, +0.00e+00 bits a byte" in each.looked[2].proved[0]
        assert "2 drawn documents" in each.looked[2].proved[0]
    assert found[0].looked[2].proved != found[1].looked[2].proved


def test_charges_of_another_artifact_are_forged(run: Run, boxes: list[float]) -> None:
    """Beyond τ on the run's own ground: 1. Within it they are the same."""
    boxes[0] = 0.9e-4
    assert not rechecked(run.folder, data=run.data, rescore=3).forged
    boxes[0] = 1.5e-4
    said = rechecked(run.folder, data=run.data, rescore=3).forged
    assert "not this artifact's charges" in said and "0.00015 nats apart" in said


def test_charges_exchanged_between_documents_are_found_by_scoring_them_again(
    run: Run, tmp_path: Path, boxes: list[float]
) -> None:
    """Pass, replay, root, verdict and signature are consistent, by the user's own key."""
    folder = rewritten(
        run, tmp_path / "run", lambda events: swapped(run, events), signature.load_or_create()
    )
    assert not rechecked(folder, data=run.data).forged
    everything = rechecked(folder, data=run.data, rescore=forging.DOCUMENTS)
    assert "not this artifact's charges" in everything.forged


def test_a_deviation_elsewhere_is_a_question_and_no_forgery(
    run: Run, tmp_path: Path, boxes: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another image, or a ledger that is not VERIFIED: exit code 2."""
    boxes[0] = 1.0
    ground = grounds.open_ground

    def elsewhere(*given: object) -> Ground:
        made = ground(*given)  # type: ignore[arg-type]
        return dataclasses.replace(made, root=dataclasses.replace(made.root, digest="9" * 64))

    monkeypatch.setattr(grounds, "open_ground", elsewhere)
    found = rechecked(run.folder, data=run.data, rescore=1)
    assert not found.forged and "another than the run's" in found.doubts[0]
    words = ["recheck", str(run.folder), "--data", str(run.data), "--rescore", "1", "--quiet"]
    assert command(words) == 2


def test_a_scorer_that_cannot_be_scored_here_is_a_question(run: Run, boxes: list[float]) -> None:
    """NaN where there were charges: said, and not settled."""
    boxes[0] = float("nan")
    found = rechecked(run.folder, data=run.data, rescore=1)
    assert not found.forged and "cannot be scored here: NaN" in found.doubts[0]
