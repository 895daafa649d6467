"""What does a recipe ask for? One folder of `images/` read into one value.

A recipe says which Debian packages and which wheels make a root file system, and what is left out
of it. Must never fall back to a value the recipe does not state.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from verifier import installed
from verifier.errors import BadInput, RequestError
from verifier.image.locks import (
    LockedDeb,
    LockedWheel,
    read_debs,
    read_wheels,
    write_debs,
    write_wheels,
)

RECIPE_FILE = "recipe.yaml"
WHEELS_FILE = "requirements.lock"
DEBS_FILE = "debs.lock"
METADATA_FILE = "wheels.json"

_Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.+-]*$")]


class RecipeText(BaseModel):
    """`recipe.yaml`, word for word. Every key is needed; an unknown one is refused.

    `suite`, `variant` and `packages` are what the base is made of; `python` its minor version;
    `glibc` the minor version of its C library 2.x, which says what wheels run on it; `epoch` the
    time every file gets, in seconds since 1970; `wheels` the requirements that the lock resolves;
    `prune` patterns of paths that are left out with all below them, `*` matching `/` too.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    suite: _Name
    variant: _Name
    packages: list[_Name]
    python: Annotated[str, Field(pattern=r"^3\.\d+$")]
    glibc: Annotated[int, Field(ge=17, le=99)]
    epoch: Annotated[int, Field(ge=0)]
    wheels: list[str]
    prune: list[str]

    @property
    def python_tag(self) -> str:
        """The tag of wheels made for this Python: `cp311`."""
        return f"cp{self.python.replace('.', '')}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """One image: its text, its locks, and what they are known by.

    `debs` is None where no build has been recorded yet. `digest` is over the text and both locks
    (what they say, not how), `unrecorded_digest` leaves `debs.lock` out, `wheels_digest` is over
    `requirements.lock` alone.
    """

    name: str
    folder: Path
    text: RecipeText
    wheels: tuple[LockedWheel, ...]
    debs: tuple[LockedDeb, ...] | None
    digest: str
    unrecorded_digest: str
    wheels_digest: str

    @property
    def site(self) -> str:
        """Where Debian's Python looks for what Debian did not package, within the root."""
        return f"usr/local/lib/python{self.text.python}/dist-packages"


def names() -> tuple[str, ...]:
    """The recipes that ship with the verifier."""
    recipes = installed.path("images").glob(f"*/{RECIPE_FILE}")
    return tuple(sorted(path.parent.name for path in recipes))


def load(name: str) -> Recipe:
    """The recipe called `name`.

    Raises RequestError when there is none, BadInput when it or a lock beside it is damaged.
    """
    known = names()
    if name not in known:
        close = get_close_matches(name, known, 1)
        remedy = f"did you mean {close[0]}?" if close else f"one of {', '.join(known)}"
        raise RequestError(f"there is no image recipe {name!r}", remedy=remedy)
    return read(installed.path("images") / name)


def read(folder: Path) -> Recipe:
    """The recipe in `folder`. Raises BadInput naming file and key."""
    text = read_text(folder / RECIPE_FILE)
    wheels, debs = folder / WHEELS_FILE, folder / DEBS_FILE
    locked_wheels = read_wheels(wheels)
    recorded = read_debs(debs) if debs.exists() else None
    asked = (text.model_dump_json().encode(), write_wheels(locked_wheels).encode())
    return Recipe(
        name=folder.name,
        folder=folder,
        text=text,
        wheels=locked_wheels,
        debs=recorded,
        digest=digest(*asked, write_debs(recorded or ()).encode()),
        unrecorded_digest=digest(*asked),
        wheels_digest=digest(asked[1]),
    )


def digest(*parts: bytes) -> str:
    """sha256 over length-prefixed parts, so that no two lists of parts look alike."""
    summed = hashlib.sha256()
    for part in parts:
        summed.update(len(part).to_bytes(8, "big") + part)
    return summed.hexdigest()


def read_text(path: Path) -> RecipeText:
    """One `recipe.yaml`. Raises BadInput naming file and key."""
    try:
        return RecipeText.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except OSError as fault:
        raise BadInput(f"cannot be read: {fault.strerror}", file=path) from fault
    except (yaml.YAMLError, UnicodeDecodeError) as fault:
        raise BadInput(f"is no YAML: {fault}", file=path) from fault
    except ValidationError as fault:
        first = fault.errors()[0]
        place = ".".join(map(str, first["loc"]))
        close = get_close_matches(place, list(RecipeText.model_fields), 1)
        remedy = f"did you mean {close[0]}?" if close and close[0] != place else ""
        raise BadInput(first["msg"], file=path, place=place, remedy=remedy) from fault
