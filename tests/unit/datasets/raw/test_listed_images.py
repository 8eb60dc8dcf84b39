import os
from pathlib import Path

import pytest

from elimctl.datasets.raw import listed_images
from elimctl.datasets.raw.listed_images import ListedImages
from elimctl.errors import LayoutError


def _touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


@pytest.mark.parametrize(
    ("on_disk", "listed", "found"),
    [
        (["1/a.jpg"], "1/a.jpg", "1/a.jpg"),
        (["1/a.JPG"], "1/a.jpg", "1/a.JPG"),
        (["1/A.jpg"], "1/a.jpg", "1/A.jpg"),
        (["1/a.jpg"], "1/a.tif", "1/a.jpg"),
        (["1/a.tif", "1/a.png", "1/a.JPG"], "1/a.bmp", "1/a.JPG"),
        (["1/a.jpg", "1/a.PNG"], "1/a.png", "1/a.PNG"),
        (["1/A.png", "1/a.tif"], "1/a.png", "1/a.tif"),
        (["1/a.txt", "1/a", "1/ab.jpg", "2/a.jpg", "1/.a.jpg"], "1/a.jpg", None),
        (["1/a.b.jpg"], "1/a.b.png", "1/a.b.jpg"),
    ],
)
def test_another_case_and_another_suffix_are_the_same_image(
    tmp_path: Path, on_disk: list[str], listed: str, found: str | None
) -> None:
    _touch(tmp_path, *on_disk)
    assert ListedImages(tmp_path, [tmp_path]).find(listed) == found


def test_images_are_looked_for_in_every_place(tmp_path: Path) -> None:
    _touch(tmp_path, "x/1/a.jpg", "y/z/1/b.jpg", "y/z/1/c.png")
    images = ListedImages(tmp_path, [tmp_path, tmp_path / "x", tmp_path / "y" / "z"])
    assert [images.find(f"1/{name}.jpg") for name in "abca"] == [
        "x/1/a.jpg",
        "y/z/1/b.jpg",
        "y/z/1/c.png",
        "x/1/a.jpg",
    ]


def test_a_missing_image_should_be_in_a_place_where_others_are(tmp_path: Path) -> None:
    _touch(tmp_path, "x/1/a.jpg")
    images = ListedImages(tmp_path, [tmp_path, tmp_path / "x"])
    images.find("1/a.jpg")
    assert images.find("1/b.jpg") is None
    assert images.missing("1/b.jpg") == "x/1/b.jpg"


def test_one_image_in_two_places_is_an_error_that_lists_both(tmp_path: Path) -> None:
    _touch(tmp_path, "x/1/a.jpg", "y/1/a.jpg", "x/1/b.jpg")
    images = ListedImages(tmp_path, [tmp_path / "x", tmp_path / "y"])
    assert images.find("1/b.jpg") == "x/1/b.jpg"
    with pytest.raises(LayoutError, match=f"same image 2 times: {tmp_path}/x/1/a.jpg, {tmp_path}/y/1/a.jpg"):
        images.find("1/a.jpg")


def test_a_folder_is_listed_once_and_only_for_an_image_that_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _touch(tmp_path, "1/a.jpg", "1/b.JPG", "1/c.JPG")
    listed: list[str] = []
    listdir = os.listdir
    monkeypatch.setattr(
        listed_images.os, "listdir", lambda folder: listed.append(str(folder)) or listdir(folder)
    )
    images = ListedImages(tmp_path, [tmp_path])
    images.find("1/a.jpg")
    assert not listed
    for name in "bcd":
        images.find(f"1/{name}.jpg")
    assert listed == [str(tmp_path / "1"), f"{tmp_path}/"]
