"""Building: once, under one digest, compared with its record. Debian is a fake of a few files."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.image import made
from tests.image.conftest import Tiny
from tests.image.made import PYTHON, Heard
from verifier import image
from verifier.errors import BadInput, ImageFault, MissingTool, RequestError, StorageFault
from verifier.image import base, canonical
from verifier.image.base import Base
from verifier.image.build import BUILDER, forget
from verifier.image.locks import LockedDeb, LockedWheel
from verifier.image.recipe import RecipeText
from verifier.records import ImageFacts, Root

NEW = LockedDeb("new", "1.0", "all", "f" * 64)


def built(tiny: Tiny, *, locked: bool = True) -> Root:
    """Build, or find."""
    return image.build("tiny", tiny.store, locked=locked)[0]


def test_an_image_is_a_tar_under_its_digest_and_its_extraction(tiny: Tiny) -> None:
    """Debian's files and the wheels', without what is pruned; the facts say what is in it."""
    watch = Heard()
    root, facts = image.build("tiny", tiny.store, locked=True, watch=watch)
    assert watch.phases == [
        "install Debian bookworm",
        "write the root file system",
        "unpack the root file system",
    ]
    place = tiny.store / "roots" / root.digest
    assert root == Root(
        digest=made.sha256(place / "root.tar"),
        python="/usr/bin/python3",
        pinned=True,
        tar=place / "root.tar",
        folder=place / "folder",
    )
    assert (place / "folder" / made.SITE / "tiny/__init__.py").read_text() == "print('tiny')\n"
    assert (place / "folder/usr/bin/python3").resolve().read_bytes() == b"an interpreter"
    assert not list((place / "folder").rglob("__pycache__"))
    assert not list((place / "folder/dev").iterdir())
    assert facts == ImageFacts(
        recipe="tiny",
        root_digest=root.digest,
        pinned=True,
        python=f"{PYTHON}.2",
        packages={
            "tiny": "1.0",
            "debian/libc6": "2.36-9+deb12u13",
            f"debian/python{PYTHON}": f"{PYTHON}.2-6+deb12u9",
        },
    )


def test_a_second_build_finds_the_first(tiny: Tiny) -> None:
    """Without Debian, without wheels, without hashing or unpacking again."""
    first = built(tiny)
    tiny.wheel.unlink()
    watch = Heard()
    again = image.build("tiny", tiny.store, locked=True, watch=watch)[0]
    assert (again, tiny.made) == (first, 1)
    assert (watch.phases, watch.notes) == ([], [])


def test_two_stores_get_one_digest(tiny: Tiny) -> None:
    """Cold builds anywhere are the same bytes."""
    first = built(tiny)
    tiny.store = tiny.store.rename(tiny.folder / "elsewhere")
    assert image.find("tiny", tiny.folder / "new") is None
    (tiny.folder / "new").mkdir()
    (tiny.folder / "elsewhere/wheels").rename(tiny.folder / "new/wheels")
    second = image.build("tiny", tiny.folder / "new", locked=True)[0]
    assert (second.digest, tiny.made) == (first.digest, 2)


def test_nothing_is_left_of_the_making(tiny: Tiny) -> None:
    """Beside the image and what points to it."""
    root = built(tiny)
    assert {path.name for path in (tiny.store / "roots").iterdir()} == {
        root.digest,
        "recipes",
        ".lock",
    }


def test_an_unknown_recipe_is_refused(tiny: Tiny) -> None:
    """Before anything is made."""
    with pytest.raises(RequestError, match="no image recipe 'tinny'"):
        image.build("tinny", tiny.store, locked=False)
    assert tiny.made == 0


# ---------------------------------------------------------------- find


def test_finding_makes_nothing(tiny: Tiny) -> None:
    """None before it is built; then the same root and facts."""
    assert image.find("tiny", tiny.store) is None
    assert not (tiny.store / "roots").exists()
    made_one = image.build("tiny", tiny.store, locked=True)
    assert image.find("tiny", tiny.store) == made_one


def test_what_was_found_but_never_unpacked_is_unpacked_by_building(tiny: Tiny) -> None:
    """The tar is the image; its extraction can be made again."""
    root = built(tiny)
    assert root.folder is not None
    root.folder.rename(tiny.folder / "aside")
    found = image.find("tiny", tiny.store)
    assert found is not None
    assert found[0] == replace(root, folder=None)
    assert image.extract(found[0]) == built(tiny) == root
    assert (root.folder / "usr/bin/python3").exists()
    assert tiny.made == 1


def test_an_image_whose_tar_was_altered_is_not_unpacked(tiny: Tiny) -> None:
    """Same length, other bytes: found by its digest when it matters."""
    root = built(tiny)
    assert root.tar is not None
    assert root.folder is not None
    root.folder.rename(tiny.folder / "aside")
    content = bytearray(root.tar.read_bytes())
    content[600] ^= 1
    root.tar.write_bytes(content)
    with pytest.raises(ImageFault, match="its sha256 is"):
        built(tiny)


def test_a_root_without_a_tar_is_not_extracted() -> None:
    """The interpreter at hand."""
    with pytest.raises(ImageFault, match="has no tar to unpack"):
        image.extract(Root(digest="host", python="python", pinned=False))


@pytest.mark.parametrize(
    "facts",
    [
        b"",
        b"[]",
        b'"text"',
        b"{}",
        b"\xff",
        b'{"digest": 1}',
    ],
)
def test_facts_that_cannot_be_read_are_made_again(tiny: Tiny, facts: bytes) -> None:
    """Nothing rests on what lies in the store."""
    root = built(tiny)
    (tiny.store / "roots" / root.digest / "facts.json").write_bytes(facts)
    assert image.find("tiny", tiny.store) is None
    assert (built(tiny), tiny.made) == (root, 2)
    assert image.find("tiny", tiny.store) is not None


def test_facts_with_a_key_of_the_wrong_kind_are_made_again(tiny: Tiny) -> None:
    """The whole of them or nothing."""
    path = tiny.store / "roots" / built(tiny).digest / "facts.json"
    good = json.loads(path.read_text())
    for key in good:
        path.write_text(json.dumps({**good, key: None}))
        assert image.find("tiny", tiny.store) is None, key


def test_a_tar_that_is_gone_or_cut_short_is_made_again(tiny: Tiny) -> None:
    """Seen by its length, without reading it."""
    root = built(tiny)
    assert root.tar is not None
    root.tar.write_bytes(root.tar.read_bytes()[:-1])
    assert (built(tiny), tiny.made) == (root, 2)
    root.tar.unlink()
    assert (built(tiny), tiny.made) == (root, 3)
    assert made.sha256(root.tar) == root.digest


@pytest.mark.parametrize("pointer", [b"absent", b"\xff", b"a" * 64, b"../elsewhere", b"", b"."])
def test_a_pointer_to_nothing_is_made_again(tiny: Tiny, pointer: bytes) -> None:
    """Nor does one lead out of the store."""
    root = built(tiny)
    (tiny.store / "roots" / root.digest).rename(tiny.store / "elsewhere")
    for path in (tiny.store / "roots" / "recipes").iterdir():
        path.write_bytes(pointer)
    assert image.find("tiny", tiny.store) is None
    assert (built(tiny), tiny.made) == (root, 2)


def test_facts_of_another_image_are_not_taken(tiny: Tiny) -> None:
    """A folder is found under the digest that its facts say."""
    root = built(tiny)
    other = tiny.store / "roots" / ("0" * 64)
    (tiny.store / "roots" / root.digest).rename(other)
    for path in (tiny.store / "roots" / "recipes").iterdir():
        path.write_text(other.name)
    assert image.find("tiny", tiny.store) is None


def test_another_builder_makes_it_again(tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    """A verifier that would make other bytes does not find what an older one made."""
    built(tiny)
    monkeypatch.setattr(sys.modules[forget.__module__], "BUILDER", BUILDER + 1)
    assert image.find("tiny", tiny.store) is None


def test_a_changed_recipe_makes_another_image(tiny: Tiny) -> None:
    """Text or wheels."""
    first = built(tiny)
    tiny.write(epoch=1)
    second = built(tiny)
    assert second.digest != first.digest
    assert tiny.made == 2


# ---------------------------------------------------------------- the record


def test_debian_packages_that_differ_from_their_record_fail_a_locked_build(tiny: Tiny) -> None:
    """Naming each; nothing is kept."""
    tiny.debs = (NEW, replace(made.DEBS[0], version="2.36-10"), made.DEBS[1])
    with pytest.raises(ImageFault) as refused:
        built(tiny)
    assert "debs.lock: libc6 is 2.36-10, locked 2.36-9+deb12u13" in refused.value.message
    assert "new 1.0 is there and not locked" in refused.value.message
    assert "without --locked" in refused.value.remedy
    assert image.find("tiny", tiny.store) is None


def test_debian_packages_that_differ_from_their_record_are_noted(tiny: Tiny) -> None:
    """At every build of it, also of one that was found."""
    tiny.debs = (NEW, *made.DEBS)
    for _ in range(2):
        watch = Heard()
        image.build("tiny", tiny.store, locked=False, watch=watch)
        assert watch.notes == [
            "the image is not the one of debs.lock: new 1.0 is there and not locked"
        ]
    assert tiny.made == 1


def test_a_locked_build_does_not_take_what_an_unlocked_one_left(tiny: Tiny) -> None:
    """The comparison is made with what is found, too."""
    tiny.debs = (NEW, *made.DEBS)
    built(tiny, locked=False)
    with pytest.raises(ImageFault, match=r"new 1\.0 is there and not locked"):
        built(tiny)


def test_only_the_first_differences_are_listed(tiny: Tiny) -> None:
    """And the rest are counted."""
    tiny.debs += tuple(replace(NEW, name=f"new-{number}") for number in range(8))
    with pytest.raises(ImageFault, match=r"new-4 1\.0 is there and not locked; and 3 more"):
        built(tiny)
    tiny.debs = tiny.debs[:-3]
    with pytest.raises(ImageFault) as refused:
        built(tiny)
    assert "more" not in refused.value.message


def test_a_recipe_without_a_record_cannot_be_built_locked(tiny: Tiny) -> None:
    """There is nothing to compare with; unlocked, that is said."""
    tiny.write(None)
    with pytest.raises(ImageFault, match=r"debs\.lock is not there to compare with"):
        built(tiny)
    watch = Heard()
    image.build("tiny", tiny.store, locked=False, watch=watch)
    assert watch.notes == ["the Debian packages are compared with nothing: there is no debs.lock"]


def test_recording_a_build_does_not_make_it_again(tiny: Tiny) -> None:
    """A record written from a build is a record of that build."""
    tiny.write(None)
    first = built(tiny, locked=False)
    tiny.write()
    assert (built(tiny), tiny.made) == (first, 1)


def test_a_record_of_other_packages_makes_it_again(tiny: Tiny) -> None:
    """Debian may have them by now."""
    tiny.write(None)
    built(tiny, locked=False)
    tiny.write((NEW, *made.DEBS))
    tiny.debs = (NEW, *made.DEBS)
    built(tiny)
    assert tiny.made == 2


def test_a_recipe_whose_record_is_gone_makes_it_again(tiny: Tiny) -> None:
    """What was made under a record is not what Debian has today."""
    built(tiny)
    tiny.write(None)
    image.build("tiny", tiny.store, locked=False)
    assert tiny.made == 2


def test_a_forgotten_image_is_made_again(tiny: Tiny) -> None:
    """What whoever records Debian's packages anew begins with."""
    root = built(tiny)
    forget("tiny", tiny.store)
    assert image.find("tiny", tiny.store) is None
    assert (built(tiny), tiny.made) == (root, 2)
    forget("tiny", tiny.folder / "an empty store")


# ---------------------------------------------------------------- what is no image


@pytest.mark.parametrize(
    ("debs", "text", "brought"),
    [
        (made.DEBS[:1], {}, f"python{PYTHON} not at all, the recipe says {PYTHON}"),
        (made.DEBS, {"glibc": 41}, r"libc6 2\.36-9\+deb12u13, the recipe says 2\.41"),
        ((replace(made.DEBS[0], version="2.361-9"), *made.DEBS[1:]), {}, r"libc6 2\.361-9, "),
        (made.DEBS[1:], {}, "libc6 not at all"),
    ],
)
def test_another_python_or_c_library_than_the_recipes_is_refused(
    tiny: Tiny, debs: tuple[LockedDeb, ...], text: dict[str, object], brought: str
) -> None:
    """The wheels were chosen for those."""
    tiny.debs = debs
    tiny.write(None, **text)
    with pytest.raises(ImageFault, match=f"Debian bookworm brought {brought}"):
        built(tiny, locked=False)


def test_bytecode_in_an_image_is_refused(tiny: Tiny) -> None:
    """Also where no pattern of the recipe looks for it."""
    tiny.more = (made.member("./usr/lib/old.pyc", b"compiled"),)
    with pytest.raises(ImageFault, match=r"usr/lib/old\.pyc: is compiled"):
        built(tiny)


def test_a_wheel_in_debians_place_is_refused(tiny: Tiny) -> None:
    """No source replaces another's file."""
    place = f"./{made.SITE}/tiny/__init__.py"
    tiny.more = (made.member(place, b"Debian's own"),)
    with pytest.raises(ImageFault, match=r"Debian's tar and tiny-1\.0.* differ"):
        built(tiny)


def test_a_base_that_is_no_tar_is_refused(tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a fault of the image."""

    def bootstrap(text: RecipeText, mode: str, folder: Path) -> Base:
        (folder / "base.tar").write_bytes(b"no tar" * 1000)
        return Base(folder / "base.tar", made.DEBS)

    monkeypatch.setattr(base, "bootstrap", bootstrap)
    with pytest.raises(ImageFault, match="mmdebstrap's tar cannot be read"):
        built(tiny)


def test_a_damaged_lock_stops_the_build(tiny: Tiny) -> None:
    """Before anything is made."""
    (tiny.recipe / "debs.lock").write_text("libc6\n")
    with pytest.raises(BadInput, match=r"debs\.lock:1: "):
        built(tiny)
    assert tiny.made == 0


def test_a_store_that_cannot_be_written_is_a_fault_of_the_machine(tiny: Tiny) -> None:
    """Naming the place."""
    (tiny.store / "roots").write_text("a file in the way")
    with pytest.raises(StorageFault, match="roots"):
        built(tiny)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (OSError(28, "No space left on device", "/there"), "/there: No space left on device"),
        (OSError(28, "No space left on device"), "roots: No space left on device"),
        (OSError("something odd"), "roots: something odd"),
    ],
)
def test_a_disk_that_fills_up_is_a_fault_of_the_machine(
    tiny: Tiny, monkeypatch: pytest.MonkeyPatch, fault: OSError, said: str
) -> None:
    """Wherever it happens; the next build starts clean."""

    def full(*_: object) -> str:
        raise fault

    monkeypatch.setattr(canonical, "write", full)
    with pytest.raises(StorageFault) as found:
        built(tiny)
    assert found.value.message.endswith(said)
    assert {path.name for path in (tiny.store / "roots").iterdir()} == {".lock"}


def test_a_wheel_of_another_hash_stops_the_build(tiny: Tiny) -> None:
    """Before Debian is asked."""
    tiny.wheel.write_bytes(b"another wheel")
    with pytest.raises(ImageFault, match="the lock says"):
        built(tiny)
    assert tiny.made == 0


# ---------------------------------------------------------------- no root file system


def test_where_none_can_be_made_a_locked_build_names_the_package(
    tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A virtual environment is no answer to `--locked`."""
    monkeypatch.setattr(base, "way", lambda: None)
    monkeypatch.setattr(base, "why_not", lambda: MissingTool("no", remedy="apt-get install it"))
    with pytest.raises(MissingTool, match="apt-get install it"):
        built(tiny)


def test_where_none_can_be_made_it_is_a_virtual_environment(
    tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the same lock, not pinned, with the reason."""
    monkeypatch.setattr(base, "way", lambda: None)
    monkeypatch.setattr(base, "why_not", lambda: MissingTool("no program mmdebstrap"))
    watch = Heard()
    root, _ = image.build("tiny", tiny.store, locked=False, watch=watch)
    assert not root.pinned
    assert watch.notes[0].startswith("not pinned: no program mmdebstrap")


def test_where_none_can_be_made_one_that_was_made_is_found(
    tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root may have built it once for all users."""
    root = built(tiny)
    monkeypatch.setattr(base, "way", lambda: None)
    assert built(tiny) == root


def test_two_wheels_of_one_name_never_meet(tiny: Tiny) -> None:
    """A lock names each once."""
    locked = LockedWheel("tiny", "1.0", made.sha256(tiny.wheel))
    made.recipe_folder(tiny.recipe, [locked, locked])
    with pytest.raises(BadInput, match="tiny is locked twice"):
        built(tiny)
