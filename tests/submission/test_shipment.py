"""What the scoring box gets: one canonical tar, and nothing that was not weighed."""

from __future__ import annotations

import hashlib
import os
import tarfile
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.submission.folders import MANIFEST, policy, submission_folder
from tests.submission.test_tokenizer import model_bytes
from verifier.errors import StorageFault
from verifier.submission import Shipment, Submission, extracted, freeze, pull


@pytest.fixture
def submission(tmp_path: Path) -> Submission:
    return pull(str(submission_folder(tmp_path / "given")), tmp_path / "store")


def frozen(submission: Submission, output: Path, tmp_path: Path, **train: int) -> Shipment:
    return freeze(output, submission, tmp_path / "shipments", policy(train=train))


def output_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    (folder / "parts").mkdir(parents=True)
    (folder / "weights.bin").write_bytes(b"w" * 1000)
    (folder / "parts" / "table.bin").write_bytes(b"t" * 10)
    return folder


def test_the_tar_holds_artifact_code_and_manifest_and_nothing_else(
    submission: Submission, tmp_path: Path
) -> None:
    """Promise: README, logs and other files are not in the scoring box, for nobody weighs them."""
    shipment = frozen(submission, output_folder(tmp_path), tmp_path)
    with tarfile.open(shipment.tar) as tar:
        members = tar.getmembers()
    assert [member.name for member in members] == [
        "artifact", "code", "artifact/parts", "artifact/parts/table.bin", "artifact/weights.bin",
        "code/model.py", "code/train.py", "code/verify.yaml",
    ]  # fmt: skip
    assert {(m.mtime, m.uid, m.gid, m.uname, m.gname) for m in members} == {(0, 0, 0, "", "")}
    assert {m.mode for m in members} == {0o644, 0o755}
    assert shipment.digest == hashlib.sha256(shipment.tar.read_bytes()).hexdigest()
    assert shipment.tar_bytes == shipment.tar.stat().st_size
    assert shipment.objections == ()
    assert (shipment.folder / "artifact/weights.bin").read_bytes() == b"w" * 1000
    assert (shipment.folder / "artifact/weights.bin").stat().st_mode & 0o777 == 0o444
    assert extracted(tmp_path / "shipments", shipment.digest) == shipment.folder


NAMES = st.text(
    st.characters(exclude_characters="/\0", exclude_categories=["Cs", "Cc"]), min_size=1, max_size=8
).filter(lambda name: name not in (".", ".."))


@settings(max_examples=25, deadline=None)
@given(st.dictionaries(NAMES, st.binary(max_size=50), max_size=6))
def test_the_tar_depends_on_names_and_contents_alone(files: dict[str, bytes]) -> None:
    """Promise: order of writing, times, modes and holes carry nothing into the scoring box."""
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        submission = pull(str(submission_folder(place / "given")), place / "store")
        for number, names in enumerate((list(files), list(reversed(files)))):
            folder = place / f"out{number}"
            folder.mkdir()
            for name in names:
                (folder / name).write_bytes(files[name])
                (folder / name).chmod(0o600 + 0o100 * number)
                os.utime(folder / name, (number, number))
        first, second = (frozen(submission, place / f"out{n}", place) for n in (0, 1))
        assert first == second
        assert first.objections == second.objections
        kept = {item.path for item in first.artifact}
        assert all(name in kept for name in files if name.isprintable())


@settings(max_examples=40, deadline=None)
@given(st.lists(st.binary(min_size=1, max_size=300), max_size=5))
def test_hostile_names_are_evidence_and_never_an_exception(names: list[bytes]) -> None:
    """Promise: whatever names a box leaves, freezing ends, and each is shipped or objected to."""
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        submission = pull(str(submission_folder(place / "given")), place / "store")
        (place / "out").mkdir()
        made = set()
        for name in names:
            try:
                with open(os.fsencode(place / "out") + b"/" + name, "wb"):
                    made.add(name)
            except (OSError, ValueError):
                continue
        shipment = frozen(submission, place / "out", place)
        assert len(shipment.artifact) + len(shipment.objections) == len(made)
        assert all(objection.isprintable() for objection in shipment.objections)


def _link(out: Path) -> None:
    (out / "odd").symlink_to("/etc/passwd")


def _folder_link(out: Path) -> None:
    (out / "odd").symlink_to("/etc")


def _hard_links(out: Path) -> None:
    (out / "odd").hardlink_to(out / "weights.bin")


def _fifo(out: Path) -> None:
    os.mkfifo(out / "odd")


def _sparse(out: Path) -> None:
    with (out / "odd").open("wb") as file:
        file.truncate(1 << 42)


def _control(out: Path) -> None:
    (out / "odd\n").write_text("")


def _huge_name(out: Path) -> None:
    folder = out / ("odd" * 80)
    while len(str(folder)) < 2000:
        folder = folder / ("x" * 200)
    folder.mkdir(parents=True)


def _deep(out: Path) -> None:
    (out / "odd" / "/".join("d" * 60)).mkdir(parents=True)


@pytest.mark.parametrize(
    "plant",
    [_link, _folder_link, _hard_links, _fifo, _sparse, _control, _huge_name, _deep],
)
def test_what_must_not_be_in_an_artifact_is_objected_to_and_left_out(
    submission: Submission, tmp_path: Path, plant: object
) -> None:
    """Promise: a finding, never an exception and never followed (PROTOCOL §6)."""
    out = output_folder(tmp_path)
    assert callable(plant)
    plant(out)
    shipment = frozen(submission, out, tmp_path)
    assert any("odd" in objection for objection in shipment.objections)
    assert "root:" not in shipment.tar.read_bytes().decode("latin-1")


def test_attributes_are_objected_to_and_do_not_ship(submission: Submission, tmp_path: Path) -> None:
    """Promise: bytes hidden in extended attributes are found and not in the scoring box."""
    out = output_folder(tmp_path)
    plain = frozen(submission, out, tmp_path)
    try:
        os.setxattr(out / "weights.bin", "user.hidden", b"x" * 100)
    except OSError:
        pytest.skip("this file system has no extended attributes")
    shipment = frozen(submission, out, tmp_path)
    assert shipment.digest == plain.digest
    assert shipment.objections == ("weights.bin: extended attributes (user.hidden)",)


def test_too_many_files_stop_the_walk(submission: Submission, tmp_path: Path) -> None:
    """Promise: a flood of files costs us no more than the policy's bound."""
    out = output_folder(tmp_path)
    for index in range(200):
        (out / f"f{index}").write_bytes(b"")
    shipment = frozen(submission, out, tmp_path, artifact_files=10)
    assert len(shipment.artifact) <= 10
    (objection,) = shipment.objections
    assert "more than 10 files and folders; the walk stopped here" in objection


def test_many_objections_are_few_sentences(submission: Submission, tmp_path: Path) -> None:
    """Promise: a flood of links makes neither a long report nor a long walk."""
    out = output_folder(tmp_path)
    for index in range(1200):
        (out / f"l{index}").symlink_to("/etc/passwd")
    shipment = frozen(submission, out, tmp_path)
    assert len(shipment.objections) == 51
    assert shipment.objections[-1] == "and 951 more"


def test_a_pulled_link_to_a_folder_is_that_folder(tmp_path: Path) -> None:
    """Promise: only links *inside* a submission are refused."""
    folder = submission_folder(tmp_path / "given")
    (tmp_path / "short").symlink_to(folder)
    store = tmp_path / "store"
    assert pull(str(tmp_path / "short"), store).digest == pull(str(folder), store).digest


def test_an_own_tokenizer_ships_as_its_pieces_and_a_listed_one_as_it_is(tmp_path: Path) -> None:
    """Promise: what rides along in a tokenizer file does not reach the scoring box unweighed."""
    stowaway = model_bytes() + b"\x9a\x06\x04data"
    folder = submission_folder(
        tmp_path / "given",
        manifest=MANIFEST.replace("tokenizer: data", "tokenizer: own.model"),
        own__model=stowaway,
    )
    submission = pull(str(folder), tmp_path / "store")
    (tmp_path / "out").mkdir()
    shipment = frozen(submission, tmp_path / "out", tmp_path)
    assert (shipment.folder / "code/own.model").read_bytes() == model_bytes()
    listed = policy(size={"free_tokenizers": [hashlib.sha256(stowaway).hexdigest()]})
    free = freeze(tmp_path / "out", submission, tmp_path / "shipments", listed)
    assert (free.folder / "code/own.model").read_bytes() == stowaway


def test_a_damaged_shipment_is_not_scored(submission: Submission, tmp_path: Path) -> None:
    """Promise: what is scored is what was weighed, or it is our fault and said."""
    shipment = frozen(submission, output_folder(tmp_path), tmp_path)
    with pytest.raises(StorageFault, match="not there"):
        extracted(tmp_path / "shipments", "0" * 64)
    shipment.tar.chmod(0o644)
    with shipment.tar.open("r+b") as tar:
        tar.write(b"X")
    with pytest.raises(StorageFault, match="no longer"):
        extracted(tmp_path / "shipments", shipment.digest)


def test_nothing_left_by_training_is_an_empty_artifact(
    submission: Submission, tmp_path: Path
) -> None:
    """Promise: a run that left nothing is recorded, not an exception."""
    (tmp_path / "out").mkdir()
    assert frozen(submission, tmp_path / "out", tmp_path).artifact == ()
