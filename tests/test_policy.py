"""Policies are complete or refused, and every refusal names file and line."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from verifier import installed
from verifier import policy as policies
from verifier.errors import BadPolicy, RequestError
from verifier.policy import Weigh
from verifier.records import Adaptation

TEXT = (installed.path("policies") / "local_cpu.yaml").read_bytes()


def refusal(old: str, new: str) -> str:
    """What is said when `old` in the default policy is replaced by `new`."""
    assert old.encode() in TEXT
    with pytest.raises(BadPolicy) as caught:
        policies.parse(TEXT.replace(old.encode(), new.encode(), 1), "rules.yaml")
    return str(caught.value)


def line_of(text: str) -> int:
    return TEXT.decode().split(text)[0].count("\n") + 1


def test_the_six_policies_ship() -> None:
    """The embedded default, the rehearsal, the tracks."""
    assert policies.names() == (
        "local_cpu",
        "rehearsal",
        "strict_tar",
        "track_10min_16mb",
        "track_10min_16mb_as_ruled",
        "track_non_record_16mb",
    )


@pytest.mark.parametrize("name", policies.names())
def test_every_shipped_policy_loads_under_its_own_name(name: str) -> None:
    """Law 7: dated data, cited by the digest of its bytes."""
    found = policies.load(name)
    assert found.policy.name == name
    assert found.digest == hashlib.sha256(found.text).hexdigest()
    assert policies.parse(found.text, "again") == found
    assert found.policy.size.cap_bytes == 16_000_000


@pytest.mark.parametrize("name", policies.names())
def test_every_policy_says_when_a_machine_is_unfair(name: str) -> None:
    """R2, DESIGN §6: shares of a phase, and how often it is looked at."""
    rule = policies.load(name).policy.witness
    assert (rule.hertz, rule.drift_at_most) == (10, 0.2)
    assert (rule.pressure_at_most, rule.throttled_at_most) == (0.1, 0.05)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("hertz: 10", "hertz: 0"),
        ("hertz: 10", "hertz: 101"),
        ("drift_at_most: 0.2", "drift_at_most: 1"),
        ("pressure_at_most: 0.1", "pressure_at_most: -0.1"),
        ("throttled_at_most: 0.05", "throttled_at_most: .nan"),
    ],
)
def test_a_share_that_is_none_is_refused(old: str, new: str) -> None:
    """None of a phase is allowed to be, all of it is not."""
    said = refusal(old, new)
    assert f"rules.yaml:{line_of(old)}: '{old.partition(':')[0]}' in 'witness'" in said


def test_the_policies_encode_what_was_ruled() -> None:
    """R1, R2, R5, R6, R7: the facts that tell them apart."""
    local, track, ruled, tar, rehearsal = (
        policies.load(name).policy
        for name in (
            "local_cpu",
            "track_10min_16mb",
            "track_10min_16mb_as_ruled",
            "strict_tar",
            "rehearsal",
        )
    )
    assert (local.train.limit_seconds, local.claim.tolerance_bpb) == (300, 0.02)
    assert (local.replay.mode, local.replay.tau_nats) == ("all", 1e-4)
    assert (track.hardware.gpus, track.hardware.model) == (8, "H100 80GB HBM3")
    assert (track.train.limit_seconds, track.score.limit_seconds) == (600, 600)
    assert (track.data.documents, track.seeds.count) == (50_000, 3)
    assert Adaptation.STREAM not in track.score.adaptation
    assert Adaptation.STREAM in ruled.score.adaptation
    assert "reset" in ruled.audits["scorer/1"].disclosed
    assert tar.size.weigh is Weigh.TAR
    assert rehearsal.rehearsal
    assert rehearsal.size == track.size
    assert rehearsal.train == track.train


@pytest.mark.parametrize("name", policies.names())
def test_tau_on_a_gpu_is_not_calibrated_and_on_a_cpu_it_is(name: str) -> None:
    """§4.4: no GPU was calibrated yet, and a policy that has none names the CPU's evidence."""
    policy = policies.load(name).policy
    known = policy.replay.calibrated
    assert (None if known is None else known.device) == (None if policy.hardware.gpus else "cpu")


def test_a_misspelt_key_is_refused_with_what_was_meant() -> None:
    """An unknown key is never skipped."""
    said = refusal("cap_bytes:", "cap_byte:")
    assert said.startswith(f"rules.yaml:{line_of('cap_bytes:')}: unknown key 'cap_byte' in 'size'")
    assert "did you mean 'cap_bytes'?" in said
    assert "did you mean 'format'?" in refusal("format: policy/1", "formt: policy/1")
    assert "did you mean 'evidence'?" in refusal("    evidence:", "    evidense:")
    assert "did you mean 'required'?" in refusal("    required:", "    requird:")
    strange = refusal("format: policy/1", "format: policy/1\nzzz: 1")
    assert strange.endswith("unknown key 'zzz'")


def test_a_missing_key_is_named_with_its_group() -> None:
    """A policy has no defaults."""
    said = refusal("  cap_bytes: 16_000_000\n", "")
    assert "missing key 'cap_bytes' in 'size'" in said
    assert said.startswith(f"rules.yaml:{line_of('size:')}:")
    assert "missing key 'date'" in refusal('date: "2026-11-24"\n', "")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("gpus: 0", "gpus: -1", "'gpus' in 'hardware'"),
        ("gpus: 0", "gpus: true", "'gpus' in 'hardware'"),
        ("gpus: 0", "gpus: 1", "replay.calibrated.device is 'cpu', hardware.gpus 1"),
        ("device: cpu", "device: NVIDIA H200", "'NVIDIA H200', hardware.gpus 0"),
        ("device: cpu", 'device: ""', "'device' in 'replay.calibrated'"),
        ("alpha: 0.001", "alpha: 1.5", "'alpha' in 'replay'"),
        ("alpha: 0.001", "alpha: .nan", "'alpha' in 'replay'"),
        ("limit_seconds: 300", "limit_seconds: .inf", "'limit_seconds' in 'train'"),
        ("mode: all", "mode: some", "'mode' in 'replay'"),
        ("mode: all", "mode: sampled", "a sampled replay needs draws"),
        ("decoys: 20", "decoys: 19", "'decoys' in 'replay'"),
        ("weigh: as_ruled", "weigh: kindly", "'weigh' in 'size'"),
        ("- lookahead", "- record", "never required"),
        ("- twin", "- claim", "listed twice: claim"),
        ("  scorer/1:", "  scorer/9:", "scorer/9"),
        ("name: local_cpu", "name: ../local", "'name'"),
        ('date: "2026-11-24"', "date: yesterday", "'date'"),
        ("adaptation: [none, document]", "adaptation: []", "'adaptation' in 'score'"),
    ],
)
def test_an_impossible_value_is_refused_at_its_place(old: str, new: str, said: str) -> None:
    """Limits are data with units, complete or refused."""
    answer = refusal(old, new)
    assert said in answer
    assert "Value error" not in answer


def test_what_is_listed_twice_is_named_in_full() -> None:
    """One correction, not one for each name."""
    assert "listed twice: claim, coverage" in refusal("- twin", "- claim\n      - coverage")


def test_a_required_list_without_audits_is_refused() -> None:
    """Empty evidence is refused: a policy that requires nothing would verify anything."""
    head, tail = TEXT.decode().split("    required:\n", 1)
    rest = tail.split("    disclosed:\n", 1)[1]
    with pytest.raises(BadPolicy, match="'required' in"):
        policies.parse(f"{head}    required: []\n    disclosed:\n{rest}".encode(), "rules.yaml")


_DRAWS = line_of("draws: 0")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("draws: 0", "draws: 0\n  draws: 1", f"key 'draws' stands twice, first in line {_DRAWS}"),
        ("  draws: 0", "  draws: &d 0\n  decoys: *d", "aliases are not allowed"),
        ("gpus: 0", "gpus: !!python/name:os.system x", "is not allowed"),
        ("gpus: 0", "gpus: !!int zero", "'zero' is not a value"),
        ("gpus: 0", "[1, 2]: 0", "a key must be a word"),
        ("gpus: 0", "gpus: [", "is not YAML"),
        ("gpus: 0", "gpus: *nobody", "is not YAML"),
        ("gpus: 0", "gpus: \x00", "is not YAML"),
        ("format: policy/1", "format: policy/1\n---\nformat: policy/1", "is not YAML"),
        ("size:  #", "size: !evil  #", "the tag '!evil' is not allowed"),
        ("adaptation: [", "adaptation: !!set [", "the tag 'tag:yaml.org,2002:set' is not"),
        ("  gpus: 0", "  !evil gpus: 0", "the tag '!evil' is not allowed"),
        ("  gpus: 0", "  !!python/name:os.system gpus: 0", "is not allowed"),
        ("  gpus: 0", "  <<: {gpus: 0}", "the tag 'tag:yaml.org,2002:merge' is not allowed"),
        ("  gpus: 0", "  &g gpus: 0\n  *g : 1", "aliases are not allowed"),
        ("  gpus: 0", "  &g gpus: *g", "aliases are not allowed"),
        ("  gpus: 0", "  gpus: &g 0\n  *g : 1", "aliases are not allowed"),
        ("gpus: 0", "gpus: !!int ''", "'' is not a value"),
        ("gpus: 0", "gpus: !!float ''", "'' is not a value"),
        ("gpus: 0", "gpus: !!bool perhaps", "'perhaps' is not a value"),
        ("alpha: 0.001", "alpha: 1" + ":00" * 200 + ".5", "is not a value"),
        ("gpus: 0", "gpus: " + "9" * 5_000, "'" + "9" * 40 + "' is not a value"),
        ('model: ""', 'model: "\\ud800"', r"'\ud800' is not a value"),
    ],
)
def test_yaml_that_could_hide_something_is_refused(old: str, new: str, said: str) -> None:
    """Keys given twice, aliases and tags are errors with their line."""
    answer = refusal(old, new)
    assert said in answer
    assert answer.startswith("rules.yaml:")
    # a bracket that is never closed is missed at the next key but one
    lines = new.count("\n") + 2 * new.endswith("[")
    assert int(answer.split(":")[1]) in range(line_of(old), line_of(old) + lines + 1)


def test_files_that_are_no_policies_are_refused(tmp_path: Path) -> None:
    """Too long, not UTF-8, empty, nested without end, absent: each with its reason."""
    for content, said in (
        (b"#" * 70_000, "longer than"),
        (b"a: 1\nb: \xff\nc: 1\n", ":2: is not UTF-8"),
        (b"a: 1\nb: \x07\nc: 1\n", r":2: is not YAML: it holds '\\x07'"),
        (b"", ":1: 'policy': Input"),
        (b"[" * 1_500, ":1: is not YAML: it is nested too deeply"),
        (b"- 1", ":1: 'policy': Input"),
        (b'a: "\\UFFFFFFFF"', ":1: is not YAML: it spells a character"),
        (b"%YAML 1." + b"9" * 5_000 + b"\n--- a", ":1: is not YAML: it spells"),
    ):
        file = tmp_path / "rules.yaml"
        file.write_bytes(content)
        with pytest.raises(BadPolicy, match=said) as caught:
            policies.load(str(file))
        assert caught.value.file == str(file)
    absent = str(tmp_path / "absent.yaml")
    with pytest.raises(BadPolicy, match="cannot be read") as caught:
        policies.load(absent)
    assert caught.value.file == absent


def test_a_file_without_end_is_refused_by_its_beginning(tmp_path: Path) -> None:
    """Somebody else's policy may be any file: no more of it is read than can be a policy."""
    path = tmp_path / "rules.yaml"
    path.touch()
    os.truncate(path, 1 << 40)
    with pytest.raises(BadPolicy, match="longer than"):
        policies.load(str(path))


def test_a_policy_that_does_not_ship_is_refused_with_what_was_meant() -> None:
    """The caller's mistake, with the names there are."""
    with pytest.raises(RequestError, match=r"did you mean 'local_cpu'\?.*local_cpu, rehearsal, "):
        policies.load("local_cpus")


def test_a_file_is_read_by_its_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Anything with a slash or ending in .yaml; never a file that happens to be called so."""
    for name in ("mine.yaml", "mine", "strict_tar"):
        (tmp_path / name).write_bytes(TEXT)
    monkeypatch.chdir(tmp_path)
    for path in (str(tmp_path / "mine.yaml"), "mine.yaml", "./mine"):
        assert policies.load(path).digest == policies.load("local_cpu").digest
    assert policies.load("strict_tar").policy.name == "strict_tar"


def test_a_policy_is_the_shipped_one_byte_for_byte_or_has_a_name_of_its_own() -> None:
    """A comment more is another file, whatever it calls itself."""
    assert policies.as_shipped(policies.load("local_cpu")) is True
    assert policies.as_shipped(policies.parse(TEXT + b"#\n", "x")) is False
    renamed = TEXT.replace(b"name: local_cpu", b"name: my_own")
    assert policies.as_shipped(policies.parse(renamed, "x")) is None


def test_what_no_audit_can_tell_no_policy_can_ask() -> None:
    """Adaptation within a document looks like none from outside."""
    text = TEXT.replace(b"adaptation: [none, document]", b"adaptation: [none]")
    assert text != TEXT
    with pytest.raises(BadPolicy, match="must hold document"):
        policies.parse(text, "x")


def test_a_file_has_at_most_64_kib() -> None:
    """The last byte that fits."""
    whole = TEXT + b"#" * (65_536 - len(TEXT))
    assert policies.parse(whole, "rules.yaml").policy.name == "local_cpu"
    with pytest.raises(BadPolicy, match="longer than 65536 bytes"):
        policies.parse(whole + b"#", "rules.yaml")


def test_a_mistake_in_a_list_is_named_with_its_own_line() -> None:
    """Not with that of the list."""
    said = refusal("      - isolation\n", "      - 7\n")
    assert said.startswith(f"rules.yaml:{line_of('      - isolation')}: ")


def test_the_schema_cites_the_rule_of_every_key() -> None:
    """`verifier policy schema`: R1 … R10, § of the protocol, or a law of the design."""
    schema = policies.schema()
    groups = [schema, *(g for g in schema["$defs"].values() if "properties" in g)]
    for group in groups:
        for key, described in group["properties"].items():
            assert described.get("description"), key
    cap = schema["$defs"]["SizeRule"]["properties"]["cap_bytes"]
    assert cap["description"].startswith("R1")

    for group in groups:
        assert group["additionalProperties"] is False
        assert sorted(group["required"]) == sorted(group["properties"])


@dataclass(frozen=True)
class Place:
    """A key of the default policy: its line, what it is called, the group it stands in."""

    line: int
    key: str
    group: tuple[str, ...]
    plain: bool


def places(node: yaml.Node, group: tuple[str, ...] = ()) -> list[Place]:
    found = []
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            plain = isinstance(value, yaml.ScalarNode)
            found.append(Place(key.start_mark.line, key.value, group, plain))
            found += places(value, (*group, key.value))
    return found


ALL = places(yaml.compose(TEXT, Loader=yaml.SafeLoader))
LINES = TEXT.decode().split("\n")


def refused(lines: list[str]) -> BadPolicy:
    with pytest.raises(BadPolicy) as caught:
        policies.parse("\n".join(lines).encode(), "rules.yaml")
    return caught.value


@pytest.mark.parametrize("at", ALL, ids=lambda at: ".".join((*at.group, at.key)))
def test_a_mistake_at_any_key_is_named_with_its_line(at: Place) -> None:
    """Every key, unknown when misspelt, missing when absent: no other is accepted instead."""
    line = LINES[at.line]
    misspelt = refused([*LINES[: at.line], line.replace(at.key, "zq", 1), *LINES[at.line + 1 :]])
    assert misspelt.place == str(at.line + 1)
    assert "zq" in str(misspelt)
    if at.plain:
        wrong = refused([*LINES[: at.line], f"{line.split(':')[0]}: {{}}", *LINES[at.line + 1 :]])
        assert wrong.place == str(at.line + 1)
        assert at.key in str(wrong)
        absent = refused([*LINES[: at.line], *LINES[at.line + 1 :]])
        above = [p.line for p in ALL if (*p.group, p.key) == at.group]
        assert absent.place == str(above[0] + 1 if above else 1)
        if sum(other.group == at.group for other in ALL) > 1:
            assert f"missing key '{at.key}'" in str(absent)
            assert "a policy has no defaults" in str(absent)
        else:
            assert f"'{at.group[-1]}': Input should be" in str(absent)


def test_of_several_mistakes_the_first_in_the_file_is_named() -> None:
    """A person mends them in order; a misspelt key is unknown before it is missing."""
    text = TEXT.replace(b"gpus: 0", b"gpus: -1").replace(b"chunk_at_most:", b"chunk_at_mostt:")
    with pytest.raises(BadPolicy, match="unknown key 'chunk_at_mostt'") as unknown:
        policies.parse(text.replace(b"gpus: -1", b"gpus: 0"), "rules.yaml")
    assert unknown.value.place == str(line_of("chunk_at_most:"))
    with pytest.raises(BadPolicy, match="'gpus' in 'hardware'"):
        policies.parse(text, "rules.yaml")


ODD = ["{}", "[]", "!!int", "*a", "&a b", "1e400", "-1", ".nan", "'", '"\\udfff"', "? a", "0x", "~"]


@settings(deadline=None)
@given(
    st.integers(0, len(LINES) - 1),
    st.sampled_from(ODD) | st.text(max_size=8),
    st.sampled_from(["value", "key", "line"]),
)
def test_whatever_stands_in_a_line_is_read_or_refused_in_words(
    number: int, odd: str, where: str
) -> None:
    """No traceback, and nothing that cannot be printed."""
    key, _, value = LINES[number].partition(":")
    line = {"value": f"{key}: {odd}", "key": f"{odd}:{value}", "line": odd}[where]
    lines = [*LINES[:number], line, *LINES[number + 1 :]]
    try:
        policies.parse("\n".join(lines).encode(), "rules.yaml")
    except BadPolicy as fault:
        assert str(fault).encode().startswith(b"rules.yaml:")


def test_a_replay_is_granted_a_multiple_of_its_pass_and_never_less_than_a_pass() -> None:
    """§4.1: a fast `score` beside a slow `predict` buys nothing by it."""
    rule = policies.load("local_cpu").policy.replay
    assert rule.busy_seconds(100.0, 300.0) == 100 * rule.busy_multiple > 300
    assert rule.busy_seconds(1.0, 300.0) == 300.0


def test_a_policy_cannot_be_changed_after_it_was_read() -> None:
    """Law 7, in memory too."""
    found = policies.load("local_cpu").policy
    with pytest.raises(ValidationError):
        found.size.cap_bytes = 1


@given(st.binary(max_size=200))
def test_no_bytes_do_anything_but_parse_or_be_refused(text: bytes) -> None:
    """A ledger's policy file is as hostile as the ledger."""
    with pytest.raises(BadPolicy):
        policies.parse(text, "rules.yaml")
