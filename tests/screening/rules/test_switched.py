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


def test_what_shows_under_the_command_is_not_told_again_with_the_switches_on() -> None:
    """One finding, in its own confidence, where the switch changes nothing about it."""
    found = remarks(
        adapting,
        script(f"adapt(args, net, held)\n{OFF}"),
        README__md="# Late-Adapt + int6\n",
    )
    assert told(found) == {"adapted-before-score": Confidence.VIOLATION}


def test_notes_are_not_told_of_what_was_off() -> None:
    """With the switch on, steps whose result is thrown away are nothing to tell."""
    main = OFF.replace("adapt(args, net, held)", "adapt(args, Net(), held)")
    assert said("# Late-Adapt + int6\n", main) == {}
