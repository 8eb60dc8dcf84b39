"""A package outside this repository that adds a dataset, detector, backbone, method and exporter."""

import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from elimctl import plugins

ROOT = Path(__file__).parents[2]
POINTS = {
    "datasets": "my-set = my_package.my_set",
    "faces": "my-detector = my_package.my_detector",
    "backbones": "my-net = my_package.my_net",
    "methods": "my-method = my_package.my_method",
    "export": "my-format = my_package.my_format",
}
FILES = {
    "__init__.py": "",
    # a dataset that cannot be drawn: only what is needed
    "my_set.py": """
from elimctl.config import Config
from elimctl.errors import LayoutError
from elimctl.manifest.row import Row


class Options(Config):
    pass


def read(root, options):
    if not (root / "faces").is_dir():
        raise LayoutError(f"{root} has no folder faces", hint="name the folder above it")
    for file in sorted((root / "faces").glob("*.png")):
        person, frame = file.stem.split("_")
        value = (int(person) - 3) / 4
        place = (f"faces/{file.name}", person, person, int(frame))
        yield Row(*place, valence=value, arousal=-value, cropped=True)
""",
    "my_set.toml": """
name = "My set"
title = "Faces of the example"
[labels]
names = ["valence", "arousal"]
shipped = [-1, 1]
scale = 1
""",
    "my_detector.py": """
from elimctl.faces.face import Face


class Middle:
    digest = "the middle of the picture, 1"

    def detect(self, image, annotation=None):
        height, width = image.shape[:2]
        if image.std() == 0:
            return []
        return [Face((width * 0.25, 0.0, width * 0.75, height * 0.5), 1.0, None)]


def build(options):
    return Middle()
""",
    "my_net.py": """
from torch import nn

from elimctl.backbones.backbone import Backbone
from elimctl.backbones.config import one_neck
from elimctl.errors import ConfigError


def build(config):
    one_neck(config)
    if config.pretrained:
        raise ConfigError("my-net has no pretrained weights", hint="leave --pretrained out")
    trunk = nn.Sequential(nn.Conv2d(3, 8, 5, 4), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten())
    return Backbone(trunk, nn.Sequential(nn.Linear(32, config.d), nn.BatchNorm1d(config.d), nn.ReLU()))
""",
    "my_method.py": """
from elimctl.backbones.projector import Projector
from elimctl.methods.regression import RegressionConfig, Regressor, batch_losses, with_total

SAMPLER = "shuffle"


class Config(RegressionConfig):
    pass


class MyMethod(Regressor):
    def losses(self, batch, *, update=0):
        parts = batch_losses(self.project(self.features(batch)), batch.target)
        return with_total(parts, {"va": 1.0, "pcc": 0.5, "ccc": 0.5})


def build(config, backbone):
    return MyMethod(backbone, Projector(backbone.neck[0].out_features, bn=True))
""",
    "my_format.py": """
import gzip
import tempfile
from pathlib import Path

from elimctl import atomic
from elimctl.errors import ExportError, MissingError
from elimctl.export import onnx


def export(model, path, *, image_px, metadata=None):
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / "model.onnx"
        onnx.export(model, plain, image_px=image_px, metadata=metadata)
        atomic.write_bytes(path, gzip.compress(plain.read_bytes()))


def load(path, *, device="cpu"):
    if not path.is_file():
        raise MissingError(f"no exported model {path}", hint="export it")
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / "model.onnx"
        try:
            plain.write_bytes(gzip.decompress(path.read_bytes()))
            return onnx.load(plain, device=device)
        except (EOFError, OSError, ExportError):
            raise ExportError(f"{path} is no export of my-format", hint="export it again") from None
""",
}


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder with the package installed in it."""
    folder = tmp_path / "site"
    (folder / "my_package").mkdir(parents=True)
    for name, text in FILES.items():
        (folder / "my_package" / name).write_text(text)
    info = folder / "my_package-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-package\nVersion: 1.0\n")
    groups = [f"[elimctl.{room}]\n{line}\n" for room, line in POINTS.items()]
    (info / "entry_points.txt").write_text("\n".join(groups))
    return folder


@pytest.fixture
def installed(site: Path, monkeypatch: pytest.MonkeyPatch):
    """The package on the path of this process."""
    monkeypatch.syspath_prepend(str(site))
    caches = (plugins.names, plugins._third_party)
    for cached in caches:
        cached.cache_clear()
    yield
    for cached in caches:
        cached.cache_clear()
    for module in [name for name in sys.modules if name.startswith("my_package")]:
        del sys.modules[module]


@pytest.fixture
def faces(tmp_path: Path) -> Path:
    """Eight people, three pictures each."""
    folder = tmp_path / "raw" / "faces"
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for person in range(8):
        for frame in range(3):
            pixels = rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)
            assert cv2.imwrite(str(folder / f"{person}_{frame}.png"), pixels)
    return folder.parent


@pytest.mark.usefixtures("installed")
def test_all_that_it_adds_works_from_the_raw_folder_to_the_export(call, capsys, faces, tmp_path):
    at = ("--workspace", tmp_path / "work")
    assert (
        call("prepare", "my-set", faces, "--detector", "my-detector", "--size", "64", "--workers", "1", *at)
        == 0
    )
    tiny = ("--set", "model.image_px=64", "--steps", "2", "--batch-size", "8")
    assert call("train", "--backbone", "my-net", "--method", "my-method", *tiny, *at) == 0
    assert call("eval", *at) == 0
    assert call("export", "my-format", *at) == 0
    (run,) = (tmp_path / "work" / "runs").iterdir()
    assert (run / "export" / "model.my-format").is_file()
    record = run / "export" / "model.my-format.json"
    before = record.read_text()
    assert call("export", "onnx", *at) == 0
    assert sorted(file.name for file in record.parent.iterdir()) == [
        *("model.my-format", "model.my-format.json", "model.onnx", "model.onnx.json")
    ]
    assert record.read_text() == before
    capsys.readouterr()
    assert call("datasets", "my-set") == 0
    assert "Faces of the example" in capsys.readouterr().out


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("prepare", "my-set"),
        ("prepare", "my-detector"),
        ("train", "my-net"),
        ("train", "my-method"),
        ("crossval", "my-method"),
        ("export", "my-format"),
    ],
)
def test_help_lists_what_it_adds(call, capsys, command, name):
    assert call(command, "--help") == 0
    assert name in capsys.readouterr().out


@pytest.mark.usefixtures("installed")
def test_a_dataset_that_cannot_be_drawn_says_which_can(refused, tmp_path):
    said = refused("synth", "my-set", tmp_path / "drawn")
    assert "error: no synthetic version of dataset my-set; available: afew-va, " in said
    assert "hint: elimctl synth afew-va " in said
    assert not (tmp_path / "drawn").exists()


@pytest.mark.usefixtures("installed")
def test_an_incomplete_card_is_named_and_breaks_no_other(call, capsys, site):
    (site / "my_package" / "my_set.toml").write_text('name = "My set"\n')
    assert call("datasets") == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "AFEW-VA database" in shown
    assert "its card cannot be read: my_set.toml.title: field required" in shown


def test_the_contract_tests_find_it_and_it_passes(site):
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")])}
    found = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/contracts", "-k", "my-"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stdout[-3000:] + found.stderr[-1000:]
    passed = int(found.stdout.split(" passed")[0].split()[-1])
    assert passed >= 40, found.stdout
