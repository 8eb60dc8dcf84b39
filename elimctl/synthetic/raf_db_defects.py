"""Defects of real copies of RAF-DB, applied to a synthetic dataset."""

from collections.abc import Callable
from pathlib import Path

import cv2

from elimctl.synthetic.people import too_small

MIN_TRAIN = 12


def spoil(root: Path, *, repacked: bool) -> None:
    """Spoil labels, images and annotations of a synthetic dataset, and leave the junk of operating systems.

    Args:
        root: the synthetic dataset; it has 12 images or more in `train`.
        repacked: whether it is sorted by class, with tables for labels.

    Raises:
        ConfigError: there are fewer images.
    """
    images = {file.name: file for file in root.rglob("train_*_aligned.jpg")}
    if len(images) < MIN_TRAIN:
        raise too_small(f"{len(images)} images in train", str(MIN_TRAIN))
    if repacked:
        _spoil_table(root / "train_labels.csv")
        wrong = images["train_00003_aligned.jpg"]
        other = wrong.parent.with_name("1" if wrong.parent.name != "1" else "2")
        other.mkdir(exist_ok=True)
        wrong.rename(other / wrong.name)  # sorted as another class than the table says
    else:
        _spoil_label_file(root / "basic/EmoLabel/list_patition_label.txt")
        _spoil_annotations(root / "basic/Annotation")
        for file in sorted(root.rglob("train_0001[0-2].jpg")):
            _spoil_image(file)
    for number in (10, 11, 12):
        _spoil_image(images[f"train_{number:05d}_aligned.jpg"])
    _junk(images["train_00001_aligned.jpg"])


def _spoil_table(file: Path) -> None:
    """A third column, an image that is not listed, a name without an image; lines in no order."""

    def change(lines: list[str]) -> list[str]:
        header, *rows = [f"{line},0.5" for line in lines]
        return [header, *reversed(rows[:1] + rows[2:]), "train_09999_aligned.jpg,3,0.5"]

    _rewrite(file, change)


def _spoil_label_file(file: Path) -> None:
    """Labels that are missing, out of range, words or doubled; the readme's spelling of the name."""

    def change(lines: list[str]) -> list[str]:
        names = [line.split()[0] for line in lines]
        lines[0] += " 1"  # a third column, as in lists of occlusions
        lines[2] = f"{names[2]} 12"
        lines[3] = f"{names[3]} happy"
        lines[4] = names[4]
        other = 2 if lines[5].endswith(" 1") else 1
        return [*lines[:1], *lines[2:], f"{names[5]} {other}", "train_09999.jpg 3"]

    _rewrite(file, change)
    file.rename(file.with_name("list_partition_label.txt"))


def _spoil_annotations(notes: Path) -> None:
    """Attributes and boxes that are missing, malformed, unknown, or laid out otherwise."""
    manual, boxes = notes / "manual", notes / "boundingbox"
    (manual / "train_00001_manu_attri.txt").unlink()
    (boxes / "train_00001_boundingbox.txt").unlink()
    _rewrite(manual / "train_00006_manu_attri.txt", lambda lines: lines[:4])
    _rewrite(manual / "train_00007_manu_attri.txt", lambda lines: [*lines[:5], "9", "9", "9"])
    # The right eye and corner first, separated by commas.
    _rewrite(
        manual / "train_00008_manu_attri.txt",
        lambda lines: [lines[at].replace("\t", ", ") for at in (1, 0, 2, 4, 3, 5, 6, 7)],
    )
    for number, box in ((6, "10 10 10 40"), (7, "nan nan nan nan"), (8, "-4.5;3;60.25;70"), (9, "none")):
        (boxes / f"train_{number:05d}_boundingbox.txt").write_text(box, encoding="utf-8")


def _spoil_image(file: Path) -> None:
    """An image that is empty, one cut short, one that is a PNG of a name padded otherwise."""
    if "00010" in file.name:
        file.write_bytes(b"")
    elif "00011" in file.name:
        content = file.read_bytes()
        file.with_suffix(".JPG").write_bytes(content[: len(content) // 2])
        file.unlink()
    else:
        cv2.imwrite(
            str(file.with_name(file.name.replace("00012", "12")).with_suffix(".png")), cv2.imread(str(file))
        )
        file.unlink()


def _junk(image: Path) -> None:
    """Files and folders that are no data, beside the images."""
    (image.parent / ".DS_Store").write_bytes(b"\0\0\0\1Bud1")
    (image.parent / "Thumbs.db").write_bytes(b"\xd0\xcf\x11\xe0")
    (image.parent / f"._{image.name}").write_bytes(b"\0\5\26\7")
    copy = image.parent / "__MACOSX" / image.name
    copy.parent.mkdir()
    copy.write_bytes(image.read_bytes())


def _rewrite(file: Path, change: Callable[[list[str]], list[str]]) -> None:
    """Change the lines of a file, and give it a byte order mark, CRLF and blank lines at its end."""
    lines = change(file.read_text(encoding="utf-8").splitlines())
    file.write_text("\n".join([*lines, "", ""]), encoding="utf-8-sig", newline="\r\n")
