"""Every way a shipment is counted, recomputed by us."""

from __future__ import annotations

import hashlib
from pathlib import Path

from tests.submission.folders import MANIFEST, policy, submission_folder
from tests.submission.test_tokenizer import model_bytes
from verifier import size
from verifier.policy import Weigh
from verifier.records import Weighing
from verifier.source.packing import packed_bytes
from verifier.submission import freeze, pull, weigh


def weighed(
    tmp_path: Path,
    *,
    manifest: str = MANIFEST,
    own: bytes = b"",
    out: dict[str, bytes] | None = None,
) -> Weighing:
    files = {"own__model": own} if own else {}
    folder = submission_folder(tmp_path / "given", manifest=manifest, **files)
    submission = pull(str(folder), tmp_path / "store")
    (tmp_path / "out").mkdir()
    for name, content in (out or {}).items():
        (tmp_path / "out" / name).write_bytes(content)
    rules = policy()
    shipment = freeze(tmp_path / "out", submission, tmp_path / "shipments", rules)
    return weigh(shipment, rules.size, seed=7)


def test_every_way_of_counting_is_reported(tmp_path: Path) -> None:
    """Promise: artifact, names, code raw and packed, tokenizer and tar, each by itself (R1)."""
    weighing = weighed(tmp_path, out={"weights": b"w" * 1000, "table": b"t" * 10})
    code = [tmp_path / "given" / name for name in ("model.py", "train.py", "verify.yaml")]
    assert weighing.seed == 7
    assert weighing.artifact_bytes == 1010
    assert weighing.name_bytes == len("weightstablemodel.pytrain.pyverify.yaml")
    assert weighing.code_raw_bytes == sum(path.stat().st_size for path in code)
    assert weighing.code_packed_bytes == weighing.code_raw_bytes  # too short to gain by packing
    assert (weighing.tokenizer_bytes, weighing.tokenizer_free) == (0, True)
    assert weighing.tar_bytes % 512 == 0
    assert weighing.files == 5
    rule = policy().size
    as_ruled = rule.model_copy(update={"weigh": Weigh.AS_RULED})
    assert size.counted_bytes(weighing, as_ruled) == (
        1010 + weighing.name_bytes + weighing.code_packed_bytes
    )
    tar = rule.model_copy(update={"weigh": Weigh.TAR})
    assert size.counted_bytes(weighing, tar) == weighing.tar_bytes


def test_code_is_weighed_packed_and_the_manifest_as_it_is(tmp_path: Path) -> None:
    """Promise: long code weighs what packs it; a long manifest weighs every byte (R1)."""
    train = b"".join(b"value_%d = %d\n" % (i, i) for i in range(1_000))
    manifest = MANIFEST + "# a comment\n" * 1_000
    folder = submission_folder(tmp_path / "given", manifest=manifest, train__py=train)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "link").symlink_to("elsewhere")
    submission = pull(str(folder), tmp_path / "store")
    shipment = freeze(tmp_path / "out", submission, tmp_path / "shipments", policy())
    weighing = weigh(shipment, policy().size, seed=7)
    model = (folder / "model.py").stat().st_size
    packed = packed_bytes(train)
    assert packed < len(train) / 2
    assert weighing.code_packed_bytes == packed + model + len(manifest)
    assert weighing.code_raw_bytes == len(train) + model + len(manifest)
    assert weighing.shipment_digest == hashlib.sha256(shipment.tar.read_bytes()).hexdigest()
    assert weighing.artifact_digest == shipment.artifact_digest != weighing.shipment_digest
    (objection,) = weighing.objections
    assert "link" in objection


def test_bytes_hidden_in_names_count(tmp_path: Path) -> None:
    """Promise: empty files with long names, and empty folders, weigh what they can carry (R1)."""
    plain = weighed(tmp_path / "a", out={"w": b"1"})
    names = {f"{'x' * 110}{index:03}": b"" for index in range(50)}
    hidden = weighed(tmp_path / "b", out={"w": b"1", **names})
    assert hidden.artifact_bytes == plain.artifact_bytes
    rule = policy().size
    gained = size.counted_bytes(hidden, rule) - size.counted_bytes(plain, rule)
    assert gained == 50 * 113


def test_an_own_tokenizer_is_weighed_unless_the_policy_lists_it(tmp_path: Path) -> None:
    """Promise: any tokenizer but the data's own and the listed ones costs its pieces (R1, R8)."""
    manifest = MANIFEST.replace("tokenizer: data", "tokenizer: own.model")
    weighing = weighed(tmp_path, manifest=manifest, own=model_bytes())
    assert (weighing.tokenizer_bytes, weighing.tokenizer_free) == (len(model_bytes()), False)
    rule = policy().size
    counted = size.counted_bytes(weighing, rule)
    assert counted == weighing.name_bytes + weighing.code_packed_bytes + len(model_bytes())


def test_a_listed_tokenizer_is_free(tmp_path: Path) -> None:
    """Promise: a tokenizer is free by its digest, and by nothing else."""
    weighing = weighed(tmp_path / "first", manifest=MANIFEST.replace("data", "bytes"))
    assert weighing.tokenizer_free
    rules = policy(size={"free_tokenizers": [hashlib.sha256(model_bytes()).hexdigest()]})
    folder = submission_folder(
        tmp_path / "given",
        manifest=MANIFEST.replace("tokenizer: data", "tokenizer: own.model"),
        own__model=model_bytes(),
    )
    submission = pull(str(folder), tmp_path / "store")
    (tmp_path / "out").mkdir()
    shipment = freeze(tmp_path / "out", submission, tmp_path / "shipments", rules)
    assert weigh(shipment, rules.size, seed=0).tokenizer_free


def test_only_the_bytes_of_the_shipment_decide(tmp_path: Path) -> None:
    """Promise: trained and weighed twice, one weighing."""
    first = weighed(tmp_path / "a", out={"weights": b"w"})
    second = weighed(tmp_path / "b", out={"weights": b"w"})
    assert first == second
