"""ELIM-Attention: ELIM whose identity shifts come from a small attention block instead of transport.

Source: Kim & Song 2022, appendix section 4.3 and appendix Table 1.
"""

from typing import Annotated, Any, Literal

from jaxtyping import Bool, Float
from pydantic import Field, field_validator
from torch import Tensor, nn

from elimctl.backbones.backbone import Backbone
from elimctl.backbones.projector import Projector
from elimctl.errors import ConfigError
from elimctl.methods import elim
from elimctl.methods.attention_blocks import CrossAttention, ReferenceAttention
from elimctl.methods.regression import feature_widths
from elimctl.transport.precision import full_precision
from elimctl.transport.shift import share

SAMPLER, MATCHES = elim.SAMPLER, elim.MATCHES
# the settings of ELIM that say something here; the others are about transport
KEPT = (
    "lambda_va",
    "lambda_correlation",
    "shift",
    "update",
    "lambda_main",
    "warmup",
    "projector_bn",
    "include_reference",
    "reference",
    "samples_per_identity",
    "sampling",
    "divide_spread",
)


class Config(elim.Config):
    """Settings of ELIM-Attention: those of ELIM that are not about transport, and the attention's."""

    attention: Literal["cross", "reference"] = "cross"  # reference: the block of the reference code; C.1
    heads: Annotated[int, Field(ge=1)] = 8  # of each attention; C.1

    @field_validator("*")
    @classmethod
    def _not_transport(cls, value: Any, field: Any) -> Any:  # ValidationInfo cannot be checked at run time
        inherited = elim.Config.model_fields.get(field.field_name)
        if inherited is not None and field.field_name not in KEPT and value != inherited.default:
            raise ValueError("is not used by elim-attention, which replaces transport by attention")
        return value


class ElimAttention(elim.Elim):
    """ELIM with shifts that are learnt.

    The gradient flows through the shifts: L_main is all that the attention learns from. Inference does
    without it.

    Args:
        config: the method's settings.
        backbone: normalised images to features.
        projector: features to (valence, arousal).
        attention: features of N identities, the reference first, and their mask to shifts of the others.
    """

    # an update without L_main, for want of groups or since updates alternate, does not reach the attention
    every_parameter = False

    def __init__(
        self, config: Config, backbone: Backbone, projector: Projector, attention: nn.Module
    ) -> None:
        super().__init__(config, backbone, projector)
        self.attention = attention

    @full_precision
    def shifts(self, features: Float[Tensor, "N k d"], mask: Bool[Tensor, "N k"]) -> Float[Tensor, "T k"]:
        """Identity shifts of the target samples, T = N - 1.

        Args:
            features: features of N identities, the reference first, zeros at padding.
            mask: True at real samples.

        Returns:
            mu, with a gradient; 0 at padding unless shared.

        Source: Kim & Song 2022, appendix section 4.3; decision C.1.
        """
        return share(self.attention(features, mask), mask[1:], among=self.config.shift)

    def parameter_groups(self) -> dict[str, list[nn.Parameter]]:
        """As of ELIM, and `attention`, which learns at the backbone's rate (decision C.1)."""
        return {**super().parameter_groups(), "attention": list(self.attention.parameters())}


def build(config: Config, backbone: Backbone) -> ElimAttention:
    """Build ELIM-Attention on a backbone, all as wide as the backbone's features.

    Raises:
        ConfigError: the heads do not divide that width.
    """
    _, d = feature_widths(backbone.neck)
    if d % config.heads:
        raise ConfigError(
            f"method.heads = {config.heads} does not divide features of width model.d = {d}",
            hint=f"set method.heads to a divisor of {d}",
        )
    # first: with a seed and the library's weights it starts as ELIM's does
    projector = Projector(d, bn=config.projector_bn != "none")
    block = CrossAttention if config.attention == "cross" else ReferenceAttention
    return ElimAttention(config, backbone, projector, block(d, heads=config.heads))
