import dataclasses

import numpy as np
import pytest
import torch

from elimctl.config import validate
from elimctl.errors import ConfigError, MissingError, StoreError, TrainingError
from elimctl.methods.temporal_head import HeadOfFrames, TemporalHead
from elimctl.train import temporal
from elimctl.train.temporal import Frames, TemporalSettings

D = 3


def echo(clips, length=20, *, seed=0):
    """Clips of noise; of each frame, the label is what the frame before it showed."""
    features = torch.rand(clips, length, D, generator=torch.Generator().manual_seed(seed)) * 2 - 1
    target = torch.zeros(clips, length, 2)
    target[:, 1:] = features[:, :-1, :2]
    runs = list(np.arange(clips * length).reshape(clips, length))
    return Frames(features.flatten(0, 1), target.flatten(0, 1), runs)


def settings(**values):
    small = {"hidden": 16, "layers": 1, "window": 10, "batch_size": 4, "lr": 0.02, "epochs": 12}
    return temporal.resolve(TemporalSettings(**small | values), windows=10)


def train(chosen, *, network=TemporalHead, frames=None, val=None):
    head = temporal.build(D, chosen, network=network)
    reports = list(temporal.fit(head, frames or echo(16), val or echo(4, seed=1), chosen))
    return head, reports


@pytest.mark.parametrize("kind", ["gru", "conv"])
@pytest.mark.parametrize("causal", [True, False])
def test_what_only_the_past_tells_is_learned_by_who_sees_it(kind, causal):
    chosen = settings(kind=kind, causal=causal)
    _, reports = train(chosen)
    _, blind = train(chosen, network=HeadOfFrames)
    # of independent frames, one tells nothing of another: any CCC is chance, of 80 frames about 0.1
    assert max(report.ccc for report in reports) > 0.8
    assert max(report.ccc for report in blind) < 0.3


def test_a_causal_head_remembers_more_than_a_window():
    chosen = settings()
    head, _ = train(chosen)
    frames = echo(1, 200, seed=2)
    [found] = temporal.predict(head, frames)[None]
    changed = dataclasses.replace(frames, features=frames.features.clone())
    changed.features[20] += 1
    assert (temporal.predict(head, changed)[:20] == found[:20]).all()
    assert (temporal.predict(head, changed)[32:40] != found[32:40]).any()


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_equal_seeds_give_equal_bytes(tmp_path, dropout):
    files = []
    for number, seed in enumerate((0, 0, 1)):
        chosen = settings(seed=seed, dropout=dropout, epochs=3)
        head = temporal.build(D, chosen)
        for _ in temporal.fit(head, echo(16), echo(4, seed=1), chosen):
            torch.rand(number + 1)  # what others draw has no say
        temporal.save(tmp_path / str(number), head, facts={"settings": {}})
        files.append((tmp_path / str(number)).read_bytes())
    assert files[0] == files[1] != files[2]


def test_every_epoch_shuffles_the_windows(monkeypatch):
    seen = []
    run = temporal._run

    def watched(head, features, positions, mask):
        if head.training:
            seen.append(tuple(positions[:, 0].tolist()))  # where the windows of a batch begin
        return run(head, features, positions, mask)

    monkeypatch.setattr(temporal, "_run", watched)
    train(settings(epochs=3))
    epochs = [seen[start : start + len(seen) // 3] for start in range(0, len(seen), len(seen) // 3)]
    orders = [sum(batches, ()) for batches in epochs]
    # 16 clips of 20 frames in windows of 10, half of which overlap
    assert {tuple(sorted(order)) for order in orders} == {
        tuple(20 * c + s for c in range(16) for s in (0, 5, 10))
    }
    assert len({*orders, tuple(sorted(orders[0]))}) == 4


def test_features_are_measured_from_those_that_are_learned_from():
    frames = echo(16)
    shifted = dataclasses.replace(frames, features=3 * frames.features + torch.tensor([5.0, 0, -7]))
    head, _ = train(settings(epochs=1), frames=shifted)
    torch.testing.assert_close(head.centre, shifted.features.mean(dim=0))
    centred = shifted.features - shifted.features.mean(dim=0)
    torch.testing.assert_close(head.spread, centred.square().mean().sqrt())


def test_the_weights_of_the_best_epoch_are_kept():
    val = echo(4, seed=1)
    head, reports = train(settings(lr=0.3, epochs=15), val=val)
    best = max(reports, key=lambda report: report.ccc)
    assert best.epoch < len(reports)
    again, _ = train(settings(lr=0.3, epochs=best.epoch), val=val)
    np.testing.assert_array_equal(temporal.predict(head, val), temporal.predict(again, val))


def test_patience_ends_a_training_that_no_longer_gets_better():
    # of constant labels every CCC is 0, so nothing gets better than after the first epoch
    flat = dataclasses.replace(echo(4), target=torch.zeros(80, 2))
    _, reports = train(settings(epochs=50, patience=3), val=flat)
    assert len(reports) == 4


def test_short_data_are_gone_over_until_there_were_enough_updates():
    free = TemporalSettings(batch_size=4)
    # 9 windows are two batches, of 4 and 5
    assert temporal.resolve(free, windows=9).epochs == 500
    assert temporal.resolve(free, windows=9).patience == 125
    assert temporal.resolve(free, windows=4 * 10**6).epochs == 30
    assert temporal.resolve(TemporalSettings(epochs=2, patience=7), windows=9).epochs == 2


def test_runs_are_predicted_the_same_however_they_are_put_together(monkeypatch):
    head, _ = train(settings(epochs=1))
    frames = echo(6)
    runs = [part for run, cut in zip(frames.runs, range(1, 7), strict=True) for part in np.split(run, [cut])]
    frames = dataclasses.replace(frames, runs=runs)
    together = temporal.predict(head, frames)
    monkeypatch.setattr(temporal, "FRAMES", 1)
    # products of other shapes may add in another order
    np.testing.assert_allclose(temporal.predict(head, frames), together, atol=1e-6)


def test_a_loss_that_is_not_finite_ends_it_and_names_the_epoch():
    frames = echo(4)
    frames.target[5] = torch.inf
    with pytest.raises(TrainingError, match=r"loss .*total.* is not finite in epoch 1 of the temporal head"):
        train(settings(), frames=frames)


def test_predictions_that_are_not_finite_end_it_too():
    val = echo(2)
    val.features[3] = torch.inf
    with pytest.raises(TrainingError, match="predictions are not finite in epoch 1"):
        train(settings(), val=val)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"window": 1}, "temporal.window"),
        ({"window": 8, "stride": 9}, "larger than the window of 8"),
        ({"batch_size": 1}, "temporal.batch_size"),
        ({"windw": 8}, "unknown key temporal.windw"),
        ({"kind": "lstm"}, "temporal.kind"),
    ],
)
def test_settings_that_have_no_meaning_are_refused(values, said):
    with pytest.raises(ConfigError, match=said):
        validate(TemporalSettings, values, where="temporal")


def test_a_head_is_read_as_it_was_written(tmp_path):
    chosen, frames = settings(epochs=1, kind="conv"), echo(2)
    head, _ = train(chosen)
    facts = {"settings": chosen.model_dump(mode="json"), "run": "r"}
    temporal.save(tmp_path / "head.safetensors", head, facts=facts)
    found, record = temporal.load(tmp_path / "head.safetensors")
    assert record == {"format_version": 1, **facts}
    np.testing.assert_array_equal(temporal.predict(found, frames), temporal.predict(head, frames))


def test_a_file_that_is_no_head_is_refused(tmp_path):
    path = tmp_path / "head.safetensors"
    with pytest.raises(MissingError, match="no temporal head"):
        temporal.load(path)
    path.write_bytes(b"{}")
    with pytest.raises(StoreError, match="is damaged"):
        temporal.load(path)
    head = temporal.build(D, settings())
    temporal.save(path, head, facts={})
    with pytest.raises(StoreError, match="is not a temporal head"):
        temporal.load(path)
    temporal.save(path, head, facts={"settings": {}, "format_version": 2})
    with pytest.raises(StoreError, match="newer elimctl"):
        temporal.load(path)
    temporal.save(path, head, facts={"settings": {}})
    with pytest.raises(StoreError, match="do not fit its settings"):
        temporal.load(path)
