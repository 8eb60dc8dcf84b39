"""Temporal heads on features whose past alone tells the label, with a run that was never trained."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from elimctl import recipe
from elimctl.commands import features
from elimctl.commands import temporal as stage
from elimctl.commands.execution import Execution
from elimctl.errors import ConfigError, DataError, MissingError
from elimctl.manifest import parquet
from elimctl.train import checkpoint, run, temporal
from elimctl.train.temporal import TemporalSettings
from elimctl.workspace import Workspace

CLIPS, LENGTH, SIDE_PX, D = 24, 12, 64, 64
LEARNING = TemporalSettings(hidden=16, layers=1, window=8, batch_size=4, lr=0.02, epochs=12)
SMALL = LEARNING.model_copy(update={"epochs": 1})


def shades(rng):
    """Valence and arousal as each frame shows them, and as the frame before did, of frames in clips."""
    shown = rng.integers(0, 256, (CLIPS, LENGTH, 2), dtype=np.uint8)
    before = np.concatenate([np.full((CLIPS, 1, 2), 128, np.uint8), shown[:, :-1]], axis=1)
    return shown.reshape(-1, 2), before.reshape(-1, 2)


@pytest.fixture
def dataset(prepared):
    """A function that prepares frames whose label is what the frame before them showed, in red and green."""
    shown, before = shades(np.random.default_rng(0))
    images = np.zeros((len(shown), SIDE_PX, SIDE_PX, 3), np.uint8)
    images[..., :2] = shown[:, None, None]
    number = np.arange(len(shown))
    label = before / 127.5 - 1

    def prepare(**columns):
        columns = {
            "clip": [f"c{clip:02d}" for clip in number // LENGTH],
            "identity": [f"i{clip:02d}" for clip in number // LENGTH],
            "frame": (number % LENGTH).tolist(),
            "fold": (number // LENGTH % 4 == 0).astype(int).tolist(),
            "valence": label[:, 0].tolist(),
            "arousal": label[:, 1].tolist(),
        } | columns
        return prepared(images, **columns)

    return prepare


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    """A function that makes a run, whose features are the shades; `loaded` grows when they are computed."""
    loaded = []

    def embed(images, points):
        found = np.zeros((len(images), D), np.float32)
        found[:, :2] = images[:, 0, 0, :2] / 127.5 - 1
        return found

    def make(folder, *, facts=None, trained=True):
        model = {"name": "al", "image_px": SIDE_PX, "neck": "gap"}
        tables = recipe.read(
            None, {"model": model, "data": {"name": folder.name, "fold": 1}, "train": {"device": "cpu"}}
        )
        known = {"manifest": parquet.digest(folder / parquet.NAME)} | (facts or {})
        made = run.create(tmp_path / "runs" / "r", recipe.run_config(tables), facts=known)
        if trained:
            network = run.build_model(made.config())
            checkpoint.save(made.last, network, None, checkpoint.Progress(step=7))
            stand_in = features.Model("r", "0", "shades-1", lambda: loaded.append(1) or embed)
            monkeypatch.setattr(features, "run_model", lambda *_, **__: stand_in)
        return Workspace(tmp_path)

    make.loaded = loaded
    return make


def test_time_adds_what_the_past_alone_tells(dataset, workspace):
    place = workspace(dataset())
    tracked = []
    execution = Execution(track=lambda items, what, count: tracked.append((what, count)) or items)
    found = stage.temporal_run(place, settings=LEARNING, execution=execution)
    assert found.temporal.mean["ccc"] > 0.7
    # the shades of frames are drawn one by one: what is found in a frame's own is chance
    assert max(found.static.mean["ccc"], found.alone.mean["ccc"]) < 0.3
    assert tracked == [("features", 5), ("single frames", 12), ("temporal head", 12)]
    assert (found.step, found.windows, found.epochs, found.temporal.count) == (7, 36, 12, 72)


def test_files_hold_head_scores_and_every_frame_once(dataset, workspace):
    place = workspace(folder := dataset())
    found = stage.temporal_run(place, settings=SMALL)
    beside = found.head.parent
    assert beside == place.runs / "r" / "temporal"
    endings = {f"val{head}.{kind}" for head in ("", "-static", "-alone") for kind in ("json", "parquet")}
    assert {file.name for file in beside.iterdir()} == {"head.safetensors"} | endings
    assert json.loads((beside / "val.json").read_text())["mean"]["ccc"] == found.temporal.mean["ccc"]
    assert json.loads((beside / "val-alone.json").read_text())["mean"]["ccc"] == found.alone.mean["ccc"]
    table, manifest = pq.read_table(found.predictions), parquet.read(folder)
    kept = np.flatnonzero(np.array(manifest["fold"].to_pylist()) == 1)
    assert table["row"].to_pylist() == kept.tolist()
    facts = json.loads(table.schema.metadata[b"protocol"])
    assert facts["run"] == "r"
    assert facts["settings"]["max_step"] == 1
    head, record = temporal.load(found.head)
    assert record["features"] == facts["features"]
    values = np.zeros((72, D), np.float32)
    values[:, :2] = shades(np.random.default_rng(0))[0][kept] / 127.5 - 1
    frames = temporal.Frames(torch.from_numpy(values), torch.zeros(72, 2), list(np.arange(72).reshape(6, 12)))
    preds = np.stack([table[f"{axis}_pred"].to_numpy() for axis in ("valence", "arousal")], axis=1)
    np.testing.assert_allclose(temporal.predict(head, frames), preds, atol=1e-6)


def test_asked_again_it_sees_no_image_and_writes_equal_bytes(dataset, workspace):
    place = workspace(dataset())
    first = stage.temporal_run(place, settings=SMALL)
    files = {file: file.read_bytes() for file in first.head.parent.iterdir()}
    assert stage.temporal_run(place, settings=SMALL) == first
    assert len(workspace.loaded) == 1
    assert {file: file.read_bytes() for file in first.head.parent.iterdir()} == files


def test_frames_kept_at_an_interval_are_consecutive(dataset, workspace):
    every_fifth = [5 * (number % LENGTH) for number in range(CLIPS * LENGTH)]
    found = stage.temporal_run(workspace(dataset(frame=every_fifth)), settings=LEARNING)
    assert found.temporal.mean["ccc"] > 0.7


def test_dropped_frames_are_in_no_run_and_end_it(dataset, workspace):
    gone = [number % LENGTH == 5 for number in range(CLIPS * LENGTH)]
    folder = dataset(status=["dropped" if value else "kept" for value in gone])
    place, chosen = workspace(folder), SMALL.model_copy(update={"window": 4})
    found = stage.temporal_run(place, settings=chosen)
    # each of 18 clips is a run of 5 frames and one of 6, with two windows each; or one of 11, with five
    assert (found.windows, found.temporal.count) == (72, 66)
    bridged = stage.temporal_run(place, settings=chosen.model_copy(update={"max_step": 2}))
    assert (bridged.windows, bridged.temporal.count) == (90, 66)


@pytest.mark.parametrize("split", ["train", "all"])
def test_other_splits_are_scored_with_the_head_that_was_chosen_on_val(dataset, workspace, split):
    place = workspace(dataset())
    found = stage.temporal_run(place, split=split, settings=SMALL)
    assert found.temporal.count == {"train": 216, "all": 288}[split]
    assert found.predictions.name == f"{split}.parquet"


def refused(error, said, place, **knobs):
    with pytest.raises(error, match=said) as caught:
        stage.temporal_run(place, settings=SMALL, **knobs)
    assert caught.value.hint
    assert not (place.runs / "r" / "temporal").exists()


def test_a_run_that_learns_classes_is_refused(dataset, workspace):
    place = workspace(dataset(), facts={"classes": ["anger", "fear"]})
    refused(ConfigError, "run r learns classes; a temporal head", place)
    assert not workspace.loaded


def test_still_images_have_no_time(dataset, workspace):
    stills = [f"c{number:03d}" for number in range(CLIPS * LENGTH)]
    refused(DataError, "dataset patterns has one frame per clip", workspace(dataset(clip=stills)))
    assert not workspace.loaded


def test_a_run_without_a_checkpoint_is_refused(dataset, workspace):
    refused(MissingError, "run r has no checkpoint yet", workspace(dataset(), trained=False))


def test_a_dataset_that_was_prepared_anew_is_refused(dataset, workspace):
    refused(ConfigError, "has changed", workspace(dataset(), facts={"manifest": "0"}))


def test_an_unknown_split_is_refused(dataset, workspace):
    refused(DataError, "no split 'test'", workspace(dataset()), split="test")
    assert not workspace.loaded


def test_training_clips_of_single_frames_are_too_little(dataset, workspace):
    # neighbours in validation clips alone
    number = np.arange(CLIPS * LENGTH)
    clip = [f"c{n // LENGTH if n // LENGTH % 4 == 0 else n + 100:03d}" for n in number]
    refused(
        DataError, "0 windows of consecutive frames among the 216 training", workspace(dataset(clip=clip))
    )
    assert not workspace.loaded
