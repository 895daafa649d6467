"""A real browser for pages: what is in the document after it was opened, and how it looks."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tempfile
from html import unescape
from pathlib import Path
from typing import Any

import pytest

BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
needs_browser = pytest.mark.skipif(BROWSER is None, reason="no Chromium to look with")

DESKTOP = (1280, 800)
PHONE = (390, 844)
DARK = "--blink-settings=preferredColorScheme=0"
LIGHT = "--blink-settings=preferredColorScheme=1"

# a page's own policy lets no script run: the copy that is measured is given another
_MEASURING = re.compile(r'(Content-Security-Policy" content=")[^"]*')
_ALLOWED = r"\1default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"


# a window has a least width of its own, what stands in a page has none
_FRAME = """<!DOCTYPE html><title></title>
<script>addEventListener("message", (told) => { document.title = told.data; });</script>
<iframe src="%s" width="%d" height="%d" style="border: 0"></iframe>
"""


def dumped(page: Path, fragment: str = "") -> str:
    """The document of `page` after its scripts have run."""
    return _browse(page, fragment, DESKTOP, "--virtual-time-budget=5000", "--dump-dom").decode(
        "utf-8"
    )


def measured(page: Path, told: str, size: tuple[int, int] = DESKTOP) -> Any:
    """What the JavaScript expression `told` is in `page`, in a copy that may run scripts."""
    text, changed = _MEASURING.subn(_ALLOWED, page.read_text("utf-8"))
    assert changed == 1
    script = f'<script>parent.postMessage(JSON.stringify({told}), "*");</script></body>'
    copy = page.with_name(f"measured-{page.name}")
    copy.write_text(text.replace("</body>", script), "utf-8")
    frame = page.with_name(f"frame-{page.name}")
    frame.write_text(_FRAME % (copy.as_uri(), *size), "utf-8")
    title = dumped(frame).partition("<title>")[2].partition("</title>")[0]
    return json.loads(unescape(title))


def photographed(
    page: Path, out: Path, size: tuple[int, int] = DESKTOP, scheme: str = LIGHT
) -> Path:
    """A screenshot of the top of `page`, as PNG."""
    out.parent.mkdir(parents=True, exist_ok=True)
    _browse(page, "", size, scheme, "--hide-scrollbars", f"--screenshot={out}")
    return out


def printed(page: Path, out: Path) -> Path:
    """`page` on paper, as PDF."""
    out.parent.mkdir(parents=True, exist_ok=True)
    _browse(page, "", DESKTOP, "--no-pdf-header-footer", f"--print-to-pdf={out}")
    return out


def _browse(page: Path, fragment: str, size: tuple[int, int], *asked: str) -> bytes:
    assert BROWSER is not None
    with tempfile.TemporaryDirectory() as profile:
        ended = subprocess.run(
            [
                BROWSER,
                *("--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={profile}"),
                f"--window-size={size[0]},{size[1]}",
                *asked,
                f"{page.resolve().as_uri()}#{fragment}",
            ],
            capture_output=True,
            timeout=300,
            check=True,
        )
    return ended.stdout
