"""Features of prepared datasets, with a stand-in for ArcFace."""

import dataclasses
import shutil

import numpy as np
import pytest

from elimctl.commands import features as stage
from elimctl.commands.identities import regroup
from elimctl.errors import ConfigError, DataError, MissingError, StoreError
from elimctl.faces.align import CropOptions
from elimctl.faces.embed import ARCFACE
from elimctl.manifest import parquet
from elimctl.prepare import lock
from elimctl.store import features as cache
from elimctl.store.images import open_images
from elimctl.store.zarr import shard_name

# insightface's own imports use calls that their packages deprecate
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


@pytest.fixture
def folder(prepared, patterns):
    """11 images of 4 people, one dropped, some with points; 2 folds."""
    points = [12.0, 15, 40, 15, 26, 28, 16, 42, 38, 42]
    return prepared(
        patterns([0, 0, 0, 1, 1, 2, 2, 2, 3, 3, 3]),
        status=["kept"] * 4 + ["dropped"] + ["kept"] * 6,
        crop_points=[points, None] * 5 + [None],
    )


@pytest.fixture
def model(folder, packs):
    return stage.face_model(folder, ARCFACE, models=packs, device="cpu")


def fail():
    raise AssertionError("the model was loaded")


def test_every_kept_row_gets_the_features_of_its_image(folder, model, packs):
    made = stage.extract(folder, model, batch_size=3)
    assert (made.model, made.rows, made.kept, made.width, made.computed) == ("arcface", 11, 10, 512, True)
    found = cache.open(folder, made.key).read(range(11))
    assert np.isnan(found[4]).all()
    images = open_images(folder).read(range(11))
    given = parquet.read(folder)["crop_points"].to_pylist()
    points = [None if value is None else np.reshape(value, (5, 2)) for value in given]
    arcface = ARCFACE.load(ARCFACE.find(packs), crop=CropOptions(size_px=64), device="cpu")
    for row in (0, 1, 10):
        alone = arcface.embed(images[row : row + 1], points[row : row + 1])[0]
        np.testing.assert_allclose(found[row], alone, atol=1e-6)  # sums of float32 in another order


def test_asking_again_runs_no_model(folder, model):
    made = stage.extract(folder, model)
    again = stage.extract(folder, dataclasses.replace(model, load=fail))
    assert again == dataclasses.replace(made, computed=False)


def flip(file, place):
    content = bytearray(file.read_bytes())
    content[place] ^= 1
    file.write_bytes(content)


@pytest.mark.parametrize("damage", [lambda file: flip(file, 1000), lambda file: file.write_bytes(b"")])
def test_damaged_features_are_computed_again(folder, model, damage):
    made = stage.extract(folder, model)
    damage(made.path / "c" / "0" / "0")
    assert stage.extract(folder, model).computed
    cache.open(folder, made.key).check()


def test_features_that_cannot_be_opened_do_not_hide_others(folder, model):
    keys = [stage.extract(folder, dataclasses.replace(model, digest=digest)).key for digest in "ab"]
    (folder / "features" / f"{min(keys)}.zarr" / "c" / "0" / "0").write_bytes(b"")
    assert stage.current(folder, parquet.read(folder), "arcface").path.stem == max(keys)


def test_an_image_that_is_not_the_manifests_has_no_features(folder, model):
    flip(folder / "images.zarr" / shard_name(0), 1000)
    with pytest.raises(StoreError, match=r"image 0 of .* has sha256"):
        stage.extract(folder, model)
    assert cache.find(folder) == []


def test_nobody_changes_a_dataset_whose_features_are_computed(folder, model):
    def track(batches, _):
        with pytest.raises(ConfigError, match="is being prepared or changed"), lock.hold(folder):
            pytest.fail("two at once")
        return batches

    assert stage.extract(folder, model, reserve=True, track=track).computed


def test_another_model_preprocessing_or_image_is_another_key(folder, model, change):
    key = stage.extract(folder, model).key
    others = {
        stage.extract(folder, dataclasses.replace(model, digest="other")).key,
        stage.extract(folder, dataclasses.replace(model, preprocessing="arcface-2")).key,
    }
    table = parquet.read(folder)
    for values in ({"status": "dropped", "image_sha256": None}, {"crop_points": None}):
        change(folder, **{name: [value, *table[name].to_pylist()[1:]] for name, value in values.items()})
        others.add(stage.extract(folder, model).key)
    assert len(others | {key}) == 5
    assert len(cache.find(folder)) == 5


def test_another_crop_of_equal_images_is_another_key(folder):
    table, crop = parquet.read(folder), CropOptions(size_px=64).model_dump()
    facts = [
        stage.dataset_facts(table, {"crop": crop | other})
        for other in ({}, {"margin": 0.1}, {"align": "points"})
    ]
    assert len({cache.key(each) for each in facts}) == 3


def test_features_that_are_not_finite_are_refused_and_nothing_is_cached(folder, model):
    broken = dataclasses.replace(model, load=lambda: lambda images, points: np.full((len(images), 2), np.nan))
    with pytest.raises(DataError, match="features of 10 of 10 images are not finite, first at"):
        stage.extract(folder, broken)
    assert cache.find(folder) == []


def test_a_stopped_extraction_leaves_nothing(folder, model):
    def stop(batches, count):
        for number, batch in enumerate(batches):
            if number == 1:
                raise KeyboardInterrupt
            yield batch

    with pytest.raises(KeyboardInterrupt):
        stage.extract(folder, model, batch_size=2, track=stop)
    assert cache.find(folder) == []
    assert stage.extract(folder, model).computed


def test_a_missing_model_is_told_before_anything_is_read(folder, tmp_path):
    with pytest.raises(MissingError, match="no ArcFace model found"):
        stage.face_model(folder, ARCFACE, models=tmp_path)


def test_the_listing_tells_what_is_of_the_dataset_as_it_is(folder, model, change):
    made = stage.extract(folder, model)
    [entry] = stage.listing(folder)
    assert entry == {
        "key": made.key,
        "model": "arcface",
        "rows": 11,
        "width": 512,
        "size_mb": pytest.approx(11 * 512 * 4 / 1e6),
        "current": True,
    }
    change(folder, image_sha256=["0" * 64] * 11)
    assert [entry["current"] for entry in stage.listing(folder)] == [False]


def test_features_follow_their_images_when_rows_are_regrouped(folder, model):
    stage.extract(folder, model)
    before = cache.open(folder, cache.find(folder)[0]).read(range(11))
    table = parquet.read(folder)
    place = table.schema.get_field_index("identity")
    names = [f"z{9 - number:02d}" if number < 9 else "a" for number in range(11)]
    regroup(folder, table.set_column(place, table.schema.field(place), [names]), identities={})
    again = stage.extract(folder, dataclasses.replace(model, load=fail))
    order = [int(name.partition(".")[0]) for name in parquet.read(folder)["path"].to_pylist()]
    assert order == [9, 10, 8, 7, 6, 5, 4, 3, 2, 1, 0]
    np.testing.assert_array_equal(cache.open(folder, again.key).read(range(11)), before[order])


def test_a_run_gives_its_features_z_of_centre_crops(folder, tmp_path):
    """The run is not trained: its checkpoint is saved as it was made."""
    import torch

    from elimctl import recipe
    from elimctl.train import checkpoint, run

    tables = recipe.read(None, {"model": {"name": "r18", "image_px": 48}, "train": {"device": "cpu"}})
    made = run.create(tmp_path / "runs" / "r", recipe.run_config(tables), facts={})
    with pytest.raises(MissingError, match="run r has no checkpoint"):
        stage.run_model(made.folder)
    network = run.build_model(made.config()).eval()
    checkpoint.save(made.last, network, None, checkpoint.Progress())
    model = stage.run_model(made.folder, device="cpu")
    assert model.digest == parquet.digest(made.last)
    extracted = stage.extract(folder, model, batch_size=4)
    found = cache.open(folder, extracted.key).read([3, 5])
    crops = open_images(folder).read([3, 5])[:, 8:56, 8:56].transpose(0, 3, 1, 2)
    with torch.inference_mode():
        wanted = network.encode(torch.from_numpy(crops.copy())).numpy()
    assert extracted.width == wanted.shape[1]
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)  # batches of another size
    shutil.copy(made.last, made.best)
    assert stage.run_model(made.folder, device="cpu").digest == model.digest
