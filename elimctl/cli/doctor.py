"""What `elimctl doctor` looks at: one plain function per question, each with its remedy."""

import importlib
import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, metadata, requires, version
from pathlib import Path
from platform import python_version
from types import ModuleType
from typing import TYPE_CHECKING, Literal

import typer

from elimctl.cli import console, options
from elimctl.errors import ElimctlError

if TYPE_CHECKING:
    from packaging.specifiers import SpecifierSet

Status = Literal["ok", "note", "problem"]

OPENCV = (
    "opencv-python",
    "opencv-python-headless",
    "opencv-contrib-python",
    "opencv-contrib-python-headless",
)
TORCH_SET = ("torch", "torchvision", "timm")
GIB = 1 << 30
SCARCE_DISK = 10 * GIB  # 50 000 images of 256 px, the size of AFEW-VA, without compression
FULL_DISK = GIB  # a few checkpoints
SCARCE_MEMORY = 4 * GIB  # torch, a detector and a batch of 128 at 224 px


@dataclass(frozen=True, slots=True)
class Check:
    """The answer to one question.

    Args:
        name: what was looked at.
        status: `ok`; `note`, works but worth knowing; `problem`, must be mended.
        found: what is there.
        remedy: what to do, as one imperative; None if nothing needs doing.
    """

    name: str
    status: Status
    found: str
    remedy: str | None = None


def run(workspace: Path) -> Iterator[Check]:
    """All checks, cheap ones first.

    Args:
        workspace: the folder that holds, or is to hold, `data/` and `runs/`.
    """
    yield python()
    yield packages()
    yield machine()
    yield writable(workspace)
    yield disk(workspace)
    yield opencv()
    yield onnx_runtime()
    torch_set = import_torch_set()
    yield torch_set
    if torch_set.status != "problem":
        yield gpu()
        yield bf16()
        yield imagenet_weights()
    yield centerface()
    yield insightface_packs()


def python() -> Check:
    """Whether this Python is one that the package declares."""
    from packaging.specifiers import SpecifierSet

    try:
        wanted = metadata("elimctl")["Requires-Python"]
    except PackageNotFoundError:
        return Check("python", "problem", "elimctl is not installed as a package", "run pip install .")
    if _fits(python_version(), SpecifierSet(wanted)):
        return Check("python", "ok", python_version())
    remedy = "make a virtual environment with a newer Python, and install elimctl there"
    return Check("python", "problem", f"{python_version()}, wanted {wanted}", remedy)


def packages() -> Check:
    """Whether every package that the package declares is there, in a version that it allows."""
    from packaging.requirements import Requirement

    try:
        declared = [Requirement(line) for line in requires("elimctl") or []]
    except PackageNotFoundError:
        return Check("packages", "problem", "elimctl is not installed as a package", "run pip install .")
    wanted = [one for one in declared if one.marker is None or one.marker.evaluate({"extra": ""})]
    installed = {one.name: _version(one.name) for one in wanted}
    unmet = [one for one in wanted if not _fits(installed[one.name], one.specifier)]
    if not unmet:
        return Check("packages", "ok", f"{len(wanted)} of {len(wanted)} in a version that fits")
    found = "; ".join(f"{one.name} {installed[one.name] or 'missing'}" for one in unmet)
    return Check("packages", "problem", found, "run pip install " + " ".join(f"'{one}'" for one in unmet))


def machine() -> Check:
    """Cores and memory that this process may use."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    size = _memory()
    found = f"{cores} cores, {_gib(size) if size else 'unknown'} of memory"
    if size and size < SCARCE_MEMORY:
        return Check("machine", "note", found, "train with a smaller batch if memory runs out")
    return Check("machine", "ok", found)


def writable(workspace: Path) -> Check:
    """Whether files can be written in the workspace."""
    place = _existing(workspace)
    try:
        with tempfile.TemporaryFile(dir=place):
            pass
    except OSError as error:
        remedy = "choose a folder you may write to with --workspace"
        return Check("workspace", "problem", f"{place}: {(error.strerror or '').lower()}", remedy)
    return Check("workspace", "ok", f"{workspace}" + ("" if place == workspace else ", will be made"))


def disk(workspace: Path) -> Check:
    """Free space where the workspace is."""
    free = shutil.disk_usage(_existing(workspace)).free
    status: Status = "problem" if free < FULL_DISK else "note" if free < SCARCE_DISK else "ok"
    remedy = "free some space, or choose a folder on a larger disk with --workspace"
    return Check("disk", status, f"{_gib(free)} free", None if status == "ok" else remedy)


def opencv() -> Check:
    """Whether the packages that all write `cv2/` are of one version, and what they wrote works."""
    installed = {name: found for name in OPENCV if (found := _version(name))}
    listed = ", ".join(f"{name} {found}" for name, found in installed.items()) or "not installed"
    newest = max(installed.values(), key=_numbers, default="")
    names = " ".join(f"{name}=={newest}" for name in installed) or OPENCV[1]
    remedy = f"run pip install --force-reinstall --no-deps {names}"
    if len(set(installed.values())) > 1:
        return Check("opencv", "problem", f"both write cv2, in different versions: {listed}", remedy)
    module, reason = _imported("cv2")
    if module is None:
        if "libGL" in reason:
            remedy = "install the system's libGL (Debian: apt-get install libgl1)"
        return Check("opencv", "problem", f"cv2 does not import: {reason}", remedy)
    # removing one of the packages takes files from the others and leaves an empty folder behind
    if not hasattr(module, "imdecode"):
        return Check("opencv", "problem", f"cv2 is an empty shell; {listed}", remedy)
    return Check("opencv", "ok", listed)


def onnx_runtime() -> Check:
    """What onnxruntime can run on."""
    module, reason = _imported("onnxruntime")
    if module is None or not hasattr(module, "get_available_providers"):
        found = f"does not import: {reason}" if reason else "an empty shell"
        return Check("onnxruntime", "problem", found, "run pip install --force-reinstall onnxruntime")
    offered = module.get_available_providers()
    names = ", ".join(name.removesuffix("ExecutionProvider") for name in offered)
    found = f"{module.__version__}; {names}"
    if shutil.which("nvidia-smi") and "CUDAExecutionProvider" not in offered:
        remedy = "install onnxruntime-gpu in place of onnxruntime to find faces on the GPU"
        return Check("onnxruntime", "note", found, remedy)
    return Check("onnxruntime", "ok", found)


def import_torch_set() -> Check:
    """Whether torch, torchvision and timm, which must fit each other, import together."""
    for name in TORCH_SET:
        module, reason = _imported(name)
        if module is None:
            found = f"{name} does not import: {reason}"
            remedy = f"run pip install --force-reinstall {' '.join(TORCH_SET)} (one set, from one index)"
            return Check("torch", "problem", found, remedy)
    return Check("torch", "ok", ", ".join(f"{name} {_version(name)}" for name in TORCH_SET))


def gpu() -> Check:
    """The CUDA devices, each tried with one addition."""
    import torch

    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        usable = torch.cuda.is_available()
    if not usable:
        return _no_gpu(cuda_build=torch.version.cuda is not None, warning=heard[0].message if heard else None)
    devices = range(torch.cuda.device_count())
    try:
        for number in devices:
            (torch.zeros(1, device=f"cuda:{number}") + 1).item()
    except RuntimeError as error:
        remedy = "install a torch that was built for this GPU, or free it of other programs"
        return Check("gpu", "problem", f"cuda:{number} does not compute: {_first_line(error)}", remedy)
    return Check("gpu", "ok", "; ".join(_described(number) for number in devices))


def _no_gpu(*, cuda_build: bool, warning: object | None) -> Check:
    """Why torch sees no CUDA device.

    Args:
        cuda_build: whether this torch was built for CUDA.
        warning: what torch said when it looked.
    """
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1")
    if hidden or not shutil.which("nvidia-smi"):
        return Check("gpu", "note", "none; everything runs on the CPU", "expect training to be slow")
    if not cuda_build:
        found = "a driver is installed, but this torch was built without CUDA"
        return Check("gpu", "note", found, "install a torch with CUDA to train on the GPU")
    reason = _first_line(warning) if warning else "it says no more"
    remedy = "update the driver, or install a torch that was built for it"
    return Check("gpu", "problem", f"a driver is installed, but torch cannot use it: {reason}", remedy)


def bf16() -> Check:
    """Whether the CPU multiplies bf16 fast."""
    import torch

    if torch.cpu._is_amx_tile_supported():
        return Check("cpu bf16", "ok", "fast (AMX)")
    if torch.cpu._is_avx512_bf16_supported():
        return Check("cpu bf16", "ok", "fast (AVX-512)")
    return Check("cpu bf16", "note", "slow; the CPU trains in float32", "leave train.precision at auto")


def imagenet_weights() -> Check:
    """ImageNet weights that `--pretrained` finds without a network."""
    import torch
    from huggingface_hub import constants

    hub = Path(constants.HF_HUB_CACHE)
    timm = {file.parents[2].name for file in hub.glob("models--timm--*/snapshots/*/*.safetensors")}
    names = sorted(name.removeprefix("models--").replace("--", "/") for name in timm)
    names += sorted(file.name for file in Path(torch.hub.get_dir(), "checkpoints").glob("*.pth"))
    if names:
        return Check("weights", "ok", ", ".join(names))
    return Check("weights", "note", "no ImageNet weights yet", "have a network at the first --pretrained")


def centerface() -> Check:
    """Whether the default detector loads and is the file that it should be."""
    from elimctl.faces import centerface
    from elimctl.faces.options import DetectorOptions

    try:
        detector = centerface.build(DetectorOptions(device="cpu"))
    except (ElimctlError, ImportError) as error:
        remedy = getattr(error, "hint", None) or "mend the problems above first"
        return Check("centerface", "problem", str(error), remedy)
    return Check("centerface", "ok", f"sha256 {detector.digest[:12]}...")


def insightface_packs() -> Check:
    """Model packs of insightface, which only the detector `scrfd` needs."""
    from elimctl.faces.models import CACHE, DOWNLOAD
    from elimctl.faces.scrfd import PATTERNS

    folder = CACHE.expanduser()
    packs = sorted({file.parent.name for pattern in PATTERNS for file in folder.glob(f"*/{pattern}")})
    if packs:
        return Check("scrfd", "ok", f"packs {', '.join(packs)}")
    return Check("scrfd", "note", f"no pack in {CACHE}", f"to use it, run {DOWNLOAD}")


def _version(name: str) -> str | None:
    """Installed version of a package, None if it is not there."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _fits(installed: str | None, wanted: "SpecifierSet") -> bool:
    return installed is not None and wanted.contains(installed, prereleases=True)


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".") if part.isdigit())


def _imported(name: str) -> tuple[ModuleType | None, str]:
    """A module, or None and why not."""
    try:
        return importlib.import_module(name), ""
    except Exception as error:  # a damaged binary package raises anything: OSError, RuntimeError, SystemError
        return None, _first_line(error)


def _first_line(error: object) -> str:
    return str(error).strip().partition("\n")[0].rstrip(".") or type(error).__name__


def _described(number: int) -> str:
    import torch

    device = torch.cuda.get_device_properties(number)
    return f"{device.name}, {_gib(device.total_memory)}, capability {device.major}.{device.minor}"


def _memory() -> int | None:
    """Bytes of memory for this process: the machine's, or less if its container says so."""
    if not hasattr(os, "sysconf"):
        return None
    size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = Path("/sys/fs/cgroup/memory.max")
    text = limit.read_text(encoding="ascii").strip() if limit.is_file() else "max"
    return min(size, int(text)) if text.isdigit() else size


def _existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that exists."""
    return next(place for place in (folder, *folder.absolute().parents) if place.exists())


def _gib(size: int) -> str:
    return f"{size / GIB:.1f} GiB"


def doctor(as_json: options.Json = False, workspace: options.Workspace = None) -> None:
    """Check versions, hardware, disk and models.

    The exit code is 1 if something must be mended.
    """
    from dataclasses import asdict

    from elimctl import workspace as workspaces

    found = list(run(workspaces.locate(workspace).root))
    problems = sum(check.status == "problem" for check in found)
    if as_json:
        console.show_json({"problems": problems, "checks": [asdict(check) for check in found]})
    else:
        rows = [
            (check.name, check.status, f"{check.found}\n> {check.remedy}" if check.remedy else check.found)
            for check in found
        ]
        console.show_table(("check", "status", "found"), rows)
        console.say(f"{problems} problems" if problems != 1 else "1 problem")
    if problems:
        raise typer.Exit(1)
