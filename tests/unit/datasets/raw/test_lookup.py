from pathlib import Path

import pytest

from elimctl.datasets.folder import Options, read
from elimctl.datasets.raw.lookup import AmbiguousNameError, Lookup

KINDS = ((".jpg", ".png"), (".mp4",))
NFC, NFD, LATIN = "\xe9", "e\u0301", "\udce9"


def _find(root: Path, on_disk: list[str], wanted: str) -> str | None:
    for name in on_disk:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return Lookup(str(root), KINDS).find(wanted)


@pytest.mark.parametrize(
    ("on_disk", "wanted", "found"),
    [
        ([f"{NFD}.jpg"], f"{NFC}.jpg", f"{NFD}.jpg"),
        ([f"{NFC}.jpg"], f"{NFD}.jpg", f"{NFC}.jpg"),
        ([f"{LATIN}.jpg"], f"{NFC}.jpg", f"{LATIN}.jpg"),
        ([f"{NFC}.jpg"], f"{LATIN}.jpg", f"{NFC}.jpg"),
        ([f"{NFC}.jpg", f"{NFD}.jpg"], f"{NFD}.jpg", f"{NFD}.jpg"),
        ([f"{NFD}/{NFD}.JPG"], f"{NFC}/{NFC}.jpg", f"{NFD}/{NFD}.JPG"),
        ([f"{NFC}/x.jpg", f"{NFD}/a.jpg"], f"{NFC}/a.jpg", f"{NFD}/a.jpg"),
        (["mixed.JpG"], "mixed.jpg", "mixed.JpG"),
        (["IMAGES/ID1/MIXED.JPG"], "images/id1/mixed.jpg", "IMAGES/ID1/MIXED.JPG"),
        (["a.JPG", "a.png"], "a.jpg", "a.JPG"),
        ([f"{NFD}.jpg", f"{NFC}.png"], f"{NFC}.jpg", f"{NFD}.jpg"),
        (["\ufb01.jpg"], "fi.jpg", None),
        (["\u0131.jpg"], "I.jpg", None),
        (["a.mp4"], "a.jpg", None),
        (["a.PNG"], "a.jpg", "a.PNG"),
        (["a.jpg/x.txt"], "A.jpg", None),
    ],
)
def test_the_closest_spelling_is_found(
    tmp_path: Path, on_disk: list[str], wanted: str, found: str | None
) -> None:
    assert _find(tmp_path, on_disk, wanted) == found


@pytest.mark.parametrize(
    ("on_disk", "wanted"),
    [
        ([f"{NFD}.jpg", f"{LATIN}.jpg"], f"{NFC}.jpg"),
        (["Mixed.jpg", "MIXED.jpg"], "mixed.jpg"),
        (["a.JPG", "a.Jpg"], "a.jpg"),
        (["ID1/a.jpg", "Id1/a.jpg"], "id1/a.jpg"),
        (["a.PNG", "a.png"], "a.jpg"),
    ],
)
def test_two_files_that_fit_equally_well_are_none(tmp_path: Path, on_disk: list[str], wanted: str) -> None:
    with pytest.raises(AmbiguousNameError, match=f"ambiguous name: {wanted} may be .* or "):
        _find(tmp_path, on_disk, wanted)


def test_a_row_whose_name_fits_two_files_is_dropped_for_that(tmp_path: Path) -> None:
    for name in ("Mixed.jpg", "MIXED.jpg", "b.jpg"):
        (tmp_path / name).touch()
    (tmp_path / "l.csv").write_text("path,valence,arousal\nmixed.jpg,0,0\nb.jpg,0,0\n")
    rows = list(read(tmp_path, Options()))
    assert [row.reason for row in rows] == ["ambiguous name: mixed.jpg may be MIXED.jpg or Mixed.jpg", None]


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "utf-16"])
def test_people_with_accents_are_found_and_are_one_whatever_the_list_is_written_in(
    tmp_path: Path, encoding: str
) -> None:
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / "Jose\u0301").mkdir(exist_ok=True)
        (tmp_path / "Jose\u0301" / name).touch()
    (tmp_path / "Anna").mkdir()
    (tmp_path / "Anna" / "a.jpg").touch()
    lines = ["Jos\xe9/a.jpg,0,0,Jos\xe9", "Jos\xe9/b.jpg,0,0,Jos\xe9 ", "Anna/a.jpg,0,0,Anna", ""]
    (tmp_path / "l.csv").write_bytes("\n".join(["path,valence,arousal,who", *lines]).encode(encoding))
    for columns in ({}, {"identity": "who"}):
        rows = list(read(tmp_path, Options(columns=columns)))
        assert [(row.identity, row.reason) for row in rows] == [("Jos\xe9", None)] * 2 + [("Anna", None)]
