"""What an id means is said once: `explain`, docs/audits.md and the registry have the same words."""

from __future__ import annotations

import re

import pytest

from tests.report.screening.screenings import RULES
from verifier.audits import SCORER, SCRIPT
from verifier.cli.explaining import every_rule
from verifier.errors import RequestError
from verifier.records import Answer, Assurance, Outcome
from verifier.report import explaining
from verifier.report.screening.explained import explained, section

AUDITS = tuple(dict.fromkeys(audit.id for audit in (*SCORER, *SCRIPT)))


def test_the_page_carries_the_words_of_every_rule() -> None:
    """`make docs` writes them; a changed rule without it fails here."""
    _, rules = explaining.page()
    assert rules == section(every_rule())


def test_no_two_audits_or_rules_share_an_id() -> None:
    """An id leads to one meaning."""
    ids = [rule.id for rule in every_rule()] + list(AUDITS)
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("rule", every_rule(), ids=lambda rule: rule.id)
def test_a_rule_says_what_it_looks_for_and_how_to_clear_yourself(rule: object) -> None:
    """Sentences, so that a reviewer and an author can use them."""
    for text in (rule.sentence, rule.clear):  # type: ignore[attr-defined]
        assert text[:1].isupper() or text.startswith("submission.json "), text
        assert text.endswith("."), text
    assert rule.clause  # type: ignore[attr-defined]


def test_a_rule_is_explained_by_its_own_words() -> None:
    """What it looks for, the clause, the classes, how strong it may be, what to change."""
    text = explained(RULES[1])
    assert text.startswith("## adapts-before-scoring\n")
    for part in (RULES[1].sentence, "R5, C3", "`TTT_PRETRAIN`, `TTT_PREQUANT`", RULES[1].clear):
        assert part in text
    assert "**At most** a violation" in text
    assert explaining.explain("adapts-before-scoring", RULES) == text


def test_an_audit_is_explained_by_its_section_alone() -> None:
    """The last one does not take the rules with it."""
    last = AUDITS[-1]
    text = explaining.explain(last, RULES)
    assert text.startswith(f"## {last}\n") and "# Screening rules" not in text


def test_a_misspelt_id_gets_the_nearest() -> None:
    """Audit or rule."""
    with pytest.raises(RequestError) as found:
        explaining.explain("target-in-keys", RULES)
    assert "did you mean target-in-key?" in found.value.remedy
    with pytest.raises(RequestError) as found:
        explaining.explain("xyzzy", RULES)
    assert "lists them all" in found.value.remedy


def test_a_clause_is_explained_with_the_rules_that_read_for_it() -> None:
    """Findings cite clauses; a reader asks what R5 is in the words that the finding has."""
    text = explaining.explain("c3", RULES)
    assert text.startswith(f"## C3\n\n{explaining.CLAUSES['C3']}\n")
    assert "`adapts-before-scoring`" in text
    citing = {rule.id for rule in every_rule() if "C2" in rule.clause or "C1 to C4" in rule.clause}
    listed = explaining.explain("C2", every_rule())
    assert citing and all(f"- `{name}` " in listed for name in citing)


def test_every_clause_that_a_rule_cites_is_explained() -> None:
    """No finding leads to a word that nothing says more about."""
    cited = {name for rule in every_rule() for name in re.findall(r"[RC]\d+", rule.clause)}
    assert cited <= set(explaining.CLAUSES)


def test_no_id_lists_everything_there_is() -> None:
    """Clauses, audits and rules; each can be asked for."""
    text = explaining.explain("", RULES)
    for name in (*explaining.CLAUSES, *AUDITS, RULES[0].id):
        assert name in text


def test_a_rule_for_scripts_alone_says_so() -> None:
    """An author of a `scorer/1` submission need not answer it."""
    asked = {rule.id for rule in every_rule() if "Only of scripts" in explained(rule)}
    assert asked == {rule.id for rule in every_rule() if rule.script_only} != set()


@pytest.mark.parametrize("word", [*explaining.WORDS, *explaining.SIGNS])
def test_a_word_of_a_verdict_is_explained_however_it_is_written(word: str) -> None:
    """What stands in a report can be asked for: big, small, or by its sign."""
    for asked in (word, word.upper(), word.lower()):
        name = explaining.SIGNS.get(word, word)
        assert explaining.explain(asked, RULES) == f"## {name}\n\n{explaining.WORDS[name]}\n"
    assert explaining.WORDS[explaining.SIGNS.get(word, word)].endswith(".")


def test_every_outcome_answer_and_level_has_its_word() -> None:
    """None is printed that cannot be looked up."""
    printed = {each.value for kind in (Outcome, Answer) for each in kind}
    printed |= {each.name for each in Assurance if each is not Assurance.NONE}
    assert printed <= set(explaining.WORDS)


def test_no_word_hides_an_audit_or_a_rule() -> None:
    """The id comes first."""
    ids = {rule.id for rule in every_rule()} | set(AUDITS) | set(explaining.CLAUSES)
    assert not ids & {*explaining.WORDS, *explaining.SIGNS}
