"""docs/audits.md lists the classes that screening can show, and each has a rule."""

from __future__ import annotations

from tools.check_labels import covered_classes, every_rule


def test_every_listed_class_has_a_rule_and_every_rule_s_class_is_listed() -> None:
    """The list that labels are counted with is neither wishful nor short.

    Whether a gain is large enough shows only beside other submissions, so no label counts it.
    """
    shown = {kind for rule in every_rule().values() for kind in rule.classes}
    assert shown - {"INSUFF_DELTA"} == set(covered_classes())
