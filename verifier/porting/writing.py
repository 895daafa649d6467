"""How do the files of a ported submission read? Text alone; nothing here finds anything."""

from __future__ import annotations

import ast
import json
import re
import textwrap
from collections.abc import Iterable, Mapping

from verifier import installed
from verifier.porting.asking import Asking
from verifier.porting.learning import Learning
from verifier.porting.loading import CONTEST, Body
from verifier.porting.names import bound
from verifier.porting.record import Counts, Remark
from verifier.porting.surroundings import Surroundings
from verifier.source import Launch

BASE = "document_scorer.py"
_PLAIN = re.compile(r"[^\w. :/-]")


def base_class() -> str:
    """The guest's base class, as it goes into a submission."""
    return (installed.path("images") / "guest" / "porting" / BASE).read_text(encoding="utf-8")


def contest(around: Surroundings, told_by: str) -> str:
    """contest.py: what train.py finds in its environment."""
    lines = [
        '"""What does train.py find around it? Settings, the data, and where its artifact goes.',
        "",
        f"SETTINGS are those of its own command ({plain(told_by)}). train.py imports this first,",
        "in training and in scoring; the places of data are set in training alone.",
        '"""',
        "",
        "from __future__ import annotations",
        "",
        "import os",
        "import sys",
        "import tempfile",
        "",
        "SETTINGS: dict[str, str] = {",
        *(f"    {name!r}: {value!r}," for name, value in around.settings.items()),
        "}",
        "",
        "",
        "PLACES: list[str] = []",
        "",
        "",
        "def out(name: object) -> str:",
        '    """Where a file of the artifact goes, and where scoring finds it."""',
        '    return os.path.join(*PLACES[-1:] or [os.environ["OUT"]], os.path.basename(str(name)))',
        "",
        "",
        "def look_in(artifact: object) -> None:",
        '    """From now on the artifact is in this folder."""',
        "    PLACES.append(str(artifact))",
        "",
        "",
        "for name, value in SETTINGS.items():",
        "    os.environ.setdefault(name, value)",
        'if "DATA" in os.environ:',
        '    data = os.environ["DATA"]',
        *(f"    os.environ[{name!r}] = data" for name in around.data),
        *(
            f"    os.environ[{name!r}] = os.path.join(data, {pattern!r})"
            for name, pattern in around.shards.items()
        ),
        *(
            f'    os.environ[{name!r}] = os.path.join(data, "tokenizer.model")'
            for name in around.tokenizers
        ),
    ]
    if around.seed:
        lines += [
            "    if len(sys.argv) > 1:",
            f"        os.environ[{around.seed!r}] = sys.argv.pop(1)",
        ]
    lines.append("    os.chdir(tempfile.mkdtemp())  # what else it writes is not shipped")
    return "\n".join(lines) + "\n"


def scorer(
    tree: ast.Module,
    load: Body | None,
    asking: Asking | None,
    learnt: Learning,
    took: frozenset[str],
) -> str:
    """scorer.py: a `Scorer` on the base class. `took`: the names that it takes from train.py."""
    adapters = learnt.adapters
    head = [
        '"""The script\'s model behind the contract: what is its own is here, the windows are in',
        f"{BASE}.",
        '"""',
        "",
        "from __future__ import annotations",
        "",
        *_imports(tree, took),
    ]
    parts = []
    if asking is not None and asking.function is not None:
        parts += ["", "", asking.function.text]
    parts += ["", "", "class Scorer(DocumentScorer):"]
    parts.append('    """Charges by the script\'s model, in its evaluation\'s windows."""')
    parts += ["", f"    window = {learnt.window.expression}"]
    parts.append(f"    stride = {learnt.stride.expression}")
    parts += [
        f"    {name} = {value}" for name, value in (adapters.optimiser if adapters else {}).items()
    ]
    parts += ["", "    def load(self, artifact, device):"]
    parts.append(
        '        """The model, built and filled as the script does before it evaluates."""'
    )
    parts += [_indented(load.text if load else 'raise NotImplementedError("see TODO.md: load")')]
    parts += ["", "    def logits(self, model, ids):"]
    parts.append('        """Logits of the token after each of `ids` [B, T]."""')
    said = asking.body.text if asking else 'raise NotImplementedError("see TODO.md: logits")'
    parts.append(_indented(said))
    if adapters is not None:
        parts += ["", "    def adapters(self, model):"]
        parts.append('        """What learns from a document, made for one."""')
        parts.append(_indented(f"return {adapters.klass}({adapters.arguments})"))
    return "\n".join([*head, *parts]) + "\n"


def manifest(launch: Launch, learnt: Learning) -> str:
    """verify.yaml."""
    command = ["python3", "train.py"]
    if launch.processes is not None:
        command = ["torchrun", "--standalone", f"--nproc_per_node={launch.processes}", "train.py"]
    words = json.dumps([*command, "{seed}", *launch.arguments])
    reach = "none" if learnt.adapters is None else "document"
    return textwrap.dedent(
        f"""\
        contract: scorer/1
        train: {words}
        scorer: scorer:Scorer
        tokenizer: data
        adaptation: {reach}
        rows: 16
        chunk: {learnt.chunk}
        """
    )


def claims(beside: Mapping[str, object], script: str) -> str:
    """submission.json: whose it is; what it claims has to be measured anew."""
    known = {key: beside[key] for key in ("author", "github_id", "name") if key in beside}
    texts = {key: value for key, value in known.items() if isinstance(value, str) and value.strip()}
    made = {
        "author": "your name",
        "github_id": "",
        "name": f"port of {plain(script)}",
        **texts,
        "val_bpb": None,
    }
    return json.dumps(made, indent=2, ensure_ascii=False) + "\n"


def readme(script: str, counts: Counts, learnt: Learning, left: int) -> str:
    """README.md, for the author first."""
    adapts = "per-document adapters" if learnt.adapters else "no adaptation"
    return textwrap.dedent(
        f"""\
        # Port of {plain(script)}

        Training and export are the script's own: {counts.kept} of its lines are kept as they were,
        {counts.changed} changed, {counts.dropped} that only evaluated are gone. The verifier asks
        `scorer.py` instead: windows of {int(learnt.window.number)} tokens, a stride of
        {int(learnt.stride.number)}, {adapts}; every document is alone.

        | file | what it is for |
        |---|---|
        | `train.py` | the script without its evaluation |
        | `contest.py` | its settings, the contest's data, where the artifact goes |
        | `scorer.py` | `load` and `logits`, taken from the script |
        | `{BASE}` | windows, chunks and adapters |
        | `TODO.md` | what a person has to look at: {left} {"thing" if left == 1 else "things"} |

        - A setting that is not a default belongs into `SETTINGS` of `contest.py`: training and
          scoring must see the same.
        - Documents are scored alone, so the number is not that of a stream: the tokens before a
          document's BOS no longer help.
        - `predict` reads a whole window for each position that is asked. Where a policy asks all of
          them (`local_cpu`), set `chunk` to 16, so that the replay stays within its limit.
        """
    )


def todo(remarks: Iterable[Remark], script: str) -> str:
    """TODO.md: what is left, with the script's lines."""
    rows = [f"# What is left to do in the port of {plain(script)}", ""]
    listed = sorted(remarks, key=lambda each: not each.needed)
    if not any(each.needed for each in listed):
        rows += ["Nothing has to be changed before `verifier verify` can run it.", ""]
    for each in listed:
        must = "**change**" if each.needed else "look at"
        place = f" (line {each.line} of the script)" if each.line else ""
        rows.append(f"- [ ] {must} `{each.where}`{place}: {each.what}")
        if each.text:
            rows.append(f"      `{each.text.replace('`', chr(39))}`")
    return "\n".join(rows) + "\n"


def plain(text: str) -> str:
    """A stranger's name, harmless in a docstring or a page."""
    return _PLAIN.sub("_", text)[:120]


def _imports(tree: ast.Module, took: frozenset[str]) -> list[str]:
    """Import statements for the names that are needed, the script's own last."""
    found: list[str] = []
    for each in tree.body:
        if not isinstance(each, ast.Import | ast.ImportFrom):
            continue
        if isinstance(each, ast.ImportFrom) and each.module == "__future__":
            continue
        names = [one for one in each.names if (one.asname or one.name.partition(".")[0]) in took]
        if names and isinstance(each, ast.Import):
            found += [ast.unparse(ast.Import(names=[one])) for one in names]
        elif names and isinstance(each, ast.ImportFrom):
            found.append(
                ast.unparse(ast.ImportFrom(module=each.module, names=names, level=each.level))
            )
    if "torch" in took and "import torch" not in found:
        found.append("import torch")
    if CONTEST in took:
        found.append(f"import {CONTEST}")
    own = sorted(took & defined(tree))
    found.append(f"from {BASE.removesuffix('.py')} import DocumentScorer")
    if own:
        line = f"from train import {', '.join(own)}"
        if len(line) > 100:
            line = "from train import (\n" + "".join(f"    {name},\n" for name in own) + ")"
        found.append(line)
    return found


def defined(tree: ast.Module) -> frozenset[str]:
    """What the top level of a script defines itself."""
    return frozenset(
        name
        for each in tree.body
        if not isinstance(each, ast.Import | ast.ImportFrom)
        for name in bound(each)
    )


def _indented(text: str) -> str:
    return textwrap.indent(text, " " * 8)
