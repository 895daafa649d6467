"""Every way a shipment is counted, recomputed by us."""

from __future__ import annotations

import contextlib
import hashlib
import io
import tokenize
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.submission.folders import MANIFEST, policy, submission_folder
from tests.submission.test_tokenizer import model_bytes
from verifier import size
from verifier.policy import Weigh
from verifier.records import Weighing
from verifier.submission import freeze, pull, weigh
from verifier.submission.minify import MINIFIED_AT_MOST, minified
from verifier.submission.weigh import packed_bytes, wrapped

REAL_SOURCE = Path(tokenize.__file__).read_bytes()


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
    return weigh(shipment, submission, rules.size, seed=7)


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
    assert weigh(shipment, submission, rules.size, seed=0).tokenizer_free


def test_the_packed_size_is_that_of_a_wrapper_that_runs() -> None:
    """Promise: nobody who honestly ships the wrapper is counted below what it weighs."""
    source = b"# a comment\nvalue = [\n    1,\n    2,\n]\n\n\n"
    source += b"def f():\n    '''kept'''\n    return value\n"
    source += b"".join(b"x%d = f()  # again and again\n" % index for index in range(100))
    wrapper = wrapped(source)
    assert packed_bytes(source) == len(wrapper) < len(source)
    namespace: dict[str, object] = {}
    exec(compile(wrapper, "wrapper", "exec"), namespace)
    function = namespace["f"]
    assert callable(function)
    assert function() == [1, 2] == namespace["x99"]
    assert function.__doc__ == "kept"


def test_code_that_arrives_packed_is_counted_as_it_stands() -> None:
    """Promise: packing again neither gains nor costs an honest author anything."""
    packed = wrapped(REAL_SOURCE)
    assert packed_bytes(packed) == len(packed)


def test_code_too_large_to_be_read_is_counted_raw() -> None:
    """Promise: the weighing of hostile source ends, and not in its favour."""
    source = b"#" * (MINIFIED_AT_MOST + 1)
    assert packed_bytes(source) == len(source)


@pytest.mark.parametrize(
    ("source", "short"),
    [
        (b"x = 1  # why\n\n\n", b"x = 1\n"),
        (b"if x:\n        y = '''a\n\n   b'''  \n", b"if x:\n y = '''a\n\n   b'''\n"),
        (b"f(1,\n     2)\n", b"f(1,\n2)\n"),
        (b"x = 1 + \\\n    2\n", b"x = 1 + \\\n    2\n"),
        (b"if x:\n    if y:\n        z\n    w\n", b"if x:\n if y:\n  z\n w\n"),
        (b"x = '# no comment'\n", b"x = '# no comment'\n"),
        (b"def f(:\n  '\n", b"def f(:\n  '\n"),
        (b"# coding: latin-1\nx = 1\n", b"# coding: latin-1\nx = 1\n"),
        (b"x = 1\r\n\r\n", b"x = 1\r\n\r\n"),
        (b"\xff\xfe", b"\xff\xfe"),
    ],
)
def test_minifying_drops_what_only_people_read(source: bytes, short: bytes) -> None:
    """Promise: the same program, or the text as it is."""
    assert minified(source) == short


def test_minifying_leaves_a_real_module_the_same_program() -> None:
    """Promise: comments, blanks and indentation go; compiled constants and names stay."""
    short = minified(REAL_SOURCE)
    assert len(short) < 0.9 * len(REAL_SOURCE)
    assert (
        compile(short, "m", "exec").co_consts[0] == compile(REAL_SOURCE, "m", "exec").co_consts[0]
    )
    assert minified(short) == short


@given(st.text(alphabet="ab=1 \n\t#'\"\\():,f{}", max_size=60))
def test_minifying_any_text_keeps_its_tokens(text: str) -> None:
    """Promise: hostile text never raises, and never loses a token that is seen."""
    with contextlib.suppress(tokenize.TokenError, SyntaxError):
        before = visible(text)
        assert visible(minified(text.encode()).decode()) == before


def visible(text: str) -> list[str]:
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    unseen = (tokenize.NL, tokenize.COMMENT, tokenize.INDENT, tokenize.DEDENT, tokenize.NEWLINE)
    return [each.string for each in tokens if each.type not in unseen]


def test_only_the_bytes_of_the_shipment_decide(tmp_path: Path) -> None:
    """Promise: trained and weighed twice, one weighing."""
    first = weighed(tmp_path / "a", out={"weights": b"w"})
    second = weighed(tmp_path / "b", out={"weights": b"w"})
    assert first == second
