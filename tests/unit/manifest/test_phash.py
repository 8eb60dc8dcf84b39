"""Copies are near, different faces are far: on photographs where there are some, and on drawings."""

import io
from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage
from PIL import Image

from elimctl.manifest import near, phash

# 48 portraits of 24 people (Face Research Lab London Set, CC BY 4.0), if they lie beside the checkout
LONDON = Path(__file__).parents[4] / "shared" / "faces"
ASTRONAUT = Path(skimage.__file__).parent / "data" / "astronaut.png"
SHARE = slice(80, 400)  # the face in a portrait of 480 px, as a crop has it


def scaled(image, side_px):
    return cv2.resize(image, (side_px, side_px), interpolation=cv2.INTER_AREA)


def recompressed(image, quality):
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer))


def shifted(image, px):
    matrix = np.float32([[1, 0, px], [0, 1, px]])
    return cv2.warpAffine(image, matrix, image.shape[:2], borderMode=cv2.BORDER_REPLICATE)


@pytest.fixture(scope="module")
def faces():
    """Crops of faces and whose they are."""
    files = sorted(LONDON.glob("*/*.jpg"))
    crops = [scaled(np.asarray(Image.open(file).convert("RGB"))[SHARE, SHARE], 256) for file in files]
    crops.append(scaled(np.asarray(Image.open(ASTRONAUT).convert("RGB"))[0:230, 110:340], 256))
    return np.stack(crops), [file.parent.name for file in files] + ["astronaut"]


COPIES = {
    "recompressed": lambda image: recompressed(image, 50),
    "rescaled": lambda image: scaled(scaled(image, 112), 256),
    "brighter": lambda image: np.minimum(image, 240) + np.uint8(12),
    "shifted": lambda image: shifted(image, 1),
}


@pytest.mark.parametrize("way", COPIES)
def test_copies_of_a_face_are_near_it(faces, way):
    crops, _ = faces
    found = phash.distance(phash.hashes(crops), phash.hashes(np.stack([COPIES[way](crop) for crop in crops])))
    assert np.mean(found <= phash.NEAR_BITS) > 0.95  # of 49; the docstring of the module has the figures


def test_different_people_are_far_from_each_other(faces):
    crops, whose = faces
    hashes = phash.hashes(crops)
    apart = [
        phash.distance(hashes[i], hashes[j])
        for i in range(len(whose))
        for j in range(i)
        if whose[i] != whose[j]
    ]
    assert min(apart, default=phash.BITS) > phash.NEAR_BITS


def test_copies_are_found_among_other_faces(faces):
    crops, _ = faces
    copies = np.stack([recompressed(shifted(crop, 1), 60) for crop in crops])
    hashes = np.concatenate([phash.hashes(crops), phash.hashes(copies)])
    parts = np.repeat([0, 1], len(crops))
    pairs = {(i, j) for found in near.near_hashes(hashes, parts) for i, j in zip(*found[:2], strict=True)}
    wanted = {(i, i + len(crops)) for i in range(len(crops))}
    assert len(wanted & pairs) >= 0.95 * len(wanted)  # the bands are not guaranteed to see every copy


def test_a_flat_image_has_no_bits():
    flat = phash.hashes(np.full((1, 64, 64, 3), 99, np.uint8))
    assert flat.dtype == np.uint64
    assert flat.tolist() == [[0, 0, 0, 0]]


def test_the_bits_are_those_of_the_transform():
    """The odd frequencies of a ramp that rises are below 0; bits 1 and 3 are the first of the horizontal."""
    ramp = np.tile(np.arange(0, 256, 4, dtype=np.uint8), (64, 1))
    images = np.stack([ramp, ramp[:, ::-1]])[..., None].repeat(3, 3)
    bits = np.unpackbits(phash.hashes(images).view(np.uint8), axis=1)
    assert bits[:, 1].tolist() == [0, 1]
    assert bits[:, 3].tolist() == [0, 1]


def test_distance_counts_bits():
    a, b = np.zeros((2, 4), np.uint64)
    b[3] = 0b1011
    assert phash.distance(a, b) == 3
