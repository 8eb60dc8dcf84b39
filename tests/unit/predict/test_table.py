import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from elimctl.errors import DataError, MissingError, StoreError
from elimctl.predict.table import read


def test_everything_that_was_written_is_read(save):
    file = save(run="mine")
    found, plain = read(file), pq.read_table(file)
    for name in ("row", "path", "identity", "clip", "frame"):
        assert getattr(found, name).tolist() == plain[name].to_pylist()
    for place, name in enumerate(("valence", "arousal")):
        assert found.target[:, place].tolist() == plain[name].to_pylist()
        assert found.preds[:, place].tolist() == plain[f"{name}_pred"].to_pylist()
    assert len(found) == 120
    assert found.classes == ()
    assert found.protocol["run"] == "mine"


def test_identities_are_sorted_and_a_clip_of_two_identities_is_two_clips(save):
    found = read(save(identities=12))
    assert found.identities.names == tuple(f"Actor {number:02d}" for number in range(12))
    assert found.identities.code.tolist() == np.repeat(np.arange(12), 10).tolist()
    assert found.clips.names == ("clip 1", "clip 2") * 12
    assert found.clips.code.tolist() == np.repeat(np.arange(24), 5).tolist()


def test_codes_of_classes_are_those_of_the_protocol(save_classes):
    file = save_classes()
    found, plain = read(file), pq.read_table(file)
    assert found.classes == ("neutral", "happiness", "sadness")
    assert [found.classes[code] for code in found.target] == plain["expression"].to_pylist()
    assert [found.classes[code] for code in found.preds] == plain["expression_pred"].to_pylist()


def test_a_file_of_many_row_groups_is_one_table(save):
    file = save()
    table = pq.read_table(file)
    pq.write_table(table, file, row_group_size=7)  # each with a dictionary of its own
    found = read(file)
    assert found.identity.tolist() == table["identity"].to_pylist()
    assert found.clip.tolist() == table["clip"].to_pylist()


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_predictions_that_are_not_finite_are_named_by_their_rows(save, bad):
    preds = np.zeros((120, 2))
    preds[[3, 50], [0, 1]] = bad
    with pytest.raises(DataError, match=r"2 of 120 predictions in .* are not finite, at .* 103, 150"):
        read(save(preds=preds))


def test_labels_that_are_not_finite_are_named_by_their_rows(save):
    file = save()
    table = pq.read_table(file)
    labels = table["arousal"].to_numpy().copy()
    labels[7] = np.nan
    place = table.schema.get_field_index("arousal")
    pq.write_table(table.set_column(place, table.schema.field(place), [labels]), file)
    with pytest.raises(DataError, match=r"labels in .* at manifest rows 107"):
        read(file)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(MissingError, match="no predictions") as error:
        read(tmp_path / "val.parquet")
    assert "elimctl eval" in error.value.hint


@pytest.mark.parametrize(
    ("place", "hint"),
    [
        ("runs/mine/eval/train.parquet", "run elimctl eval --run mine --split train"),
        ("runs/mine/eval/val-others-fold1.parquet", "run elimctl eval --run mine to"),
        ("runs/cv-f1/eval/val.parquet", "run elimctl eval --run cv-f1 --split val"),
        ("runs/cv/crossval.parquet", "run elimctl crossval --run cv"),
        ("runs/mine/temporal/val.parquet", "run elimctl temporal --run mine"),
        ("val.parquet", "run elimctl eval to"),
    ],
)
def test_the_hint_makes_just_these_predictions_again(save, tmp_path, place, hint):
    file = tmp_path / place
    file.parent.mkdir(parents=True, exist_ok=True)
    save(preds=np.full((120, 2), np.nan)).rename(file)
    with pytest.raises(DataError, match="not finite") as error:
        read(file)
    assert error.value.hint.startswith(hint)


@pytest.mark.parametrize("keep", [0, 40, 2000])
def test_a_damaged_file_is_named(save, keep):
    file = save()
    file.write_bytes(file.read_bytes()[:keep])
    with pytest.raises(StoreError, match=r"one\.parquet is damaged"):
        read(file)


def test_a_file_damaged_in_its_middle_is_refused(save):
    file = save()
    content = bytearray(file.read_bytes())
    content[4:800] = bytes(796)
    file.write_bytes(content)
    with pytest.raises((StoreError, DataError), match=r"one\.parquet"):
        read(file)


def test_another_table_is_refused(save, tmp_path):
    other = tmp_path / "other.parquet"
    pq.write_table(pa.table({"a": [1]}), other)
    with pytest.raises(StoreError, match="has no record of run and dataset"):
        read(other)
    file = save()
    pq.write_table(pq.read_table(file).drop_columns(["frame"]), file)
    with pytest.raises(StoreError, match="wanted row, path"):
        read(file)


def test_no_row_and_unknown_classes_are_refused(save, save_classes):
    file = save()
    pq.write_table(pq.read_table(file).slice(0, 0), file)
    with pytest.raises(DataError, match="no row"):
        read(file)
    with pytest.raises(StoreError, match="unknown classes: sadness"):
        read(save_classes(classes=("neutral", "happiness")))
