"""Which words do all formats share? Must never call a script verified."""

from __future__ import annotations

from collections.abc import Mapping

from verifier.shadow import Behaviour

EXIT_CODES: Mapping[Behaviour, int] = {
    Behaviour.CLEAN: 0,
    Behaviour.REFUTED: 1,
    Behaviour.INCONCLUSIVE: 2,
}
GLYPHS: Mapping[Behaviour, str] = {
    Behaviour.CLEAN: "✓",
    Behaviour.REFUTED: "✗",
    Behaviour.INCONCLUSIVE: "○",
}
MEANING: Mapping[Behaviour, str] = {
    Behaviour.CLEAN: "nothing was violated in what was tested; this is no verification",
    Behaviour.REFUTED: "its behaviour violates a rule",
    Behaviour.INCONCLUSIVE: "nothing was violated, and not everything could be tested",
}
