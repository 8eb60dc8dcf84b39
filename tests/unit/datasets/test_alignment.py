import pytest

from elimctl.datasets.alignment import shifted


@pytest.mark.parametrize(
    ("images", "annotated"),
    [
        (range(1, 6), range(5)),  # counted from 1 and from 0
        (range(5), range(1, 6)),
        (range(1, 12), range(10)),  # and one image more
        (range(9), range(1, 11)),  # and one image fewer
    ],
)
def test_numbers_that_overhang_at_opposite_ends_are_counted_from_elsewhere(images, annotated):
    said = f"labels of numbers {min(annotated)} to {max(annotated)}, images of {min(images)} to {max(images)}"
    assert shifted(images, annotated) == f"frames do not fit: {said}"


@pytest.mark.parametrize(
    ("images", "annotated"),
    [
        (range(5), range(5)),
        (range(1, 5), range(5)),  # the first image is missing
        (range(4), range(5)),  # the last one is
        (range(1, 4), range(5)),
        (range(6), range(5)),
        ([], range(5)),
        (range(5), []),
    ],
)
def test_a_copy_with_missing_images_may_be_right(images, annotated):
    assert shifted(images, annotated) is None
