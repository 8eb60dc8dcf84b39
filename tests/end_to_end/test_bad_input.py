"""Bad input: one line `error:`, one line `hint:`, exit code 1, and nothing lost."""

import json
import resource

import pytest

from elimctl.manifest import parquet

from .conftest import TINY


def test_a_folder_that_is_no_afew_va(refused, tmp_path):
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "a.png").write_bytes(b"")
    message = refused("prepare", "afew-va", tmp_path / "pictures", "--workspace", tmp_path)
    assert "no NNN/NNN.json" in message
    assert "pictures" in message


def test_a_folder_that_does_not_exist(refused, tmp_path):
    assert "gone" in refused("prepare", "afew-va", tmp_path / "gone", "--workspace", tmp_path)


def test_an_unknown_dataset(refused, tmp_path):
    assert "there are: afew-va" in refused("prepare", "afew", tmp_path, "--workspace", tmp_path)


def test_train_with_nothing_prepared(refused, tmp_path):
    assert "elimctl prepare" in refused("train", "--workspace", tmp_path)


def test_eval_and_export_with_no_run(refused, workspace):
    assert "elimctl train" in refused("eval", "--workspace", workspace)
    assert "elimctl train" in refused("export", "onnx", "--workspace", workspace)


def test_fewer_identities_than_a_batch_wants(refused, workspace):
    message = refused(
        "train",
        "--set",
        "model.image_px=64",
        "--set",
        "train.identities_per_batch=50",
        "--workspace",
        workspace,
    )
    assert "50 wanted" in message
    assert "--set train.identities_per_batch=10" in message
    assert not (workspace / "runs").exists()


def test_a_crop_larger_than_the_stored_images(refused, workspace):
    message = refused("train", "--set", "train.identities_per_batch=4", "--workspace", workspace)
    assert "224" in message
    assert "72" in message


def test_a_fold_that_does_not_exist(refused, workspace):
    assert "fold" in refused("train", *TINY, "--fold", "17", "--workspace", workspace)


def test_an_empty_split(refused, workspace):
    file = workspace / "data" / "afew-va" / "manifest.parquet"
    table = parquet.read(file)
    status = [
        "dropped" if fold == 0 else status
        for fold, status in zip(table["fold"].to_pylist(), table["status"].to_pylist(), strict=True)
    ]
    place = table.schema.get_field_index("status")
    emptied = table.set_column(place, table.schema.field(place), [status])
    parquet.write(file, emptied, metadata={"dataset": "afew-va", "settings": {}})
    assert "split 'val' is empty" in refused("train", *TINY, "--workspace", workspace)
    assert not (workspace / "runs").exists()


def test_an_unknown_key_of_a_recipe_names_the_nearest(refused, workspace, tmp_path):
    recipe = tmp_path / "mine.toml"
    recipe.write_text("[method]\nregg = 0.1\n")
    message = refused("train", "--recipe", recipe, "--workspace", workspace)
    assert "unknown key method.regg" in message
    assert "hint: write method.reg" in message


def test_an_unknown_table_of_a_recipe_names_the_nearest(refused, workspace):
    assert "hint: write train" in refused("train", "--set", "trian.steps=3", "--workspace", workspace)


def test_a_recipe_that_is_no_toml(refused, workspace, tmp_path):
    recipe = tmp_path / "mine.toml"
    recipe.write_text("steps: 3\n")
    assert "mine.toml is not TOML" in refused("train", "--recipe", recipe, "--workspace", workspace)


def test_a_value_that_does_not_fit(refused, workspace):
    assert "train.steps" in refused("train", "--set", "train.steps=many", "--workspace", workspace)


def test_a_method_or_backbone_that_does_not_exist(refused, workspace):
    assert "there are: " in refused("train", "--method", "elm", "--workspace", workspace)
    assert "there are: " in refused("train", "--backbone", "resnet", "--workspace", workspace)


def test_a_device_that_is_not_there(refused, workspace):
    assert "elimctl doctor" in refused("train", *TINY, "--device", "cuda:7", "--workspace", workspace)


def test_a_store_written_by_a_newer_version(refused, workspace):
    header = workspace / "data" / "afew-va" / "images.zarr" / "zarr.json"
    values = json.loads(header.read_text())
    values["attributes"]["elimctl"]["format"] = 99
    header.write_text(json.dumps(values))
    assert "newer" in refused("train", *TINY, "--workspace", workspace)


def test_a_truncated_shard(refused, workspace):
    shard = workspace / "data" / "afew-va" / "images.zarr" / "c" / "0" / "0" / "0" / "0"
    shard.write_bytes(shard.read_bytes()[:1000])
    assert str(shard) in refused("train", *TINY, "--steps", "1", "--workspace", workspace)


def test_a_shard_that_is_missing(refused, workspace):
    shard = workspace / "data" / "afew-va" / "images.zarr" / "c" / "0" / "0" / "0" / "0"
    shard.unlink()
    assert "images.zarr" in refused("train", *TINY, "--steps", "1", "--workspace", workspace)


def test_a_second_dataset_must_be_chosen_between(refused, call, raw, workspace):
    arguments = ["--detector", "annotation", "--size", "72", "--name", "other", "--workspace", workspace]
    assert call("prepare", "afew-va", raw, *arguments) == 0
    message = refused("train", *TINY, "--workspace", workspace)
    assert "afew-va, other" in message
    assert "--data" in message


def test_resume_with_other_settings(refused, workspace):
    assert "--resume" in refused("train", "--resume", "--steps", "3", "--workspace", workspace)


def test_a_run_name_that_is_taken(refused, call, workspace):
    arguments = [*TINY, "--steps", "1", "--batch-size", "8", "--run", "mine", "--workspace", workspace]
    assert call("train", *arguments) == 0
    assert "already" in refused("train", *arguments)
    assert "has done all of 1 step;" in refused("train", "--resume", "--workspace", workspace)


@pytest.fixture
def small_files():
    """Nothing larger than 100 kB can be written, as on a disk that is nearly full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_checkpoint_that_cannot_be_written_is_named_and_nothing_is_left_beside_it(
    refused, workspace, small_files
):
    arguments = ["--steps", "1", "--batch-size", "8", "--run", "mine", "--workspace", workspace]
    message = refused("train", *TINY, *arguments)
    assert "error: file too large: " in message
    assert "best.safetensors" in message
    assert not list((workspace / "runs" / "mine" / "checkpoints").iterdir())


def test_a_shard_that_cannot_be_written_is_named_and_an_earlier_dataset_stays(
    refused, raw, workspace, small_files
):
    manifest = workspace / "data" / "afew-va" / "manifest.parquet"
    before = manifest.read_bytes()
    arguments = ["--detector", "annotation", "--size", "80", "--workspace", workspace]
    assert "file too large: " in refused("prepare", "afew-va", raw, *arguments)
    assert manifest.read_bytes() == before


def test_a_file_where_a_folder_is_wanted(refused, raw, tmp_path):
    (tmp_path / "data").touch()
    assert str(tmp_path / "data") in refused("prepare", "afew-va", raw, "--workspace", tmp_path)
    assert "data" in refused("synth", "afew-va", tmp_path / "data")


def test_too_few_samples_of_an_identity_to_be_matched(refused, workspace):
    arguments = ["--batch-size", "7", "--workspace", workspace]
    assert "expected at least 2" in refused("train", *TINY, *arguments)
    assert not (workspace / "runs").exists()


@pytest.mark.parametrize("name", ["../evil", "a/b", ".hidden"])
def test_a_name_that_leads_elsewhere(refused, workspace, name):
    arguments = ["--batch-size", "8", "--workspace", workspace]
    assert "cannot be the name of a folder" in refused("train", *TINY, "--run", name, *arguments)


def test_an_unknown_recipe_is_answered_with_the_nearest(refused, workspace):
    said = refused("train", "--recipe", "afew-va-papr", "--workspace", workspace)
    assert "similar names: elim/afew-va" in said
    assert "dmue" not in said


@pytest.mark.parametrize("setting", ["train.betas=[1.0, 0.9]", "train.seed=-1", "train.milestones=[0]"])
def test_a_value_out_of_range(refused, workspace, setting):
    key = setting.partition("=")[0]
    assert key in refused("train", *TINY, "--set", setting, "--workspace", workspace)


def test_a_dataset_prepared_anew_is_not_mistaken_for_the_runs_own(refused, call, raw, workspace):
    arguments = [*TINY, "--steps", "1", "--batch-size", "8", "--workspace", workspace]
    assert call("train", *arguments) == 0
    again = ["--detector", "annotation", "--size", "72", "--set", "prepare.seed=1", "--workspace", workspace]
    assert call("prepare", "afew-va", raw, *again) == 0
    for command in (["eval"], ["export", "onnx"], ["train", "--resume"]):
        said = refused(*command, "--workspace", workspace)
        assert "has changed since the run began" in said
    hinted = said.rpartition("elimctl ")[2].split()
    assert hinted[0] == "eval"
    assert call(*hinted, "--workspace", workspace) == 0


def test_a_loss_that_is_not_finite_names_the_step_and_the_identities(refused, workspace):
    arguments = ["--set", "train.lr_backbone=1e30", "--set", "train.lr_projector=1e30", "--steps", "5"]
    message = refused("train", *TINY, *arguments, "--batch-size", "16", "--workspace", workspace)
    assert "is not finite at step" in message
    assert "identities in the batch: 0" in message  # clips are numbered 001, 002 ...


def test_an_imitation_does_not_overwrite_a_folder(refused, tmp_path):
    (tmp_path / "mine.txt").touch()
    assert "not empty" in refused("synth", "afew-va", tmp_path)


@pytest.mark.parametrize("name", ["raw", "data", "runs"])
def test_the_demo_overwrites_nothing(refused, tmp_path, name):
    (tmp_path / name).mkdir()
    assert f"{name} exists already" in refused("demo", "--workspace", tmp_path)


def test_a_file_of_splits_that_names_nothing_that_was_found(refused, raw, tmp_path):
    (tmp_path / "splits.csv").write_text("path,split\nelsewhere/00000.png,train\n")
    arguments = ["--split", tmp_path / "splits.csv", "--detector", "annotation", "--workspace", tmp_path]
    message = refused("prepare", "afew-va", raw, *arguments)
    assert "splits.csv names no path that was found" in message
    assert not (tmp_path / "data" / "afew-va").exists()


def test_a_file_of_splits_as_windows_writes_it(call, raw, tmp_path):
    lines = [f".\\{file.relative_to(raw)},val\n".replace("/", "\\") for file in sorted(raw.rglob("*.png"))]
    (tmp_path / "splits.csv").write_text("path,split\n" + "".join(lines))
    arguments = ["--detector", "annotation", "--size", "32", "--workers", "1", "--workspace", tmp_path]
    assert call("prepare", "afew-va", raw, "--split", tmp_path / "splits.csv", *arguments) == 0
    table = parquet.read(tmp_path / "data" / "afew-va" / "manifest.parquet")
    assert set(table["split"].to_pylist()) == {"val"}


def test_an_annotated_box_is_taken_as_far_as_it_lies_in_the_image(call, raw, tmp_path):
    boxes = {"0": "-20,10,5000,40", "1": "10,-30,60,5000", "2": "9000,9000,50,50", "3": "10,10,40,40"}
    images = sorted(raw.rglob("*.png"))
    (tmp_path / "own").mkdir()
    for name, image in zip(boxes, images, strict=False):
        (tmp_path / "own" / f"{name}.png").write_bytes(image.read_bytes())
    lines = [f"{name}.png,0,0,train,{box}\n" for name, box in boxes.items()]
    (tmp_path / "own" / "labels.csv").write_text("path,valence,arousal,split,x,y,w,h\n" + "".join(lines))
    arguments = ["--detector", "annotation", "--size", "32", "--workers", "1", "--workspace", tmp_path]
    assert call("prepare", "folder", tmp_path / "own", *arguments) == 0
    table = parquet.read(tmp_path / "data" / "folder" / "manifest.parquet").to_pydict()
    width_px, height_px = table["width_px"][0], table["height_px"][0]
    assert table["reason"] == [None, None, "no face found", None]  # outside the image: not annotated
    assert (table["x0"][0], table["x1"][0]) == (0, width_px)
    assert (table["y0"][1], table["y1"][1]) == (0, height_px)
    assert (table["x0"][3], table["x1"][3]) == (10, 50)
