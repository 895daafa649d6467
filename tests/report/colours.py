"""How do colours look to those who see fewer of them? Simulated, in linear light.

Matrices of Machado, Oliveira and Fernandes (2009) at full severity, for deuteranopia and
protanopia; luminance alone for a print without colours.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from verifier.records import Array

PAGES = Path(__file__).resolve().parents[2] / "verifier" / "report" / "pages"
LUMINANCE = np.array([0.2126, 0.7152, 0.0722])
SEEN = {
    "all": np.eye(3),
    "deuteranopia": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "protanopia": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "greyscale": np.array([LUMINANCE, LUMINANCE, LUMINANCE]),
}
_XYZ = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
)
_WHITE = np.array([0.95047, 1.0, 1.08883])
_TOKEN = re.compile(r"--([\w-]+): (#[0-9a-f]{6})")


def palettes() -> dict[str, dict[str, str]]:
    """The page's colours by name: on light paper, on a dark screen, in print."""
    light, dark = (PAGES / "tokens.css").read_text().split("@media (prefers-color-scheme: dark)")
    on_paper = (PAGES / "style.css").read_text().partition("@media print")[2]
    named = dict(_TOKEN.findall(light))
    return {
        "light": named,
        "dark": named | dict(_TOKEN.findall(dark)),
        "print": named | dict(_TOKEN.findall(on_paper)),
    }


def linear(colour: str) -> Array:
    """#rrggbb in linear light, float64 [3]."""
    return decoded(np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)]) / 255)


def decoded(encoded: Array) -> Array:
    """sRGB's own encoding taken off, any shape."""
    return np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)


def encoded(light: Array) -> Array:
    """The same put on, of values clipped to what a screen has."""
    light = np.clip(light, 0, 1)
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


def contrast(one: str, other: str) -> float:
    """WCAG 2's contrast ratio, 1 to 21."""
    low, high = sorted(float(LUMINANCE @ linear(colour)) for colour in (one, other))
    return (high + 0.05) / (low + 0.05)


def apart(one: str, other: str, seen: str) -> float:
    """CIE 1976's colour difference as it is `seen`; about 2 is the least that anybody sees."""
    return float(np.linalg.norm(_lab(SEEN[seen] @ linear(one)) - _lab(SEEN[seen] @ linear(other))))


def _lab(light: Array) -> Array:
    share = _XYZ @ np.clip(light, 0, 1) / _WHITE
    root = np.where(share > 216 / 24389, np.cbrt(share), (24389 / 27 * share + 16) / 116)
    return np.array([116 * root[1] - 16, 500 * (root[0] - root[1]), 200 * (root[1] - root[2])])
