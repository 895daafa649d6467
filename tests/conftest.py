"""What holds for every test: machines are shared, so no property is judged by its pace."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings

from tests.report.browser import BROWSER

settings.register_profile("shared", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """A machine without a browser says what it did not look at."""
    if BROWSER is None:
        terminalreporter.write_line(
            "NOT CHECKED: no Chromium, so no page was opened (apt-get install chromium)"
        )
