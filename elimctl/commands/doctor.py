"""Checks of the installation, one function each, with a remedy for each problem."""

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

from elimctl.errors import ElimctlError

if TYPE_CHECKING:
    from packaging.specifiers import SpecifierSet

Status = Literal["ok", "note", "problem"]

KINDS = ("python", "python-headless", "contrib-python", "contrib-python-headless")
OPENCV = tuple(f"opencv-{kind}" for kind in KINDS)
TORCH_SET = ("torch", "torchvision", "timm")
GIB = 1 << 30
SCARCE_DISK = 10 * GIB  # 50 000 images of 256 px, the size of AFEW-VA, without compression
FULL_DISK = GIB  # a few checkpoints
SCARCE_MEMORY = 4 * GIB  # torch, a detector and a batch of 128 at 224 px


@dataclass(frozen=True, slots=True)
class Check:
    """The result of one check.

    Args:
        name: subject of the check.
        status: `ok`, `note` (works, with a limit) or `problem` (must be fixed).
        found: the present state.
        remedy: one action; None if nothing needs doing.
    """

    name: str
    status: Status
    found: str
    remedy: str | None = None


def run(workspace: Path) -> Iterator[Check]:
    """Run all checks on the machine and the workspace, cheap ones first."""
    yield from (python(), packages(), machine(), writable(workspace), disk(workspace))
    yield from (opencv(), onnx_runtime())
    torch_set = import_torch_set()
    yield torch_set
    if torch_set.status != "problem":
        yield gpu()
        yield bf16()
        yield imagenet_weights()
    yield centerface()
    yield insightface_packs()


def python() -> Check:
    """Check the version of Python."""
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
    """Check that every required package is installed in an allowed version."""
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
    """Report the cores and memory that this process may use."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    size = _memory()
    found = f"{cores} cores, {_gib(size) if size else 'unknown'} of memory"
    if size and size < SCARCE_MEMORY:
        return Check("machine", "note", found, "train with a smaller batch if memory runs out")
    return Check("machine", "ok", found)


def writable(workspace: Path) -> Check:
    """Check that the workspace is writable."""
    place = _existing(workspace)
    try:
        with tempfile.TemporaryFile(dir=place):
            pass
    except OSError as error:
        remedy = "choose a folder you may write to with --workspace"
        return Check("workspace", "problem", f"{place}: {(error.strerror or '').lower()}", remedy)
    return Check("workspace", "ok", f"{workspace}" + ("" if place == workspace else ", does not exist yet"))


def disk(workspace: Path) -> Check:
    """Check the free space of the workspace's disk."""
    free = shutil.disk_usage(_existing(workspace)).free
    status: Status = "problem" if free < FULL_DISK else "note" if free < SCARCE_DISK else "ok"
    remedy = "free some space, or choose a folder on a larger disk with --workspace"
    return Check("disk", status, f"{_gib(free)} free", None if status == "ok" else remedy)


def opencv() -> Check:
    """Check that the OpenCV packages, which all write `cv2/`, have one version and import."""
    from packaging.version import Version

    installed = {name: found for name in OPENCV if (found := _version(name))}
    listed = ", ".join(f"{name} {found}" for name, found in installed.items()) or "not installed"
    newest = max(installed.values(), key=Version, default="")
    names = " ".join(f"{name}=={newest}" for name in installed) or OPENCV[1]
    remedy = f"run pip install --force-reinstall --no-deps {names}"
    if len(set(installed.values())) > 1:
        return Check("opencv", "problem", f"several versions write cv2: {listed}", remedy)
    module, reason = _imported("cv2")
    if module is None:
        if "libGL" in reason:
            remedy = "install the system's libGL (Debian: apt-get install libgl1)"
        return Check("opencv", "problem", f"cv2 does not import: {reason}", remedy)
    # removing one of the packages takes files from the others and leaves an empty folder behind
    if not hasattr(module, "imdecode"):
        return Check("opencv", "problem", f"cv2 is empty; installed: {listed}", remedy)
    return Check("opencv", "ok", listed)


def onnx_runtime() -> Check:
    """Report the devices that onnxruntime can run on."""
    module, reason = _imported("onnxruntime")
    if module is None or not hasattr(module, "get_available_providers"):
        reason = reason or "the module is empty"
        return Check("onnxruntime", "problem", reason, "run pip install --force-reinstall onnxruntime")
    offered = module.get_available_providers()
    names = ", ".join(name.removesuffix("ExecutionProvider") for name in offered)
    found = f"{module.__version__}; {names}"
    if shutil.which("nvidia-smi") and "CUDAExecutionProvider" not in offered:
        remedy = "to detect faces on the GPU, replace onnxruntime by onnxruntime-gpu"
        return Check("onnxruntime", "note", found, remedy)
    return Check("onnxruntime", "ok", found)


def import_torch_set() -> Check:
    """Check that torch, torchvision and timm import together."""
    for name in TORCH_SET:
        module, reason = _imported(name)
        if module is None:
            found = f"{name} does not import: {reason}"
            remedy = f"run pip install --force-reinstall {' '.join(TORCH_SET)} (all from one index)"
            return Check("torch", "problem", found, remedy)
    return Check("torch", "ok", ", ".join(f"{name} {_version(name)}" for name in TORCH_SET))


def gpu() -> Check:
    """Check each CUDA device with one addition."""
    import torch

    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        usable = torch.cuda.is_available()
    if not usable:
        return _no_gpu(cuda_build=torch.version.cuda is not None, warning=heard[0].message if heard else None)
    found = []
    for number in range(torch.cuda.device_count()):
        try:
            (torch.zeros(1, device=f"cuda:{number}") + 1).item()
        except RuntimeError as error:
            remedy = "install a torch build for this GPU, or stop other programs on it"
            return Check("gpu", "problem", f"cuda:{number} does not compute: {_first_line(error)}", remedy)
        device = torch.cuda.get_device_properties(number)
        found.append(f"{device.name}, {_gib(device.total_memory)}, capability {device.major}.{device.minor}")
    return Check("gpu", "ok", "; ".join(found))


def _no_gpu(*, cuda_build: bool, warning: object | None) -> Check:
    """Explain why torch sees no CUDA device; `warning` is its own message, if any."""
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1")
    if hidden or not shutil.which("nvidia-smi"):
        return Check("gpu", "note", "none; training runs on the CPU", "expect training to be slow")
    if not cuda_build:
        return Check("gpu", "note", "this torch was built without CUDA", "install a torch with CUDA")
    reason = _first_line(warning) if warning else "no reason given"
    remedy = "update the driver, or install a torch build that fits it"
    return Check("gpu", "problem", f"a driver is installed, but torch cannot use it: {reason}", remedy)


def bf16() -> Check:
    """Check whether the CPU multiplies bf16 fast."""
    import torch

    if torch.cpu._is_amx_tile_supported():
        return Check("cpu bf16", "ok", "fast (AMX)")
    if torch.cpu._is_avx512_bf16_supported():
        return Check("cpu bf16", "ok", "fast (AVX-512)")
    return Check("cpu bf16", "note", "slow; the CPU trains in float32", "leave train.precision at auto")


def imagenet_weights() -> Check:
    """List the ImageNet weights that `--pretrained` finds offline."""
    import torch
    from huggingface_hub import constants

    hub = Path(constants.HF_HUB_CACHE)
    timm = {file.parents[2].name for file in hub.glob("models--timm--*/snapshots/*/*.safetensors")}
    names = sorted(name.removeprefix("models--").replace("--", "/") for name in timm)
    names += sorted(file.name for file in Path(torch.hub.get_dir(), "checkpoints").glob("*.pth"))
    if names:
        return Check("weights", "ok", ", ".join(names))
    remedy = "connect to the network for the first --pretrained"
    return Check("weights", "note", "no ImageNet weights in the cache", remedy)


def centerface() -> Check:
    """Check that the default detector loads and has the expected hash."""
    from elimctl.faces import centerface
    from elimctl.faces.options import DetectorOptions

    try:
        detector = centerface.build(DetectorOptions(device="cpu"))
    except (ElimctlError, ImportError) as error:
        remedy = getattr(error, "hint", None) or "fix the problems above first"
        return Check("centerface", "problem", str(error), remedy)
    return Check("centerface", "ok", f"sha256 {detector.digest[:12]}...")


def insightface_packs() -> Check:
    """List the model packs of insightface, which only the detector `scrfd` needs."""
    from elimctl.faces.models import CACHE, DOWNLOAD
    from elimctl.faces.scrfd import PATTERNS

    folder = CACHE.expanduser()
    packs = sorted({file.parent.name for pattern in PATTERNS for file in folder.glob(f"*/{pattern}")})
    if packs:
        return Check("scrfd", "ok", f"packs {', '.join(packs)}")
    return Check("scrfd", "note", f"no pack in {CACHE}", f"to use it, run {DOWNLOAD}")


def _version(name: str) -> str | None:
    """Installed version of a package; None if it is missing."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _fits(installed: str | None, wanted: "SpecifierSet") -> bool:
    return installed is not None and wanted.contains(installed, prereleases=True)


def _imported(name: str) -> tuple[ModuleType | None, str]:
    """A module, or None with the reason."""
    try:
        return importlib.import_module(name), ""
    except Exception as error:  # a damaged binary package raises anything: OSError, RuntimeError, SystemError
        return None, _first_line(error)


def _first_line(error: object) -> str:
    return str(error).strip().partition("\n")[0].rstrip(".") or type(error).__name__


def _memory() -> int | None:
    """Bytes of memory for this process: the machine's, or the limit of its container."""
    if not hasattr(os, "sysconf"):
        return None
    size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = Path("/sys/fs/cgroup/memory.max")
    text = limit.read_text(encoding="ascii").strip() if limit.is_file() else "max"
    return min(size, int(text)) if text.isdigit() else size


def _existing(folder: Path) -> Path:
    """The folder or its nearest existing parent."""
    return next(place for place in (folder, *folder.absolute().parents) if place.exists())


def _gib(size: int) -> str:
    return f"{size / GIB:.1f} GiB"
