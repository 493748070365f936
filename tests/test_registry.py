"""Registries and retired names: what is built in, what other packages add, what old names still do."""

from __future__ import annotations

import sys
import warnings

import pytest

from cospeech.core.deprecation import RenamedWarning, renamed_keywords
from cospeech.core.errors import UserError
from cospeech.core.registry import Registry


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """A package beside ours that adds two readers, one of them broken, and one whose name is ours."""
    (tmp_path / "other.py").write_text("def read(folder):\n    return ['read', folder]\n")
    info = tmp_path / "other-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: other\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[cospeech.test]\ntheirs = other:read\nours = other:read\nbroken = other:missing\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    sys.modules.pop("other", None)


def registry() -> Registry:
    return Registry("corpus reader", "cospeech.test", {"ours": "cospeech.core.errors:UserError"})


def test_built_in_parts_come_first_and_keep_their_names(installed):
    found = registry()
    assert found.names == ("ours", "broken", "theirs")
    assert found.get("ours") is UserError
    assert found.origin("ours") == "cospeech"
    assert found.origin("theirs") == "other"


def test_another_package_adds_a_part(installed):
    assert registry().get("theirs")("x") == ["read", "x"]


def test_an_unknown_name_lists_the_known_ones(installed):
    with pytest.raises(UserError, match=r"unknown corpus reader 'nothing'; known: ours, broken, theirs"):
        registry().get("nothing")


def test_a_broken_package_is_named(installed):
    with pytest.raises(UserError, match="'broken' of the package other cannot be loaded"):
        registry().get("broken")


def test_a_script_adds_a_part_for_itself(installed):
    found = registry()
    assert found.register("mine", len) is len
    assert found.get("mine") is len
    assert found.names == ("ours", "broken", "theirs", "mine")
    assert found.origin("mine") == "this process"
    with pytest.raises(UserError, match="'ours' is built in"):
        found.register("ours", len)
    assert "mine" not in registry()


def test_built_in_parts_may_stand_in_the_table_themselves():
    found = Registry("rig", "cospeech.test", {"pair": (1, 2)})
    assert found.get("pair") == (1, 2)


@renamed_keywords({"base": "library"})
def opened(*, library: str = "none") -> str:
    return library


def test_old_keywords_still_work_with_a_notice():
    with pytest.warns(RenamedWarning, match="'base' is now called 'library'"):
        assert opened(base="folder") == "folder"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert opened(library="folder") == "folder"
    with pytest.raises(UserError, match="given twice"):
        opened(base="a", library="b")
