import numpy as np
import pytest

from elimctl.errors import ConfigError
from elimctl.manifest.row import EXPRESSIONS
from elimctl.synthetic.stills import TYPICAL, Still, draw_stills


def _draw(identities: int, images: int, seed: int = 0) -> list[Still]:
    return list(
        draw_stills(
            np.random.default_rng(seed),
            identities=identities,
            images=images,
            identity_shift=0.5,
            width_px=32,
            height_px=32,
        )
    )


@pytest.mark.parametrize(("identities", "validating"), [(1, 0), (2, 1), (3, 1), (4, 1), (8, 2), (9, 2)])
def test_a_quarter_of_the_identities_validates_and_nobody_is_in_both(
    identities: int, validating: int
) -> None:
    stills = _draw(identities, identities)
    assert [still.identity for still in stills] == list(range(identities))
    assert [still.split for still in stills].count("val") == validating


def test_a_face_does_not_change_with_the_number_of_pictures() -> None:
    few, many = _draw(3, 4), _draw(3, 6)
    for a, b in zip(few, many, strict=False):
        np.testing.assert_array_equal(a.drawing.image, b.drawing.image)
        assert (a.valence, a.arousal, a.age) == (b.valence, b.arousal, b.age)
    assert many[0].age == many[3].age
    assert not np.array_equal(many[0].drawing.image, many[3].drawing.image)


def test_the_class_is_the_one_whose_typical_labels_are_nearest() -> None:
    assert len(TYPICAL) == 8
    for still in _draw(6, 12):
        distances = [np.hypot(still.valence - v, still.arousal - a) for v, a in TYPICAL.tolist()]
        assert distances[still.expression] == min(distances)
    assert EXPRESSIONS[int(TYPICAL[:, 0].argmax())] == "happiness"


def test_fewer_pictures_than_identities_are_refused() -> None:
    with pytest.raises(ConfigError, match="2 images cannot show 3 identities"):
        _draw(3, 2)
