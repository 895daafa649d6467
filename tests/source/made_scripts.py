"""Scripts that the tests make and run, to see whether reading them tells the truth."""

from __future__ import annotations

import random


class Enough(Exception):
    """A script has called enough functions to be a test."""


class Seen(set[str]):
    """The functions that were called; ends the script that goes on and on."""

    def __init__(self) -> None:
        super().__init__()
        self._left = 3_000

    def add(self, name: str) -> None:
        """Note that `name` was called."""
        super().add(name)
        self._left -= 1
        if self._left < 0:
            raise Enough


class Script:
    """A script that ends: functions call only later ones, and each notes that it was called."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self.rows = [
            "import functools, io, os",
            "NOWHERE = io.StringIO()",
            "FLAG = False",
            "TABLE = {'on': 0}",
            "class Args:",
            "    fast = bool(int(os.environ.get('FAST', '0')))",
            "    deep = os.environ.get('DEEP', '1') == '1'",
            "    level = int(os.environ.get('LEVEL', 2))",
            "class Holder:",
            "    @staticmethod",
            "    def run(what, args, a):",
            "        SEEN.add('Holder.run')",
            "        return what(args, a)",
            "class Box:",
            "    def __init__(self, on=False):",
            "        self.on = on",
            "        self.held = []",
            "    def open(self):",
            "        SEEN.add('Box.open')",
            "        return self.on",
        ]
        self.last = 7
        for index in range(self.last + 1):
            self._function(index)
        self.rows += ["def main():", "    args = Args()", "    SEEN.add('main')"]
        self._block("    ", 0, 3, ["args"])
        self.rows += ["main()"]

    def _function(self, index: int) -> None:
        default = self._random.choice(["", "=None", "=True", "=0"])
        self.rows += [f"def f{index}(args, a, b{default or '=1'}):", f"    SEEN.add('f{index}')"]
        if self._random.random() < 0.3:
            self.rows.append("    global FLAG")
        self._block("    ", index + 1, 3, ["args", "a", "b"])

    def _value(self, names: list[str]) -> str:
        choices = ["0", "1", "True", "False", "None", "[]", "'x'", "args.fast", "args.level > 1"]
        choices += ["not args.deep", "FLAG", "TABLE['on']", "args.deep and args.fast", *names[1:]]
        return self._random.choice(choices)

    def _call(self, later: int, names: list[str]) -> str:
        """A call of a later function, in one of the ways that people call."""
        first, second = (self._random.randint(later, self.last) for _ in range(2))
        value, test = self._value(names), self._value(names)
        return self._random.choice(
            [
                f"{test} and f{first}(args, {value})",
                f"{test} or f{first}(args, {value})",
                f"(f{first} if {test} else f{second})(args, {value})",
                f"f{first}(*(args, {value}))",
                f"f{first}(args, **{{'a': {value}}})",
                f"functools.partial(f{first}, args)({value})",
                f"{{'one': f{first}, 'two': f{second}}}['one'](args, {value})",
                f"(lambda v: f{first}(args, v))({value})",
                f"[f{first}(args, v) for v in ({value}, 1)]",
                f"list(map(lambda v: f{first}(args, v), [{value}]))",
                f"getattr(Holder, 'run')(f{first}, args, {value})",
                f"Holder.run(f{first}, args, {value})",
                f"{{f{first}(args, {value}) for _ in [1] if {test}}}",
                f"print(f{first}(args, {value}) if {test} else f{second}(args, 0), file=NOWHERE)",
            ]
        )

    def _block(self, indent: str, later: int, deep: int, names: list[str]) -> None:
        for _ in range(self._random.randint(1, 4)):
            self._statement(indent, later, deep, names)

    def _statement(self, indent: str, later: int, deep: int, names: list[str]) -> None:
        kinds = [self._assign, self._assign, self._box, self._change]
        if later <= self.last:
            kinds += [self._plain_call, self._plain_call, self._alias, self._any_call]
        if deep:
            kinds += [self._if, self._if, self._for, self._try, self._while, self._nested]
        self._random.choice(kinds)(indent, later, deep, names)

    def _inner(self, indent: str, later: int, deep: int, names: list[str]) -> None:
        self._block(indent + "    ", later, deep - 1, list(names))

    def _assign(self, indent: str, _: int, __: int, names: list[str]) -> None:
        name = self._random.choice(["x", "y", "z"])
        self.rows.append(f"{indent}{name} = {self._value(names)}")
        names.append(name)

    def _change(self, indent: str, _: int, __: int, names: list[str]) -> None:
        value = self._value(names)
        changes = ["FLAG = True", "TABLE['on'] = 1", "args.fast = True", "args.level = 0"]
        changes += [f"if {value}: return", "rows = []", f"rows = []; rows += [{value}]"]
        self.rows.append(indent + self._random.choice(changes))
        self.rows.append(f"{indent}if {value}: TABLE['on'] = {self._value(names)}")

    def _plain_call(self, indent: str, later: int, _: int, names: list[str]) -> None:
        callee = self._random.randint(later, self.last)
        self.rows.append(f"{indent}f{callee}(args, {self._value(names)})")

    def _alias(self, indent: str, later: int, _: int, names: list[str]) -> None:
        callee = self._random.randint(later, self.last)
        self.rows.append(f"{indent}g = f{callee}")
        self.rows.append(f"{indent}g(args, {self._value(names)}, b={self._value(names)})")

    def _any_call(self, indent: str, later: int, _: int, names: list[str]) -> None:
        self.rows.append(indent + self._call(later, names))

    def _if(self, indent: str, later: int, deep: int, names: list[str]) -> None:
        self.rows.append(f"{indent}if {self._value(names)}:")
        self._inner(indent, later, deep, names)
        if self._random.random() < 0.6:
            self.rows.append(f"{indent}else:")
            self._inner(indent, later, deep, names)

    def _for(self, indent: str, later: int, deep: int, names: list[str]) -> None:
        self.rows.append(f"{indent}for i in range({self._random.randint(0, 2)}):")
        self._inner(indent, later, deep, names)

    def _try(self, indent: str, later: int, deep: int, names: list[str]) -> None:
        self.rows.append(f"{indent}try:")
        self._inner(indent, later, deep, names)
        self.rows.append(f"{indent}    if {self._value(names)}: raise ValueError(1)")
        self.rows.append(f"{indent}except ValueError:")
        self._inner(indent, later, deep, names)

    def _while(self, indent: str, later: int, deep: int, names: list[str]) -> None:
        times = f"n{len(indent)}"
        self.rows.append(f"{indent}{times} = 0")
        self.rows.append(f"{indent}while {self._value(names)} or {times} < 1:")
        self.rows.append(f"{indent}    {times} += 1")
        self.rows.append(f"{indent}    if {times} > 2: break")
        self._inner(indent, later, deep, names)

    def _nested(self, indent: str, later: int, deep: int, names: list[str]) -> None:
        self.rows.append(f"{indent}w = {self._value(names)}")
        self.rows.append(f"{indent}def inner(v={self._value(names)}):")
        self.rows.append(f"{indent}    nonlocal w")
        self.rows.append(f"{indent}    w = {self._value(names)}")
        self._inner(indent, later, deep, [*names, "v"])
        self.rows.append(f"{indent}inner()")
        self.rows.append(f"{indent}if w:")
        self._inner(indent, later, deep, names)

    def _box(self, indent: str, later: int, deep: int, names: list[str]) -> None:
        self.rows.append(f"{indent}k = Box({self._value(names)})")
        self.rows.append(f"{indent}k.held.append(1)")
        self.rows.append(f"{indent}if k.open() or k.held:")
        if deep:
            self._inner(indent, later, deep, names)
        else:
            self.rows.append(f"{indent}    pass")
