"""`elimctl figures` on small runs of a synthetic dataset."""

import json
import shlex
import shutil
from xml.etree import ElementTree

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from elimctl.commands import train as stage
from elimctl.predict import table as tables
from elimctl.recipe import run_config
from elimctl.train import latents
from elimctl.train.loop import fit
from elimctl.workspace import Workspace

OF_AXES = {
    "va_plane",
    "error_map",
    "identity_ccc",
    "calibration",
    "training_curves",
    "timeline_median",
    "timeline_worst",
    "identity_cases",
    "tsne",
    "shift_bars",
    "plan_map",
}
OF_CLASSES = {
    "calibration",
    "confusion_matrix",
    "training_curves",
    "latent_rows",
    "latent_history",
    "uncertainty_rank",
}
DMUE = ["--method", "dmue", "--data", "raf-db", "--backbone", "timm/test_resnet", "--steps", "4"]
DMUE += [
    "--batch-size",
    "16",
    "--set",
    "model.image_px=32",
    "--set",
    "model.neck=fc",
    "--set",
    "data.label_noise=0.2",
]
DMUE += ["--set", "train.latents=4", "--set", "train.eval_every=2"]


@pytest.fixture(scope="module")
def finished(call, tmp_path_factory):
    """Two runs of elim that differ in their identities, and two of dmue that differ in gamma."""
    workspace = tmp_path_factory.mktemp("figures")
    there = ["--detector", "annotation", "--size", "40", "--workspace", workspace]
    drawn = ["--people", "6", "--clips", "12", "--frames", "6", "--set", "synth.width_px=120"]
    raw = workspace / "raw"
    assert call("synth", "afew-va", raw / "afew-va", *drawn, "--set", "synth.height_px=96") == 0
    assert call("prepare", "afew-va", raw / "afew-va", "--identity", "actor", *there) == 0
    assert call("synth", "raf-db", raw / "raf-db", "--people", "24", "--clips", "24", "--frames", "3") == 0
    assert call("prepare", "raf-db", raw / "raf-db", *there) == 0
    place = ["--workspace", workspace]
    quick = ["--data", "afew-va", "--backbone", "timm/test_resnet", "--steps", "4", "--batch-size", "12"]
    quick += ["--set", "model.image_px=32", "--set", "train.identities_per_batch=4"]
    quick += ["--set", "train.lr_backbone=1e-3"]
    for name, count in (("few", 4), ("many", 5)):
        most = ["--set", f"train.max_identities={count}"]
        assert call("train", *quick, *most, "--run", name, *place) == 0
    for name, gamma in (("with", 1000), ("without", 0)):
        assert call("train", *DMUE, "--set", f"method.gamma={gamma}", "--run", name, *place) == 0
    for name in ("few", "many", "with", "without"):
        assert call("eval", "--run", name, "--split", "all", *place) == 0
    return workspace


def index(folder):
    return json.loads((folder / "index.json").read_text())


def test_every_figure_of_valence_and_arousal_is_drawn_and_says_what_it_shows(call, finished, capsys):
    assert call("figures", "few", "--split", "all", "--workspace", finished) == 0
    folder = finished / "runs" / "few" / "figures" / "all"
    found = index(folder)
    assert {made["name"] for made in found["made"]} == OF_AXES
    assert found["command"] == "elimctl figures few --split all"
    assert found["skipped"]["confusion_matrix"] == "the run learns valence and arousal, not classes"
    assert "has no latent distributions" in found["skipped"]["latent_rows"]
    for made in found["made"]:
        png, svg = (folder / file for file in made["files"])
        with Image.open(png) as image:
            assert image.text["Description"] == made["alt"]
            assert min(image.size) > 200
        assert ElementTree.parse(svg).getroot().attrib["role"] == "img"
    said = capsys.readouterr()
    assert "not drawn" in said.out
    assert f"{len(OF_AXES)} figures in" in said.err


def test_every_figure_of_classes_is_drawn(call, finished):
    assert call("figures", "with", "--split", "all", "--workspace", finished) == 0
    found = index(finished / "runs" / "with" / "figures" / "all")
    assert {made["name"] for made in found["made"]} == OF_CLASSES
    assert found["skipped"]["va_plane"] == "the run learns classes, not valence and arousal"


def test_several_runs_are_drawn_one_by_one_and_together(call, finished, tmp_path):
    runs = ["few", "many", "with", "without"]
    wanted = ["--only", "loss_comparison", "--only", "identity_sweep", "--only", "training_curves"]
    call("figures", *runs, "--split", "all", "--out", tmp_path, *wanted, "--workspace", finished)
    assert {folder.name for folder in tmp_path.iterdir() if folder.is_dir()} == set(runs)
    assert (tmp_path / "many" / "training_curves.png").is_file()
    together = index(tmp_path)
    assert [made["name"] for made in together["made"]] == ["loss_comparison"]
    assert "learns classes" in together["skipped"]["identity_sweep"]
    call("figures", "few", "many", "--split", "all", "--only", "identity_sweep", "--workspace", finished)
    [made] = index(finished / "figures" / "all")["made"]
    assert made["name"] == "identity_sweep"
    assert "with 4" in made["alt"]
    assert "with 5" in made["alt"]


def test_the_index_keeps_what_the_same_command_drew_before(call, finished, tmp_path):
    arguments = ["figures", "few", "--split", "all", "--out", tmp_path, "--workspace", finished, "--only"]
    for name in ("va_plane", "confusion_matrix", "error_map", "va_plane"):
        call(*arguments, name)
    assert [made["name"] for made in index(tmp_path)["made"]] == ["va_plane", "error_map"]
    assert set(index(tmp_path)["skipped"]) == {"confusion_matrix"}
    (tmp_path / "index.json").write_text("{")
    call(*arguments, "error_map", "--faces")
    assert [made["name"] for made in index(tmp_path)["made"]] == ["error_map"]
    assert index(tmp_path)["command"].endswith("--faces")


def test_figures_on_a_dark_ground_leave_light_ones_where_they_are(call, finished, tmp_path):
    arguments = ["figures", "few", "--split", "all", "--only", "va_plane", "--out", tmp_path]
    assert call(*arguments, "--workspace", finished) == 0
    light = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    assert call(*arguments, "--dark", "--workspace", finished) == 0
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir() if file.is_file()} == light
    assert {file.name for file in (tmp_path / "dark").iterdir()} == set(light)
    assert index(tmp_path / "dark")["command"].endswith("--dark")


def test_pairs_of_identities_can_be_chosen(call, finished, tmp_path, capsys):
    arguments = ["figures", "few", "--split", "all", "--only", "shift_bars", "--only", "plan_map"]
    arguments += ["--out", tmp_path, "--workspace", finished]
    names = tables.read(finished / "runs" / "few" / "eval" / "all.parquet").identities.names
    chosen = [f"{names[3]}:{names[1]}", f"{names[0]}:{names[3]}"]
    assert call(*arguments, "--pair", chosen[0], "--pair", chosen[1]) == 0
    bars, plan = index(tmp_path)["made"]
    for reference, goal in ((3, 1), (0, 3)):
        assert f"{names[reference]} to {names[goal]}: mean" in bars["alt"]
    assert plan["title"] == f"Transport plan from {names[3]} to {names[1]}"
    assert shlex.split(index(tmp_path)["command"])[-4:] == ["--pair", chosen[0], "--pair", chosen[1]]
    capsys.readouterr()
    assert call(*arguments, "--pair", f"{names[0]}x:{names[1]}") == 1
    said = capsys.readouterr().err
    assert f"no identity '{names[0]}x' in the split" in said
    assert f"hint: write {names[0]!r} or " in said
    assert call("figures", "with", "--split", "all", "--pair", "a:b", "--workspace", finished) == 1
    assert "the run learns classes" in capsys.readouterr().err


@pytest.mark.parametrize(("damage", "spoilt"), [("eval/all.smoothing.json", 0), ("metrics.csv", 1)])
def test_a_damaged_file_is_named_and_the_other_figures_are_drawn(call, finished, tmp_path, damage, spoilt):
    shutil.copytree(finished / "runs" / "few", tmp_path / "runs" / "few")
    file = tmp_path / "runs" / "few" / damage
    file.write_bytes(b"\xff\xfe")
    names = ["timeline_median", "training_curves", "va_plane"]
    arguments = [part for name in names for part in ("--only", name)] + ["--workspace", tmp_path]
    assert call("figures", "few", "--split", "all", *arguments, "--out", tmp_path / "out") == 0
    found = index(tmp_path / "out")
    assert f"{file} is damaged: " in found["skipped"][names.pop(spoilt)]
    assert {made["name"] for made in found["made"]} == set(names)


def test_a_long_name_does_not_fill_the_table(call, finished, tmp_path, capsys):
    shutil.copytree(finished / "runs" / "few", tmp_path / "runs" / "few")
    path = tmp_path / "runs" / "few" / "eval" / "all.parquet"
    table = pq.read_table(path)
    place = table.schema.get_field_index("clip")
    names = pa.array([5000 * "x" + name for name in table["clip"].to_pylist()])
    field = table.schema.field(place)
    pq.write_table(table.set_column(place, field, names.cast(field.type)), path)
    arguments = ["--split", "all", "--only", "timeline_worst", "--workspace", tmp_path]
    assert call("figures", "few", *arguments) == 0
    assert 0 < capsys.readouterr().out.count("x") < 300


def test_figures_drawn_again_are_the_same_bytes(call, finished, tmp_path):
    for folder in ("first", "second"):
        names = ["--only", "tsne", "--only", "plan_map", "--only", "va_plane"]
        arguments = ["figures", "few", "--split", "all", *names, "--workspace", finished]
        assert call(*arguments, "--out", tmp_path / folder) == 0
    files = sorted(file.name for file in (tmp_path / "first").iterdir())
    assert len(files) == 7
    for file in files:
        assert (tmp_path / "first" / file).read_bytes() == (tmp_path / "second" / file).read_bytes(), file


def test_smoothed_predictions_are_in_the_timelines_once_a_window_was_chosen(call, finished, tmp_path):
    eval_folder = finished / "runs" / "few" / "eval"
    noted = {"protocol": json.loads(pq.read_schema(eval_folder / "all.parquet").metadata[b"protocol"])}
    noted["smoothing"] = {"window": 3, "step": 1}
    arguments = ["figures", "few", "--split", "all", "--only", "timeline_median", "--workspace", finished]
    sizes = {}
    for window in (1, 3):
        noted["smoothing"]["window"] = window
        (eval_folder / "all.smoothing.json").write_text(json.dumps(noted))
        assert call(*arguments, "--out", tmp_path) == 0
        sizes[window] = len((tmp_path / "timeline_median.svg").read_bytes())
    (eval_folder / "all.smoothing.json").unlink()
    assert sizes[3] > sizes[1]


def test_faces_are_shown_only_where_that_is_asked_for(call, finished, tmp_path):
    for flags in ([], ["--faces"]):
        arguments = ["figures", "few", "--split", "all", "--only", "plan_map", "--workspace", finished]
        assert call(*arguments, *flags, "--out", tmp_path) == 0
        images = (tmp_path / "plan_map.svg").read_text().count("<image")
        # the heat map is one image, each row of faces another
        assert images == (3 if flags else 1)
    assert index(tmp_path)["command"].endswith("--faces")


def test_what_a_run_lacks_is_said_and_the_rest_is_drawn(call, finished, tmp_path):
    workspace = tmp_path / "workspace"
    shutil.copytree(finished / "runs" / "few", workspace / "runs" / "few")
    shutil.copytree(finished / "data" / "afew-va", workspace / "data" / "afew-va")
    run = workspace / "runs" / "few"
    shutil.rmtree(run / "checkpoints")
    shutil.rmtree(workspace / "data" / "afew-va" / "features", ignore_errors=True)
    assert call("figures", "few", "--split", "all", "--workspace", workspace) == 0
    found = index(run / "figures" / "all")
    assert {made["name"] for made in found["made"]} == OF_AXES - {"tsne", "shift_bars", "plan_map"}
    assert "no checkpoint yet" in found["skipped"]["tsne"]
    table = pq.read_table(run / "eval" / "all.parquet")
    broken = table["valence_pred"].to_numpy().copy()
    broken[3] = np.nan
    place = table.schema.get_field_index("valence_pred")
    pq.write_table(
        table.set_column(place, table.schema.field(place), pa.array(broken)), run / "eval" / "all.parquet"
    )
    assert call("figures", "few", "--split", "all", "--workspace", workspace) == 0
    found = index(run / "figures" / "all")
    assert {made["name"] for made in found["made"]} == {"training_curves"}
    assert "not finite" in found["skipped"]["va_plane"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["few", "--only", "nose"], "no figure 'nose'; there are: va_plane"),
        (["nobody"], "no run 'nobody'"),
        (["few", "--only", "identity_sweep"], "identity_sweep: these figures need several runs"),
        (["few", "--only", "va_plane"], "no predictions"),  # of val: only all was scored
        (["with", "--split", "all", "--only", "va_plane"], "the run learns classes"),
    ],
)
def test_what_cannot_be_drawn_is_an_error(call, finished, tmp_path, capsys, arguments, said):
    assert call("figures", *arguments, "--out", tmp_path, "--workspace", finished) == 1
    assert said in capsys.readouterr().err


def test_a_resumed_run_has_watched_what_an_uninterrupted_one_has(finished):
    workspace = Workspace(finished)
    values = {
        "data": {"name": "raf-db", "label_noise": 0.2},
        "model": {"name": "timm/test_resnet", "image_px": 32, "neck": "fc"},
        "method": {"name": "dmue"},
        "train": {"steps": 4, "batch_size": 16, "eval_every": 1, "checkpoint_every": 2, "latents": 4},
    }
    whole = stage.start(workspace, run_config(values), name="watched-whole")
    list(fit(whole))
    killed = fit(stage.start(workspace, run_config(values), name="watched-killed"))
    assert [next(killed).step for _ in range(3)] == [1, 2, 3]  # one step after the last checkpoint
    killed.close()
    resumed = stage.resume(workspace, name="watched-killed")
    list(fit(resumed))
    for file in (latents.NAME, "metrics.csv"):
        assert (resumed.run.folder / file).read_bytes() == (whole.run.folder / file).read_bytes()
    history = latents.read(whole.run.folder / latents.NAME)
    assert history.step.tolist() == [1, 2, 3, 4]
    np.testing.assert_allclose(history.latent.sum(axis=2), 1, rtol=1e-5)


def test_watching_a_method_without_latent_distributions_is_refused(call, finished, capsys):
    arguments = ["--data", "afew-va", "--set", "train.latents=2", "--backbone", "timm/test_resnet"]
    arguments += ["--set", "model.image_px=32", "--set", "train.identities_per_batch=4"]
    arguments += ["--run", "refused", "--workspace", finished]
    assert call("train", *arguments) == 1
    assert "train.latents with elim, which has no latent distributions" in capsys.readouterr().err
    assert not (finished / "runs" / "refused" / "run.json").exists()
