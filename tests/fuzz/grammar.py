"""How do arbitrary bytes become a script that parses? Each byte chooses among what scripts say.

A fuzzer that flips bytes seldom writes Python; what comes after parsing is reached by one whose
every input is a program. Names are few, so that they meet.
"""

from __future__ import annotations

from verifier.source.values import words

_NAMES = sorted(
    words(
        "x y f g main A Net args h model val_tokens os L B self rows exec open print torch np int "
        "len range zip __file__ __name__ Hyperparameters other BOS"
    )
)
_ATTRIBUTES = sorted(
    words("x a environ append forward data get fast module shape step read decode")
)
_ATOMS = [
    '""', '"a"', '"other.py"', '"X"', 'b"x"', "0", "1", "(-1)", "(10**9)", "(9**9)", "1e400",
    "None", "True", "False", "[]", "{}", "()", "...", '"fineweb_val_*.bin"', "'\\ud800'", '"é"',
    'f"{x}"', "f'{d['a']}'", 'f"""{\nx}"""', 'r"\\d"',
]  # fmt: skip
_EXPRESSIONS = [
    "{n}", "{n}", "{c}", "{c}", "({e}).{a}", "({e})[{e}]", "({e})[{e}:{e}]", "{n}({e})",
    "{n}({e}, {e})", "({e}).{a}({e})", "({e}).{a}()", "{n}(*{e}, **{e})", "{n}({n}={e})",
    "({e} + {e})", "({e} * {e})", "({e} and {e} and {e})",
    "({e} % {e})", "({e} if {e} else {e})", "({e} and {e})", "({e} or {e})", "(not {e})",
    "({e} == {e})", "({e} in {e})", "({e} is None)", "[{e} for {n} in {e}]", "(lambda {n}: {e})",
    "[{e}, {e}]", "({e}, {e})", "{{{e}: {e}}}", "(-{e})", "({n} := {e})", "f'{{{e}}}'",
    'os.environ.get("X", {e})', "int({e})", "bool({e})", "L.decompress({e})", "B.b85decode({e})",
    "open({e}).read()", "exec({e})", "torch.compile({e})", "os.path.join({e}, {e})", "Net({e})",
    "model({e}, {e})", "(await {e})", "[*{e}]", "{n}.{a}", "args.{a}", "h.{a}", "self.{a}",
]  # fmt: skip
_SIMPLE = [
    "{n} = {e}", "{n} = {e}", "{n}, {n} = {e}", "{n}.{a} = {e}", "{n}[{e}] = {e}", "{n} += {e}",
    "{n}: int = {e}", "{e}", "{e}", "return {e}", "return", "raise {n}", "pass", "del {n}",
    "assert {e}", "global {n}", "nonlocal {n}", "import os", "import lzma as L, base64 as B",
    "import other", "from other import {n}", "from other import *", "from . import {n}",
    "yield {e}", "break", "continue", "type {n} = {e}", "exec({e})", "{n}()", "{n}({e})",
    'os.environ.setdefault("X", {e})', "runpy.run_path({e})", "subprocess.run([{e}, {e}])",
]  # fmt: skip
_COMPOUND = [
    "if {e}:", "if {e}:", 'if __name__ == "__main__":', "while {e}:", "for {n} in {e}:",
    "with {e} as {n}:", "def {n}({n}, {n}1={e}):", "def {n}(self, *{n}, **{n}2):", "def {n}():",
    "class {n}:", "class {n}(nn.Module):", "async def {n}():", "def {n}[T]({n}):",
    "@{n}\ndef {n}():",
]  # fmt: skip
_AFTER = {"if": ["elif {e}:", "else:"], "for": ["else:"], "whi": ["else:"]}
_LONGEST = 60_000


class _Script:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0
        self._made = 0

    def _choose(self, among: list[str]) -> str:
        byte = self._data[self._at] if self._at < len(self._data) else 0
        self._at += 1
        return among[byte % len(among)]

    def _ended(self) -> bool:
        return self._at >= len(self._data) or self._made > _LONGEST

    def expression(self, deep: int) -> str:
        """One expression, no deeper than a few levels."""
        if deep > 5 or self._ended():
            return self._choose(_ATOMS)
        return self._filled(self._choose(_EXPRESSIONS), deep)

    def _filled(self, template: str, deep: int) -> str:
        made = template.replace("{{", "\x01").replace("}}", "\x02")
        while "{" in made:
            start = made.index("{")
            kind = made[start + 1]
            match kind:
                case "n":
                    piece = self._choose(_NAMES)
                case "a":
                    piece = self._choose(_ATTRIBUTES)
                case "c":
                    piece = self._choose(_ATOMS).replace("{", "\x01").replace("}", "\x02")
                case _:
                    inner = self.expression(deep + 1)
                    piece = inner.replace("{", "\x01").replace("}", "\x02")
            made = made[:start] + piece + made[start + 3 :]
        self._made += len(made)
        return made.replace("\x01", "{").replace("\x02", "}")

    def block(self, indent: str, deep: int) -> str:
        """Some statements, at least one."""
        rows: list[str] = []
        for _ in range(1 + len(self._choose(_ATTRIBUTES)) * (4 if deep == 0 else 1)):
            rows.append(self._statement(indent, deep))
            if self._ended():
                break
        return "".join(rows)

    def _statement(self, indent: str, deep: int) -> str:
        if deep > 4 or self._choose(["simple", "compound", "simple"]) == "simple":
            return f"{indent}{self._filled(self._choose(_SIMPLE), 2)}\n"
        template = self._choose(_COMPOUND)
        head = self._filled(template, 2).replace("\n", f"\n{indent}")
        made = f"{indent}{head}\n{self.block(indent + ' ', deep + 1)}"
        for after in _AFTER.get(template[:3].strip(), []):
            if self._choose(["no", "yes"]) == "yes":
                made += f"{indent}{self._filled(after, 2)}\n{self.block(indent + ' ', deep + 1)}"
        return made


def written(data: bytes) -> str:
    """The script that `data` chooses."""
    script = _Script(data)
    parts: list[str] = []
    while not script._ended():
        parts.append(script.block("", 0))
    return "".join(parts)
