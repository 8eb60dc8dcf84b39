import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import numpy as np
import pyarrow as pa
import pytest
import torch

from elimctl.errors import ConfigError, DataError
from elimctl.loader.dataset import labels
from elimctl.loader.view import View
from elimctl.predict.split import Sharing, predictions, shared_predictions
from elimctl.store.images import Reader


class Images(Reader):
    """A store whose image i is filled with i, and has a border of 255."""

    def __init__(self, size_px=12, border_px=2):
        self.size_px, self.border_px = size_px, border_px
        self.shape, self.attributes = (1000, size_px, size_px, 3), {}
        self.asked = []

    def read(self, indices):
        self.asked.append(len(indices))
        images = np.full((len(indices), self.size_px, self.size_px, 3), 255, dtype=np.uint8)
        inside = slice(self.border_px, self.size_px - self.border_px)
        images[:, inside, inside] = np.asarray(indices)[:, None, None, None]
        return images

    def check(self):
        pass


def brightness(images):
    """Mean and maximum of each image."""
    flat = images.float().flatten(1)
    return torch.stack([flat.mean(1), flat.amax(1)], dim=1)


def run(predict, indices, *, reader=None, view=View(8, 12), batch_size=4):
    target = np.zeros((len(indices), 2))
    return list(
        predictions(
            predict, reader or Images(), indices, target, view=view, batch_size=batch_size, device="cpu"
        )
    )


def test_each_row_gets_the_prediction_of_its_own_cropped_image():
    indices = np.array([7, 3, 11, 0, 5, 9, 2])
    reader = Images()
    batches = run(brightness, indices, reader=reader)
    np.testing.assert_array_equal(np.concatenate([batch.indices for batch in batches]), indices)
    # the border of 255 is cut off, so mean and maximum are both the row's own number
    np.testing.assert_array_equal(
        np.concatenate([batch.preds for batch in batches]), np.stack([indices] * 2, 1)
    )
    assert reader.asked == [4, 3]


def test_channels_arrive_in_the_order_of_the_store():
    class Coloured(Images):
        def read(self, indices):
            return super().read(indices) // np.array([1, 2, 4], np.uint8)

    def colour(images):
        return images.float().mean((2, 3))

    (batch,) = run(colour, np.array([8, 100]), reader=Coloured())
    assert batch.preds.tolist() == [[8, 4, 2], [100, 50, 25]]  # red, green, blue


def test_images_arrive_as_uint8_channels_first_over_channels_last_memory():
    seen = []

    def predict(images):
        seen.append(images)
        return torch.zeros(len(images), 2)

    run(predict, np.arange(4))
    (images,) = seen
    assert images.shape == (4, 3, 8, 8)
    assert images.dtype == torch.uint8
    assert images.is_contiguous(memory_format=torch.channels_last)


def test_predicting_is_float32_without_gradients_even_under_an_outer_autocast():
    layer = torch.nn.Linear(3, 2)

    def predict(images):
        out = layer(images.float().mean((2, 3)))
        assert out.dtype == torch.float32
        assert out.is_inference()
        return out

    with torch.autocast("cpu", dtype=torch.bfloat16):
        (batch,) = run(predict, np.arange(4))
    assert batch.preds.dtype == np.float32


def test_inference_mode_does_not_leak_to_the_consumer():
    stream = predictions(
        brightness, Images(), np.arange(8), np.zeros((8, 2)), view=View(8, None), batch_size=4, device="cpu"
    )
    next(stream)
    assert not torch.is_inference_mode_enabled()


def test_predictions_that_are_not_finite_name_how_many_and_the_first_rows():
    def predict(images):
        preds = brightness(images)
        preds[preds[:, 0] >= 4] = float("nan")
        return preds

    with pytest.raises(DataError, match=r"7 of 8 .* rows 4, 5, 6, 7, 8, \.\.\.") as error:
        run(predict, np.arange(3, 19), batch_size=8)
    assert error.value.hint


def test_an_infinite_prediction_is_refused_too():
    with pytest.raises(DataError, match=r"1 of 1 predictions .* at manifest rows 3$"):
        run(lambda images: torch.full((len(images), 2), float("inf")), np.array([3]))


def test_a_crop_larger_than_the_stored_images_is_an_error():
    with pytest.raises(ConfigError, match="224 px does not fit stored images of 12x12 px"):
        run(brightness, np.arange(2), view=View(224, 12))


def test_memory_does_not_depend_on_the_size_of_the_split():
    def peak(count):
        stream = predictions(
            brightness, Images(64), np.arange(count) % 200, np.zeros((count, 2)), view=View(64, None),
            batch_size=8, device="cpu",
        )  # fmt: skip
        tracemalloc.start()
        for _ in stream:
            pass
        size = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return size

    # one batch is 98 KB; twenty times the samples must not even double the peak
    assert peak(640) < 2 * peak(32)


def test_labels_come_in_the_order_of_the_rows():
    table = pa.table({"valence": [0.1, 0.2, 0.3], "arousal": [-0.1, -0.2, -0.3], "clip": ["a", "a", "b"]})
    np.testing.assert_array_equal(labels(table, np.array([2, 0])), [[0.3, -0.3], [0.1, -0.1]])


def test_rows_without_a_label_are_named():
    table = pa.table({"valence": [0.1, None, 0.3], "arousal": [0.1, 0.2, None]})
    with pytest.raises(DataError, match=r"2 of 3 rows have no valence or arousal, at manifest rows 1, 2$"):
        labels(table, np.arange(3))


def share_out(predict, indices, *, ranks, batch_size=4):
    """What each of several ranks gets, their sums made by threads that wait for each other."""
    barrier, sent = Barrier(ranks), [None] * ranks

    def run_rank(rank):
        def add_up(values):
            sent[rank] = values.clone()
            barrier.wait(10)
            values.copy_(sum(sent))

        found = shared_predictions(
            predict,
            Images(),
            indices,
            np.zeros((len(indices), 2)),
            view=View(8, None),
            device="cpu",
            sharing=Sharing(2, rank, ranks, add_up, batch_size),
        )
        return list(found)

    with ThreadPoolExecutor(ranks) as pool:
        return list(pool.map(run_rank, range(ranks)))


@pytest.mark.parametrize("ranks", [1, 2, 3, 9])
def test_ranks_that_share_predictions_have_all_of_them(ranks):
    indices = np.arange(20, 0, -1)
    wanted = run(brightness, indices)
    for found in share_out(brightness, indices, ranks=ranks):
        assert len(found) == len(wanted)
        for batch, alone in zip(found, wanted, strict=True):
            np.testing.assert_array_equal(batch.indices, alone.indices)
            np.testing.assert_array_equal(batch.preds, alone.preds)


def test_each_rank_predicts_its_share_alone():
    seen = []

    def predict(images):
        seen.append(len(images))
        return brightness(images)

    share_out(predict, np.arange(20), ranks=2)
    assert sum(seen) == 20


def test_all_ranks_refuse_what_one_of_them_found():
    def predict(images):
        found = brightness(images)
        return torch.where(found == 7, float("nan"), found)

    with pytest.raises(DataError, match="at manifest rows 7"):
        share_out(predict, np.arange(20), ranks=2)
