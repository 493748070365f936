"""The report of an evaluation: its marks, the table on the terminal and report.json."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cospeech.core.errors import UserError
from cospeech.evaluation.output import write_report
from cospeech.evaluation.report import NO_DIFFERENCE, Difference, Histogram, Player, Report, Row, read_report
from cospeech.evaluation.table import numbers, table
from report_data import full_report, report, row, value


@pytest.fixture
def full() -> Report:
    return full_report()


def marks(what: Report, name: str) -> dict[str, str]:
    return what.marks(next(column for column in what.columns if column.name == name))


# ---------------------------------------------------------------------------- marks


def test_the_lowest_and_the_highest_are_marked():
    what = report(row("a", fgd=2.0, accuracy=30.0), row("b", fgd=1.0, accuracy=20.0), row("c", fgd=3.0))
    assert marks(what, "fgd") == {"b": "*"}
    assert marks(what, "accuracy") == {"a": "*"}


def test_real_motion_is_the_mark_and_never_marked():
    real = row("real", "real", fgd=0.1, speed=0.2, accuracy=99.0)
    what = report(row("fast", fgd=2.0, speed=0.5, accuracy=1.0), row("slow", fgd=3.0, speed=0.1), real)
    assert marks(what, "speed") == {"slow": "*"}
    assert marks(what, "fgd") == {"fast": "*"}
    assert marks(what, "accuracy") == {}  # one row only besides real motion


def test_without_a_real_row_the_value_beside_counts_or_nothing_does():
    a, b = row("a", speed=0.5), row("b", speed=0.1)
    assert marks(report(a, b), "speed") == {}
    with_real = replace(a, values=(replace(a.values[0], real=0.45),))
    assert marks(report(with_real, b), "speed") == {"a": "*"}


def test_ties_share_the_mark_and_none_is_given_when_all_are_alike():
    assert marks(report(row("a", fgd=1.0), row("b", fgd=1.0), row("c", fgd=2.0)), "fgd") == {"a": "*", "b": "*"}
    assert marks(report(row("a", fgd=1.0), row("b", fgd=1.0)), "fgd") == {}
    assert marks(report(row("a", fgd=1.0), row("b", fgd=math.nan)), "fgd") == {}


def test_a_baseline_that_wins_is_marked_and_told():
    what = report(row("still", "baseline", fgd=1.0), row("a", fgd=3.0), row("b", fgd=2.0))
    assert marks(what, "fgd") == {"still": "*", "b": "+"}
    assert "a baseline is best here" in table(what)


def test_rows_that_the_clips_do_not_tell_from_the_best():
    rows = (row("a", fgd=1.0), row("b", fgd=1.1), row("c", fgd=5.0))
    same = Difference("b", "a", "fgd", 0.1, (-0.2, 0.4), NO_DIFFERENCE)
    significant = Difference("c", "a", "fgd", 4.0, (3.0, 5.0), "a")
    other = Difference("c", "a", "speed", 0.0, (-1.0, 1.0), NO_DIFFERENCE)
    assert marks(report(*rows, differences=(same, significant, other)), "fgd") == {"a": "*", "b": "~"}
    elsewhere = replace(same, extractor="another")
    assert marks(report(*rows, differences=(elsewhere,)), "fgd") == {"a": "*"}
    still = row("still", "baseline", fgd=0.9)
    near = Difference("a", "still", "fgd", 0.1, (-0.2, 0.4), NO_DIFFERENCE)
    assert marks(report(still, *rows, differences=(near, same)), "fgd") == {"still": "*", "a": "+~", "b": "~"}


def test_one_name_with_two_extractors_is_two_columns():
    a = Row("a", "model", (value("fgd", 1.0, extractor="x"), value("fgd", 9.0, extractor="y")))
    b = Row("b", "model", (value("fgd", 2.0, extractor="x"), value("fgd", 8.0, extractor="y")))
    what = report(a, b)
    assert [what.marks(column) for column in what.columns] == [{"a": "*"}, {"b": "*"}]
    assert "fgd [x]    " in table(what)


# ---------------------------------------------------------------------------- the terminal


def test_numbers_have_the_digits_that_the_interval_justifies():
    assert numbers(0.51234, (0.48, 0.5511)) == ("0.512", "[0.480, 0.551]")
    assert numbers(12345.6, (11000.0, 13000.0)) == ("12346", "[11000, 13000]")
    assert numbers(31.437952, (31.4379518, 31.4379521)) == ("31.44", "[31.44, 31.44]")
    assert numbers(2.5) == ("2.5", "")
    assert numbers(math.nan, (0.0, 1.0)) == ("-", "")
    assert numbers(math.inf)[0] == "inf"
    assert numbers(1e300, (9e299, 1.1e300)) == ("1e+300", "[9e+299, 1.1e+300]")
    assert numbers(-0.001, (-0.1, 0.1)) == ("0.00", "[-0.10, 0.10]")
    assert numbers(0.0, (0.0, 0.0)) == ("0", "[0, 0]")
    assert numbers(1.0, (math.nan, math.nan)) == ("1", "")


@pytest.mark.parametrize("width", [1, 40, 60, 80, 120, 400])
def test_no_line_is_wider_than_the_terminal(full, width):
    lines = table(full, width).splitlines()
    assert max(map(len, lines)) <= max(width, 40)
    assert all(line == line.rstrip() for line in lines)
    if width >= 80:
        assert sum(line.startswith("folder") for line in lines) >= 1


def test_a_line_a_row_and_a_block_more_where_it_is_narrow(full):
    wide, narrow = table(full, 400), table(full, 60)
    assert len(re.findall(r"^real \(other half\) +real", wide, re.MULTILINE)) == 1
    assert len(re.findall(r"^real \(other half\) +real", narrow, re.MULTILINE)) > 1
    kinds = [line.split("  ")[0] for line in wide.splitlines() if re.search("  (baseline|real|model|folder)  ", line)]
    assert [name.strip()[:9] for name in kinds] == ["mean pose", "real (oth", "<script>a", "folder"]


def test_the_table_names_all_that_is_needed(full):
    text = table(full, 120)
    for wanted in (
        "Synthetic pairs",
        "corpus (12ab)",
        "test split",
        "10 clips",
        "1 min 1 s",
        "2 speakers",
        "how it is taken",
        "net-<2>",
        "lower is better",
        "near real is best",
        "chance 3",
        "2 clips left out (too short 2)",
        "a note of two lines",
    ):
        assert wanted in text, wanted
    assert not re.search(r"[^\n\x20-\x7e]", text)  # nothing that moves the cursor or turns a line
    assert "Synthetic pairs" not in table(report(row("a", fgd=1.0)))


def test_missing_figures_are_dashes():
    text = table(report(row("a", fgd=1.0), row("b", accuracy=2.0)), 80)
    assert re.search(r"^b +model +- +2\.0", text, re.MULTILINE)
    assert "No figures" in table(report(Row("a", "model")))
    assert "No figures" in table(report())


def test_conventions_that_differ_are_told_with_their_rows():
    real = Row("real", "real", (replace(value("fgd", 1.0), convention="against one half"),))
    text = table(report(real, row("a", fgd=1.0), row("b", fgd=2.0)), 200)
    assert "how it is taken; real: against one half" in text


def test_wide_letters_fit_too():
    what = report(row("手" * 40, fgd=1.0), row("b", fgd=2.0), notes=("注" * 90,))
    for line in table(what, 80).splitlines():
        assert sum(2 if ord(letter) > 0x2E80 else 1 for letter in line) <= 80


# ---------------------------------------------------------------------------- report.json


def test_a_report_comes_back(full, tmp_path):
    page = write_report(full, tmp_path / "new" / "folder")
    assert page == tmp_path / "new" / "folder" / "report.html"
    again = read_report(page.parent)
    assert again.rows[0].values == full.rows[0].values[:2] + again.rows[0].values[2:]
    assert math.isnan(again.rows[0].values[2].value)
    assert again.rows[0].values[3].value == -math.inf
    assert again.rows[0].values[0].replicates is None
    assert "replicates" not in (page.parent / "report.json").read_text()
    for one, two in zip(full.rows, again.rows, strict=True):
        assert (one.name, one.kind, one.clips, one.left_out) == (two.name, two.kind, two.clips, two.left_out)
        assert one.heat_extent == two.heat_extent
        for name, own in one.histograms.items():
            np.testing.assert_array_equal(own.edges, two.histograms[name].edges)
            np.testing.assert_array_equal(own.density, two.histograms[name].density)
        for side, shares in (one.heat or {}).items():
            np.testing.assert_array_equal(shares, two.heat[side])
    np.testing.assert_array_equal(full.rows[0].confusion, again.rows[0].confusion)
    assert (again.differences, again.players, again.labels) == (full.differences, full.players, full.labels)
    assert again.data == full.data
    assert again.settings == {"seed": 0, "odd": "nan", "path": "a/b"}
    assert table(again) == table(full)
    write_report(again, tmp_path / "twice")
    assert (tmp_path / "twice" / "report.json").read_text() == (page.parent / "report.json").read_text()
    assert (tmp_path / "twice" / "report.html").read_text().count("<svg") == page.read_text().count("<svg")


def damage(folder: Path, change) -> None:
    path = folder / "report.json"
    raw = json.loads(path.read_text())
    change(raw)
    path.write_text(json.dumps(raw))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda raw: raw.update(format=2), "format 2, this version reads 1"),
        (lambda raw: raw.update(colour=1), "unknown key 'colour' in a Report"),
        (lambda raw: raw["rows"][0].update(colour=1), "unknown key 'colour' in a Row"),
        (lambda raw: raw["rows"][0]["values"][0].update(colour=1), "unknown key 'colour' in a Value"),
        (lambda raw: raw["rows"][0].pop("clips"), "no key 'clips' in a Row"),
        (lambda raw: raw["rows"][0].update(kind="robot"), "'robot'; allowed are real, baseline"),
        (lambda raw: raw["rows"][0].update(name=3), "damaged"),
        (lambda raw: raw["rows"][0].update(clips="3"), "damaged"),
        (lambda raw: raw["rows"][0].update(confusion=[[1], [2, 3]]), "damaged"),
        (lambda raw: raw["rows"][0].update(confusion=[[1]]), "confusion matrix"),
        (lambda raw: raw["rows"][0]["values"][0].update(value="much"), "damaged"),
        (lambda raw: raw["rows"][0]["values"][0].update(interval=[1]), "damaged"),
        (lambda raw: raw["rows"][0]["values"][0].update(better="best"), "allowed are lower, higher, real"),
        (lambda raw: raw.update(rows={}), "damaged"),
        (lambda raw: raw.pop("format"), "damaged"),
    ],
)
def test_other_files_are_told_in_a_line(full, tmp_path, change, message):
    write_report(full, tmp_path)
    damage(tmp_path, change)
    with pytest.raises(UserError, match=re.escape(message)) as caught:
        read_report(tmp_path)
    assert str(tmp_path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_file_and_no_json(tmp_path):
    with pytest.raises(UserError, match=r"holds no report\.json"):
        read_report(tmp_path)
    (tmp_path / "report.json").write_text("{")
    with pytest.raises(UserError, match="no JSON that can be read"):
        read_report(tmp_path)
    (tmp_path / "report.json").write_text("[]")
    with pytest.raises(UserError, match="damaged"):
        read_report(tmp_path)


def test_what_cannot_be_a_report():
    a = row("a", fgd=1.0)
    with pytest.raises(UserError, match="two rows are called 'a'"):
        report(a, a)
    with pytest.raises(UserError, match="twice"):
        Row("a", "model", (value("fgd", 1.0), value("fgd", 2.0)))
    with pytest.raises(UserError, match="kind of row"):
        row("a", "robot")
    with pytest.raises(UserError, match="row of a difference"):
        report(a, differences=(Difference("a", "b", "fgd", 0.0, (0.0, 0.0), NO_DIFFERENCE),))
    with pytest.raises(UserError, match="row of a player"):
        report(a, players=(Player("clip", {"b": "x.html"}),))
    with pytest.raises(UserError, match="better row"):
        Difference("a", "b", "fgd", 0.0, (0.0, 0.0), "c")
    with pytest.raises(UserError, match="histogram of row"):
        replace(a, histograms={"speeds": Histogram(np.arange(3), np.arange(2))})
    with pytest.raises(UserError, match="rising"):
        Histogram(np.array([0.0, 0.0]), np.array([1.0]))
    with pytest.raises(UserError, match="edges"):
        Histogram(np.arange(3), np.arange(3))
    with pytest.raises(UserError, match="heat_extent"):
        replace(a, heat={"left": np.ones((2, 2))})
    with pytest.raises(UserError, match=r"\[H, W\]"):
        replace(a, heat={"left": np.ones(2)}, heat_extent=(-1.0, 1.0, -1.0, 1.0))


def test_nothing_is_written_where_it_cannot_be(full, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot create folder"):
        write_report(full, tmp_path / "file" / "folder")
    for path in ("/etc/x.html", "https://example.org/x.html", "//example.org/x.html", "C:\\x.html", ""):
        bad = replace(full, players=(Player("clip", {"folder": path}),))
        if path.startswith("https"):
            write_report(bad, tmp_path / "colon")
            assert 'href="https%3A//' in (tmp_path / "colon" / "report.html").read_text()
            continue
        with pytest.raises(UserError, match="no relative path"):
            write_report(bad, tmp_path / "out")
    assert not (tmp_path / "out").exists()
