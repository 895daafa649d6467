"""A hint that reads its own position's token is told from one that reads the token before."""

from __future__ import annotations

import textwrap

import pytest

from tests.screening.rules.scripts import remarks, told
from verifier.screening import Confidence
from verifier.screening.rules import gate

SCRIPT = """
import ctypes, os
import numpy as np

class Settings:
    least = float(os.environ.get("LEAST", "0.4"))

class Words:
    def hints(self, stream, opens):
        best = np.zeros(len(stream), dtype=np.int64)
        sure = np.zeros(len(stream))
        last = 0
        for i, raw in enumerate(stream):
            token = int(raw)
            HINT
            self.count(last, token)
            last = token
        return best, sure

    def count(self, before, token):
        self.top[before] = token

def tilt(args, stream, opens):
    words = Words()
    best, sure = words.hints(stream, opens)
    use = sure >= np.float32(args.least)
    return np.where(use, best, -1)

def main():
    print(tilt(Settings(), np.zeros(99), np.zeros(1024)))

main()
"""
LEAK = """
            first = bool(opens[token])
            if first and last:
                best[i] = self.top[last]
                sure[i] = 0.9
"""
PREFIX = """
            first = bool(opens[last])
            if first and last:
                best[i] = self.top[last]
                sure[i] = 0.9
"""
OPEN = """
            best[i] = self.top[last]
            sure[i] = 0.9
            first = bool(opens[token])
            if first:
                last = 0
"""


def said(hint: str, **others: str) -> dict[str, Confidence]:
    text = textwrap.dedent(SCRIPT).replace("            HINT\n", hint.lstrip("\n"))
    return told(remarks(gate, text, **others))


def test_a_hint_under_the_class_of_its_own_token_is_a_violation() -> None:
    """Red: the current token says whether there is a hint."""
    assert said(LEAK) == {"target-gate": Confidence.VIOLATION}
    inline = LEAK.replace("if first and last", "if opens[token] and last")
    assert said(inline) == {"target-gate": Confidence.VIOLATION}


SKIP = """
            if opens[token]:
                last = token
                continue
            best[i] = self.top[last]
            sure[i] = 0.9
"""
LENGTH = """
            size = opens[token] + 1
            if size > 3:
                best[i] = self.top[last]
                sure[i] = 0.9
"""
ELEMENT = """
            again = int(stream[i])
            if opens[again]:
                best[i] = self.top[last]
                sure[i] = 0.9
"""


@pytest.mark.parametrize("leak", [SKIP, LENGTH, ELEMENT])
def test_how_the_class_is_asked_does_not_matter(leak: str) -> None:
    """Red: the position is skipped, a length is compared, the token is taken by its index."""
    assert said(leak) == {"target-gate": Confidence.VIOLATION}
    counted = textwrap.dedent(SCRIPT).replace("            HINT\n", leak.lstrip("\n"))
    counted = counted.replace("for i, raw in enumerate(stream):", "for i in range(len(stream)):")
    counted = counted.replace("int(raw)", "int(stream[i])")
    assert told(remarks(gate, counted)) == {"target-gate": Confidence.VIOLATION}


MARKS = """
            if opens[token]:
                best[i] = 1
"""
ELSEWHERE = """
            if opens[token]:
                best[last] = self.top[last]
                self.top[i] = last
"""


@pytest.mark.parametrize("honest", [MARKS, ELSEWHERE])
def test_marks_and_what_is_kept_are_no_hints(honest: str) -> None:
    """Near miss: constants are written, or another position, or what is not given back."""
    assert said(honest) == {}


def test_hints_that_nothing_compares_ask_for_a_person_and_unused_ones_are_left_alone() -> None:
    """Near miss: there is no threshold; the loop is in a function that nothing calls."""
    text = textwrap.dedent(SCRIPT).replace("            HINT\n", LEAK.lstrip("\n"))
    open_ = text.replace("sure >= np.float32(args.least)", "sure")
    assert told(remarks(gate, open_)) == {"target-gate": Confidence.REVIEW}
    unknown = text.replace("np.float32(args.least)", "sure.mean()")
    assert told(remarks(gate, unknown)) == {"target-gate": Confidence.VIOLATION}
    unused = text.replace("words.hints(stream, opens)", "(stream, stream)")
    assert told(remarks(gate, unused)) == {}
    alone = text.replace("return best, sure", "return 1, 2")
    assert told(remarks(gate, alone)) == {}


@pytest.mark.parametrize("honest", [PREFIX, OPEN])
def test_a_hint_under_the_class_of_the_token_before_is_left_alone(honest: str) -> None:
    """Near miss: the prefix decides, or the class is looked up once the hint is written."""
    assert said(honest) == {}


def test_a_hint_that_no_probability_lets_through_is_a_note() -> None:
    """Near miss: the command sets a threshold above 1, so that the gated hints never count."""
    readme = "```\nLEAST=99.0 torchrun --standalone train_gpt.py\n```\n"
    assert said(LEAK, README__md=readme) == {"target-gate": Confidence.NOTE}


NATIVE = """
/* hints for a stream */
#include <stdint.h>
int walk(const uint16_t *stream, int64_t n, const uint8_t *opens,
         uint16_t *best, float *sure) {
    uint16_t last = 0;
    for (int64_t i = 0; i < n; ++i) {
        const uint16_t token = stream[i];
        BEFORE
        if (GATE) {
            best[i] = top[last];  // the hint
            sure[i] = 0.9f;
        } else {
            best[i] = 0;
            sure[i] = 0.0f;
        }
        AFTER
        top[last] = token;
        last = token;
    }
    return 0;
}
"""
WRAPPER = """
import ctypes, os
import numpy as np

class Settings:
    least = float(os.environ.get("LEAST", "0.4"))

def hints(stream, opens):
    library = ctypes.CDLL("./walk.so")
    best = np.zeros(len(stream), dtype=np.uint16)
    sure = np.zeros(len(stream), dtype=np.float32)
    library.walk(
        stream.ctypes.data_as(ctypes.c_void_p), len(stream),
        opens.ctypes.data_as(ctypes.c_void_p),
        best.ctypes.data_as(ctypes.c_void_p), sure.ctypes.data_as(ctypes.c_void_p),
    )
    return best, sure

def tilt(args, stream, opens):
    best, sure = hints(stream, opens)
    return np.where(sure >= args.least, best, -1)

print(tilt(Settings(), np.zeros(99), np.zeros(1024)))
"""
LOOK = "const uint8_t first = opens[token];"


def native(before: str, gate_: str, after: str) -> str:
    text = NATIVE.replace("BEFORE", before).replace("GATE", gate_)
    return text.replace("AFTER", after)


def test_the_same_gate_in_c_is_followed_to_the_threshold_that_lets_it_through() -> None:
    """Red: the outputs of the compiled loop, through ctypes, to the comparison in the script."""
    leak = native(LOOK, "first && last", "")
    found = remarks(gate, WRAPPER, walk__c=leak)
    assert told(found) == {"target-gate": Confidence.VIOLATION}
    assert found[0].locations[0].path == "walk.c"
    assert found[0].locations[0].text == "if (first && last) {"
    readme = "```\nLEAST=99.0 torchrun --standalone train_gpt.py\n```\n"
    quiet = remarks(gate, WRAPPER, walk__c=leak, README__md=readme)
    assert told(quiet) == {"target-gate": Confidence.NOTE}


def test_c_in_a_string_is_read_too_and_its_lines_counted() -> None:
    """Red: the source stands in the script."""
    text = f"{WRAPPER}\nSOURCE = r'''{native(LOOK, 'first && last', '')}'''\n"
    (found,) = remarks(gate, text)
    assert found.confidence is Confidence.VIOLATION
    row = text.split("\n")[found.locations[0].line - 1]
    assert row.strip() == "if (first && last) {"


@pytest.mark.parametrize(
    ("before", "gate_", "after"),
    [
        ("const uint8_t first = opens[last];", "first && last", ""),
        ("", "last", LOOK + " if (first) { last = 0; }"),
        ("// const uint8_t first = opens[token];", "last", ""),
    ],
)
def test_c_that_looks_at_the_prefix_is_left_alone(before: str, gate_: str, after: str) -> None:
    """Near miss: the token before, the update after, a comment."""
    assert told(remarks(gate, WRAPPER, walk__c=native(before, gate_, after))) == {}


MEMBERS = """
#include <cstdint>
void Mixer::fill(const int64_t* pos, int n, int32_t* hints) {
    for (int i = 0; i < n; i++) {
        int64_t p = pos[i];
        auto token = uint16_t(stream_[p]);
        FIRST
        int guess;
        inside(first, guess);
        hints[i] = guess;
        remember(token, first);
    }
}
"""


def test_a_class_handed_to_what_makes_the_hint_asks_for_a_person() -> None:
    """Red: the class of the current token goes into a call before the hint is written."""
    leak = MEMBERS.replace("FIRST", "bool first = opens_ && opens_[token];")
    prefix = MEMBERS.replace("FIRST", "bool first = opens_ && opens_[stream_[p - 1]];")
    assert told(remarks(gate, WRAPPER, mixer__cpp=leak)) == {"target-gate": Confidence.REVIEW}
    assert told(remarks(gate, WRAPPER, mixer__cpp=prefix)) == {}
