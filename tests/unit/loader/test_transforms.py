import os
import pickle
import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import albumentations
import cv2
import numpy as np
import pytest

from elimctl.errors import ConfigError
from elimctl.loader.transforms import Transforms

CROP_PX = 24
MANY = [
    {"transform": "ColorJitter", "p": 0.8, "brightness": 0.4},
    {"transform": "OneOf", "p": 0.7, "transforms": [{"transform": "Blur"}, {"transform": "GaussNoise"}]},
    {"transform": "Affine", "rotate": [-20, 20]},
]


def crops(count=12):
    drawn = np.random.default_rng(0).integers(0, 256, (count, 3, 3, 3), dtype=np.uint8)
    return np.stack([cv2.resize(each, (CROP_PX, CROP_PX)) for each in drawn])


def made(transforms, index, *, images=None, seed=1, epoch=0):
    """Transformed copies of one crop, or of those given."""
    index = np.asarray(index)
    out = np.repeat(crops(1), len(index), 0) if images is None else images.copy()
    transforms(out, index, seed=seed, epoch=epoch)
    return out


def test_a_transform_is_applied_to_every_crop_in_its_place():
    transforms = Transforms([{"transform": "InvertImg", "p": 1.0}], crop_px=CROP_PX)
    np.testing.assert_array_equal(made(transforms, range(12), images=crops()), 255 - crops())


def test_without_tables_nothing_changes():
    np.testing.assert_array_equal(made(Transforms([], crop_px=CROP_PX), range(12), images=crops()), crops())


def test_transforms_come_in_their_order_and_may_pass_through_other_sizes_and_types():
    tables = [
        {"transform": "ToFloat", "p": 1.0},
        {"transform": "Resize", "height": 48, "width": 48, "interpolation": cv2.INTER_NEAREST, "p": 1.0},
        {"transform": "CenterCrop", "height": CROP_PX, "width": CROP_PX, "p": 1.0},
        {"transform": "FromFloat", "dtype": "uint8", "p": 1.0},
    ]
    found = made(Transforms(tables, crop_px=CROP_PX), [0])[0]
    quarter = slice(CROP_PX // 4, CROP_PX * 3 // 4)
    np.testing.assert_array_equal(found, crops(1)[0][quarter, quarter].repeat(2, 0).repeat(2, 1))


def test_what_becomes_of_a_sample_depends_on_seed_epoch_and_row_alone():
    transforms = Transforms(MANY, crop_px=CROP_PX)
    whole = made(transforms, range(12), images=crops(), epoch=3)
    order = [7, 2, 11]
    fresh = Transforms(MANY, crop_px=CROP_PX)
    np.testing.assert_array_equal(made(fresh, order, images=crops()[order], epoch=3), whole[order])


def test_seeds_epochs_and_rows_give_other_draws():
    transforms = Transforms(MANY, crop_px=CROP_PX)
    drawn = [made(transforms, [5]), made(transforms, [6])]
    drawn += [made(transforms, [5], seed=2), made(transforms, [5], epoch=1)]
    assert len({each.tobytes() for each in drawn}) == 4


def test_threads_may_share_transforms():
    transforms = Transforms(MANY, crop_px=CROP_PX)
    wanted = [made(transforms, range(12), images=crops(), epoch=epoch) for epoch in range(16)]
    with ThreadPoolExecutor(8) as pool:
        found = pool.map(lambda epoch: made(transforms, range(12), images=crops(), epoch=epoch), range(16))
        for one, other in zip(found, wanted, strict=True):
            np.testing.assert_array_equal(one, other)


def test_transforms_that_were_pickled_do_the_same():
    transforms = Transforms(MANY, crop_px=CROP_PX)
    made(transforms, [3])
    sent = pickle.loads(pickle.dumps(transforms))
    np.testing.assert_array_equal(made(sent, range(12)), made(transforms, range(12)))


def test_transforms_occur_independently_of_each_other():
    tables = [{"transform": "InvertImg", "p": 0.5}, {"transform": "HorizontalFlip", "p": 0.5}]
    found = made(Transforms(tables, crop_px=CROP_PX), range(400))
    [crop] = crops(1)
    kinds = [crop, 255 - crop, crop[:, ::-1], 255 - crop[:, ::-1]]
    counts = [sum(np.array_equal(each, kind) for each in found) for kind in kinds]
    assert sum(counts) == 400
    assert min(counts) > 56  # 5 standard deviations below 400 / 4


def test_one_of_several_follows_the_seed_and_takes_each_in_turn():
    choice = {"transform": "OneOf", "p": 1.0}
    choice["transforms"] = [{"transform": "InvertImg"}, {"transform": "VerticalFlip"}]
    found = made(Transforms([choice], crop_px=CROP_PX), range(100))
    [crop] = crops(1)
    inverted = sum(np.array_equal(each, 255 - crop) for each in found)
    flipped = sum(np.array_equal(each, crop[::-1]) for each in found)
    assert inverted + flipped == 100
    assert min(inverted, flipped) > 25  # 5 standard deviations below 100 / 2


def test_every_transform_that_fits_follows_the_seed_and_no_global_source():
    """What albumentations promises: it holds for the release that is installed."""
    tried = 0
    for name in dir(albumentations):
        with suppress(ConfigError):
            transforms = Transforms([{"transform": name, "p": 1.0}], crop_px=CROP_PX)
            found = []
            for history in (1, 2):
                random.seed(history)
                np.random.seed(history)
                cv2.setRNGSeed(history)
                before = random.getstate(), np.random.get_state()[1].tolist()
                found.append(made(transforms, [4]))
                assert before == (random.getstate(), np.random.get_state()[1].tolist()), name
            np.testing.assert_array_equal(*found, err_msg=name)
            tried += 1
    assert tried > 60


@pytest.mark.parametrize(
    ("table", "message", "hint"),
    [
        ({"transform": "ColourJitter"}, r"transforms\[0\]: 'ColourJitter' is no transform", "'ColorJitter'"),
        ({"transform": "gaussnoise"}, "'gaussnoise' is no transform", "'GaussNoise'"),
        ({"transform": "BboxParams"}, "'BboxParams' is something else than a transform", ""),
        ({"transform": "ImageOnlyTransform"}, "ImageOnlyTransform cannot be applied to a crop", ""),
        ({"name": "Blur"}, r"\{'name': 'Blur'\}, a table with the name of a transform wanted", "transform ="),
        ({"transform": "OneOf", "transforms": ["Blur"]}, r"\[0\] is 'Blur', a table", "transform ="),
        ({"transform": 3}, "a table with the name of a transform wanted", "transform ="),
        ({"transform": "ColorJitter", "brigthness": 0.2}, "unknown argument 'brigthness'", "'brightness'"),
        ({"transform": "Blur", "zzz": 0.2}, "unknown argument 'zzz'", "leave out 'zzz'"),
        ({"transform": "Blur", "transforms": []}, "unknown argument 'transforms'", ""),
        ({"transform": "ColorJitter", "brightness": "much"}, "brightness.*found 'much'", "saturation"),
        ({"transform": "Resize"}, "height: Field required", "height"),
        ({"transform": "Blur", "p": 1.5}, "p is 1.5, a probability wanted", "0..1"),
        ({"transform": "OneOf", "p": "half", "transforms": [{"transform": "Blur"}]}, "p is 'half'", "0..1"),
        ({"transform": "OneOf", "p": 1.0}, "transforms is None, a list of tables wanted", "write transforms"),
        ({"transform": "OneOf", "transforms": "Blur"}, "a list of tables wanted", "write transforms"),
        (
            {"transform": "OneOf", "transforms": [{"transform": "Blur"}, {"transform": "Blurr"}]},
            r"transforms\[0\]\.transforms\[1\]: 'Blurr'",
            "'Blur'",
        ),
        ({"transform": "SomeOf", "n": 3, "transforms": [{"transform": "Blur"}]}, "`n` is greater", "n"),
        ({"transform": "FDA"}, "FDA cannot be applied to a crop.*fda_metadata", "leave it out"),
        ({"transform": "ToRGB"}, "ToRGB cannot be applied to a crop.*already an RGB", "leave it out"),
        (
            {"transform": "Resize", "height": 9, "width": 8, "p": 0.1},
            r"Resize turns a crop, ndarray \(24, 24, 3\) uint8, into ndarray \(9, 8, 3\) uint8",
            "keep their size",
        ),
        ({"transform": "Normalize", "p": 0.01}, r"Normalize.* into ndarray \(24, 24, 3\) float32", ""),
        ({"transform": "ToTensorV2"}, r"ToTensorV2.* into Tensor \(3, 24, 24\) torch.uint8", ""),
        (
            {"transform": "OneOf", "transforms": [{"transform": "Blur"}, {"transform": "ToGray"}, {
                "transform": "OneOf", "p": 0.1, "transforms": [{"transform": "ToFloat"}]
            }]},
            "OneOf turns a crop.* float32",
            "",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_applied_is_refused_before_training(table, message, hint):
    with pytest.raises(ConfigError, match=message) as caught:
        Transforms([table], crop_px=CROP_PX)
    assert hint in caught.value.hint
    assert "\n" not in str(caught.value)


def test_a_result_is_checked_at_run_time_too():
    transforms = Transforms([{"transform": "Resize", "height": CROP_PX, "width": CROP_PX}], crop_px=CROP_PX)
    other = np.zeros((1, 8, 8, 3), np.uint8)
    with pytest.raises(ConfigError, match=r"\(8, 8, 3\) uint8, into ndarray \(24, 24, 3\) uint8"):
        transforms(other, np.array([0]), seed=0, epoch=0)


def test_the_library_is_imported_when_transforms_are_built_and_asks_nobody():
    code = (
        "import os, sys; from elimctl.loader.transforms import Transforms\n"
        "assert 'albumentations' not in sys.modules\n"
        "Transforms([{'transform': 'Blur'}], crop_px=8)\n"
        "assert os.environ['NO_ALBUMENTATIONS_UPDATE'] == '1'"
    )
    environment = {name: value for name, value in os.environ.items() if name != "NO_ALBUMENTATIONS_UPDATE"}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
