"""What holds for every dataset."""

import shutil
from collections import Counter
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from elimctl import plugins
from elimctl.config import Config
from elimctl.datasets import card as cards
from elimctl.errors import MissingError
from elimctl.manifest import splits
from elimctl.manifest.row import EXPRESSIONS, Row

NAMES = plugins.names("datasets")
# Drawing a dataset is optional; what cannot be drawn is read by the tests of its own.
DRAWN = plugins.names("synthetic")


@pytest.fixture(scope="module", params=DRAWN)
def plugin(request: pytest.FixtureRequest) -> ModuleType:
    return plugins.find("datasets", request.param)


@pytest.fixture(scope="module")
def drawing(plugin: ModuleType) -> ModuleType:
    return plugins.find("synthetic", plugin.__name__.rpartition(".")[2])


@pytest.fixture(scope="module")
def root(drawing: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A synthetic dataset of 2 identities, 4 clips, 3 frames each, in an empty folder."""
    root = tmp_path_factory.mktemp("made")
    drawing.write(root, np.random.default_rng(0), drawing.Options(people=2, clips=4, frames=3))
    return root


@pytest.fixture(scope="module")
def rows(plugin: ModuleType, root: Path) -> list[Row]:
    return list(plugin.read(root, plugin.Options()))


def test_there_are_datasets() -> None:
    assert {"afew-va", "aff-wild", "aff-wild2", "affectnet", "affectnet8", "raf-db", "folder"} <= set(DRAWN)


@pytest.mark.parametrize("name", NAMES)
def test_its_settings_have_defaults(name: str) -> None:
    assert issubclass(plugins.find("datasets", name).Options, Config)
    plugins.find("datasets", name).Options()


def test_a_synthetic_dataset_is_read_in_full(rows: list[Row]) -> None:
    assert len(rows) == 12
    assert set(Counter(row.clip for row in rows).values()) <= {1, 3}  # an image, or frames of a clip
    assert [row.reason for row in rows] == [None] * 12


def test_every_row_names_a_file_below_the_root(rows: list[Row], root: Path) -> None:
    for row in rows:
        assert (root / row.path).is_file()
        assert (root / row.path).resolve().is_relative_to(root.resolve())


def test_frames_come_in_order_and_once(rows: list[Row]) -> None:
    keys = [(row.clip, row.frame) for row in rows]
    assert len(set(keys)) == len(keys)
    frames: dict[str, list[int]] = {}
    for clip, frame in keys:
        frames.setdefault(clip, []).append(frame)
    assert all(numbers == sorted(numbers) for numbers in frames.values())


def test_splits_and_expressions_have_the_names_of_all_datasets(rows: list[Row]) -> None:
    assert {row.split for row in rows} <= {None, *splits.NAMES}
    assert {row.expression for row in rows} <= {None, *EXPRESSIONS}


def test_a_synthetic_dataset_with_defects_is_read_to_its_end(
    plugin: ModuleType, drawing: ModuleType, tmp_path: Path
) -> None:
    if "defects" not in drawing.Options.model_fields:
        pytest.skip("it draws no defects, which is optional")
    drawing.write(tmp_path, np.random.default_rng(0), drawing.Options(defects=True))
    rows = list(plugin.read(tmp_path, plugin.Options()))
    assert any(row.reason is None for row in rows)
    assert any(row.reason is not None for row in rows)


def test_links_in_a_loop_and_links_to_nowhere_change_nothing(
    plugin: ModuleType, root: Path, rows: list[Row], tmp_path: Path
) -> None:
    made = Path(shutil.copytree(root, tmp_path / "made"))
    for folder in [made, *(path for path in made.rglob("*") if path.is_dir())]:
        (folder / "up").symlink_to(made)
        (folder / "itself").symlink_to("itself")
        (folder / "gone").symlink_to("nowhere")
    again = list(plugin.read(made, plugin.Options()))
    assert [(row.path, row.reason) for row in again] == [(row.path, row.reason) for row in rows]


def test_labels_are_in_range_or_absent(rows: list[Row]) -> None:
    for row in rows:
        assert row.valence is None or -1 <= row.valence <= 1
        assert row.arousal is None or -1 <= row.arousal <= 1
        assert (row.valence is None) == (row.arousal is None)


def test_labels_are_shipped_values_over_the_scale(plugin: ModuleType, rows: list[Row]) -> None:
    labels = np.array([(row.valence, row.arousal) for row in rows if row.valence is not None])
    scale = getattr(plugin, "LABEL_SCALE", 1)
    shipped = labels * scale
    assert np.abs(shipped).max(initial=0) <= scale
    if scale > 1:  # shipped as whole numbers; 1e-9: one division and one multiplication
        np.testing.assert_allclose(shipped, np.rint(shipped), atol=1e-9)


def test_landmarks_and_boxes_are_where_the_reader_says(rows: list[Row]) -> None:
    for row in rows:
        assert row.landmarks is None or (row.landmarks.shape == (68, 2) and row.landmarks.dtype == np.float32)
        assert row.box is None or (row.box[0] < row.box[2] and row.box[1] < row.box[3])


def test_reading_twice_gives_the_same(plugin: ModuleType, root: Path, rows: list[Row]) -> None:
    again = list(plugin.read(root, plugin.Options()))
    assert [row.path for row in again] == [row.path for row in rows]


@pytest.mark.parametrize("name", NAMES)
def test_its_card_is_read_and_has_the_readers_scale(name: str) -> None:
    try:
        card = cards.read(name)
    except MissingError as error:  # of a dataset of another package, which need not have one
        pytest.skip(error.message)
    low, high = card.labels.shipped
    assert max(-low, high) == card.labels.scale == getattr(plugins.find("datasets", name), "LABEL_SCALE", 1)
