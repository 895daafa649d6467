"""What the title names and the defaults leave off is read as if on, and asks for a person."""

from __future__ import annotations

from tests.screening.rules.scripts import remarks, script, told
from verifier.screening import Confidence
from verifier.screening.rules import adapting

OFF = """
if bool(int(os.environ.get("LATE_ADAPT_ENABLED", "0"))):
    adapt(args, net, held)
print(score(net, held, lengths))
"""


def said(readme: str, main: str = OFF) -> dict[str, Confidence]:
    return told(remarks(adapting, script(main), README__md=readme))


def test_a_switch_that_the_title_names_is_read_as_on() -> None:
    """Red: no command, no log, the title says "late adaptation", the default is off."""
    assert said("# Late-Adapt + int6\n") == {"adapted-before-score": Confidence.REVIEW}


def test_a_switch_that_the_title_does_not_name_stays_off() -> None:
    """Near miss: the code is there, off, and nobody says that it ran."""
    assert said("# Baseline + int6\n") == {}


def test_a_switch_that_the_command_sets_is_as_the_command_says() -> None:
    """Near miss: the title names it, the command turns it off."""
    readme = "# Late-Adapt ablation\n```bash\nLATE_ADAPT_ENABLED=0 torchrun train_gpt.py\n```\n"
    assert said(readme) == {}


def test_a_switch_that_the_command_turns_on_is_a_violation() -> None:
    """Red: the command itself turns it on; then it is no question any more."""
    readme = "# Run\n```bash\nLATE_ADAPT_ENABLED=1 torchrun train_gpt.py\n```\n"
    assert said(readme) == {"adapted-before-score": Confidence.VIOLATION}
