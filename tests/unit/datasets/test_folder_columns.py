from pathlib import Path
from typing import Any

import pytest

from elimctl.config import parse_set, validate
from elimctl.datasets.folder import Options, read
from elimctl.datasets.folder_columns import BOX_KEYS, NAMES, ColumnNames
from elimctl.errors import ConfigError, LayoutError
from elimctl.manifest.row import Row
from elimctl.prepare.settings import recorded_options


def _options(*sets: str) -> Options:
    return validate(
        Options, parse_set([f"dataset.{text}" for text in sets]).get("dataset", {}), where="dataset"
    )


def _read(root: Path, header: str, line: str, *sets: str) -> Row:
    (root / "a.jpg").touch()
    (root / "labels.csv").write_text(f"{header}\n{line}\n")
    [row] = read(root, _options(*sets))
    return row


def test_every_column_and_every_edge_of_a_box_can_be_named() -> None:
    assert set(ColumnNames.model_fields) == {*NAMES, *BOX_KEYS}


def test_columns_are_called_as_the_configuration_says(tmp_path: Path) -> None:
    named = {
        **{"path": "bild", "valence": "val", "arousal": "Erregung (1)", "identity": "wer", "clip": "folge"},
        **{"frame": "nr", "split": "teil", "expression": "wort", "age": "jahre"},
        **{"x": "links", "y": "oben", "w": "breit", "h": "hoch"},
    }
    row = _read(
        tmp_path,
        "bild;val;Erregung (1);wer;folge;nr;teil;wort;jahre;links;oben;breit;hoch",
        "a.jpg;0,5;-0,25;id01;holiday;12;val;Happy;31.5;10;20;30.5;40",
        *(f"columns.{key}={name}" for key, name in named.items()),
    )
    assert row == Row(
        path="a.jpg",
        identity="id01",
        clip="holiday",
        frame=12,
        turned=True,
        actor="id01",
        valence=0.5,
        arousal=-0.25,
        expression="happiness",
        age=31.5,
        age_group="30-39",
        box=(10, 20, 40.5, 60),
        split="val",
        identity_from="column wer",
    )


def test_a_named_column_goes_before_known_names_and_is_nothing_else(tmp_path: Path) -> None:
    row = _read(
        tmp_path,
        "path,valence,arousal,label,identity,person,x,y,w,h,l,t,r,b",
        "a.jpg,0.5,0.5,-0.75,17,ann,1,2,3,4,10,20,30,40",
        *("columns.valence=label", "columns.identity=PERSON"),
        *("columns.x0=l", "columns.y0=t", "columns.x1=r", "columns.y1=b"),
    )
    assert (row.valence, row.arousal, row.identity, row.expression) == (-0.75, 0.5, "ann", None)
    assert row.box == (10, 20, 30, 40)


def test_an_empty_name_reads_no_column(tmp_path: Path) -> None:
    header, line = "path,valence,arousal,id,x,y,w,h", "a.jpg,0,0,17,1,2,3,4"
    assert _read(tmp_path, header, line).identity == "17"
    row = _read(tmp_path, header, line, "columns.identity=", "columns.x=")
    assert (row.identity, row.actor, row.box) == ("a.jpg", None, None)


@pytest.mark.parametrize("name", ["state", "send", "durations"])
def test_a_column_that_is_called_nearly_like_a_time_is_left_alone(tmp_path: Path, name: str) -> None:
    assert _read(tmp_path, f"path,valence,arousal,{name}", "a.jpg,0,0,x").reason is None


def test_a_column_may_be_called_by_a_number(tmp_path: Path) -> None:
    assert (
        _read(tmp_path, "path,1,2", "a.jpg,0.5,0.25", "columns.valence=1", "columns.arousal=2").arousal
        == 0.25
    )


def test_a_column_that_is_not_there_is_an_error_that_lists_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(
        LayoutError, match=r"no column wer \(dataset\.columns\.identity\); its first line is: "
    ) as caught:
        _read(tmp_path, "path,valence,arousal,person", "a.jpg,0,0,ann", "columns.identity=wer")
    assert "'path, valence, arousal, person'" in caught.value.message
    assert caught.value.hint == "set dataset.columns.identity to one of these"


def test_a_named_column_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LayoutError, match="has 2 columns 'wer'"):
        _read(tmp_path, "path,valence,arousal,wer,wer", "a.jpg,0,0,a,b", "columns.identity=wer")


def test_of_several_files_the_one_with_the_named_columns_is_read(tmp_path: Path) -> None:
    (tmp_path / "old.csv").write_text("path,valence,arousal\na.jpg,1,1\n")
    assert _read(tmp_path, "img,val,arousal", "a.jpg,0.25,0", "columns.valence=val").valence == 0.25


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        (
            "columns.pth=img",
            "unknown key dataset.columns.pth; known there: age, arousal",
            "dataset.columns.path",
        ),
        (
            "columns.x=left",
            "dataset.columns: .*incomplete box columns x; expected x0, y0, x1, y1 or x, y, w, h",
            "",
        ),
        ("columns.path=[1]", "dataset.columns.path: ", ""),
        (
            "label_range.valense=[1, 9]",
            "unknown key dataset.label_range.valense",
            "dataset.label_range.valence",
        ),
        ("label_range.valence=[9, 1]", "dataset.label_range.valence: .*expected .lowest, highest", ""),
        ("label_range=[1, 2, 3]", "dataset.label_range: .*expected .lowest, highest", ""),
        ("label_range=9", "dataset.label_range: ", ""),
    ],
)
def test_settings_that_do_not_fit_are_refused(text: str, message: str, hint: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        _options(text)
    assert hint in caught.value.hint


def test_a_range_may_be_given_by_axis(tmp_path: Path) -> None:
    sets = "label_range.valence=[1,9]", "label_range.arousal=[0,1]"
    row = _read(tmp_path, "path,valence,arousal", "a.jpg,7,0.25", *sets)
    assert (row.valence, row.arousal) == (0.5, -0.5)
    row = _read(tmp_path, "path,valence,arousal", "a.jpg,7,1.5", *sets)
    assert row.reason == "label out of range: arousal is 1.5, expected 0 to 1 (option label_range)"


def test_an_axis_without_a_range_is_in_minus_one_to_one(tmp_path: Path) -> None:
    row = _read(tmp_path, "path,valence,arousal", "a.jpg,7,-0.5", "label_range.valence=[1,9]")
    assert (row.valence, row.arousal) == (0.5, -0.5)


@pytest.mark.parametrize(
    ("sets", "noted"),
    [
        ([], [-1.0, 1.0]),
        (["label_range=[1,9]"], [1.0, 9.0]),
        (["label_range.valence=[1,9]"], {"valence": [1.0, 9.0], "arousal": [-1.0, 1.0]}),
    ],
)
def test_a_range_is_recorded_as_it_can_be_given_again(sets: list[str], noted: Any) -> None:
    options = _options(*sets)
    assert recorded_options(options)["label_range"] in (noted, tuple(noted))
    assert Options(**recorded_options(options)) == options
