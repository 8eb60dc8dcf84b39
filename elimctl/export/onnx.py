"""Export models as ONNX files, and run them with onnxruntime."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
import torch
from jaxtyping import Float32, UInt8
from onnxruntime import InferenceSession
from torch import nn

from elimctl import atomic
from elimctl.errors import ExportError, MissingError
from elimctl.export import eager
from elimctl.export.metadata import LOGITS
from elimctl.faces.options import Device
from elimctl.faces.providers import open_session

INPUT = "images"
OUTPUT, CLASSES = "valence_arousal", "logits"  # of a regressor, of a classifier
OPSET = 18  # the lowest opset of torch's exporter without conversion; most runtimes read it
MAX_BYTES = onnx.checker.MAXIMUM_PROTOBUF  # of a single file


class Session:
    """A loaded exported model, run by onnxruntime."""

    def __init__(self, session: InferenceSession) -> None:
        self._session = session

    @property
    def metadata(self) -> dict[str, str]:
        """Facts that the model stores."""
        return dict(self._session.get_modelmeta().custom_metadata_map)

    @property
    def image_px(self) -> int:
        """Side of the square input images, px."""
        return int(self._session.get_inputs()[0].shape[-1])

    def __call__(self, images: UInt8[np.ndarray, "B 3 S S"]) -> Float32[np.ndarray, "B c"]:
        """Predict (valence, arousal), not clamped, or logits, for RGB images 0..255 of `image_px`."""
        preds: np.ndarray = self._session.run(None, {INPUT: np.ascontiguousarray(images)})[0]
        return preds


def export(model: nn.Module, path: Path, *, image_px: int, metadata: Mapping[str, str] | None = None) -> None:
    """Write a model (images to predictions, with normalisation) as one ONNX file, atomically.

    The input `images` is uint8 (batch, 3, image_px, image_px) RGB 0..255. The output is `valence_arousal`
    float32 (batch, 2), or `logits` (batch, C). `batch` is free. `metadata` is stored in the file.

    Raises:
        ExportError: the model is too large for a single file, or torch cannot export it.
    """
    reference = eager.reference(model)
    size = sum(tensor.nbytes for tensor in reference.state_dict().values())
    if size >= MAX_BYTES:
        raise ExportError(
            f"the model has {size / 2**30:.1f} GiB of weights; an ONNX file holds less than 2 GiB",
            hint="choose a smaller backbone",
        )
    output = CLASSES if (metadata or {}).get("label_range") == LOGITS else OUTPUT
    graph = _trace(reference, image_px, output)
    _strip(graph)
    onnx.helper.set_model_props(graph, dict(metadata or {}))
    onnx.checker.check_model(graph)
    atomic.write_bytes(path, graph.SerializeToString())


def load(path: Path, *, device: Device = "cpu") -> Session:
    """Load an ONNX file that `export` wrote.

    Raises:
        MissingError: the file does not exist.
        ExportError: the file is damaged, or elimctl did not export it.
        ConfigError: the device does not work.
    """
    if not path.is_file():
        raise MissingError(f"no exported model {path}", hint="run `elimctl export onnx` first")
    content = path.read_bytes()
    try:
        onnx.checker.check_model(content)
    except (onnx.checker.ValidationError, ValueError) as error:
        reason = str(error).strip().partition("\n")[0].rstrip(".")
        raise ExportError(f"{path} is not an ONNX model: {reason}", hint="export it again") from error
    session = open_session(content, device=device, threads=0)
    names = [one.name for one in [*session.get_inputs(), *session.get_outputs()]]
    if names not in ([INPUT, OUTPUT], [INPUT, CLASSES]):
        raise ExportError(
            f"{path} has the inputs and outputs {', '.join(names)}, wanted {INPUT} and {OUTPUT} or {CLASSES}",
            hint="use a file that `elimctl export onnx` wrote",
        )
    return Session(session)


def _trace(model: nn.Module, image_px: int, output: str) -> onnx.ModelProto:
    # two images, because torch treats a batch of one as a constant
    images = torch.zeros(2, 3, image_px, image_px, dtype=torch.uint8)
    try:
        program = torch.onnx.export(
            model,
            (images,),
            input_names=[INPUT],
            output_names=[output],
            dynamic_shapes=({0: torch.export.Dim("batch", min=1)},),
            opset_version=OPSET,
            dynamo=True,
            external_data=False,
            verbose=False,  # True prints progress
        )
    except (torch.onnx.OnnxExporterError, RuntimeError) as error:
        reason = str(error).strip().partition("\n")[0].rstrip(".")
        raise ExportError(
            f"torch cannot export this model: {reason}", hint="choose another backbone"
        ) from error
    assert program is not None
    return program.model_proto


def _strip(graph: onnx.ModelProto) -> None:
    """Remove notes of the exporter, which are large and have paths of this machine."""
    parts = graph.graph
    for part in (parts, *parts.node, *parts.value_info, *parts.input, *parts.output, *parts.initializer):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
