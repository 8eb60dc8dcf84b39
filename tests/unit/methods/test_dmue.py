from dataclasses import replace

import pytest
import torch
from torch import nn

from elimctl import plugins
from elimctl.backbones import counts
from elimctl.backbones.backbone import Backbone
from elimctl.backbones.config import BackboneConfig
from elimctl.backbones.split import Split
from elimctl.errors import ConfigError, DataError
from elimctl.loader.batch import Batch
from elimctl.methods import dmue
from elimctl.methods.dmue_losses import similarity_gap

COUNT, WIDTH = 4, 8
# backbone: parameters of the split part, then with all branches and for inference, at 8 and at 7 classes
SECTION_B = {
    "r18": (8_393_728, {8: (78_360_274, 11_181_632), 7: (69_958_834, 11_181_120)}),
    "r50ibn": (14_964_736, {8: (143_361_234, 23_528_512), 7: (128_365_746, 23_526_464)}),
    "mobilenetv2": (1_681_344, {8: (15_759_250, 2_236_672), 7: (14_058_674, 2_235_392)}),
    "shufflenetv1": (2_188_800, {8: (21_167_042, 3_548_976), 7: (18_949_410, 3_547_056)}),
}


def build(*, pretrained=False, **settings):
    torch.manual_seed(0)
    trunk = nn.Sequential(nn.Conv2d(3, 6, 5, 3, bias=False), nn.BatchNorm2d(6), nn.ReLU())
    part = nn.Sequential(nn.Conv2d(6, WIDTH, 3), nn.BatchNorm2d(WIDTH), nn.ReLU())
    config = dmue.Config(**{"classes": COUNT, "epoch_steps": 10, "dropout": 0.0} | settings)
    return dmue.build(config, Backbone(trunk, Split(part, WIDTH, pretrained=pretrained)))


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(0)
    return Batch(
        images=torch.randint(0, 256, (20, 3, 16, 16), generator=generator, dtype=torch.uint8),
        target=torch.zeros(20, 2),
        identity=torch.zeros(20, dtype=torch.int64),
        index=torch.arange(20),
        groups=torch.empty(0, 0, dtype=torch.int64),
        seed=0,
        step=60,
        classes=torch.arange(20) % COUNT,
    )


def reached(model, loss):
    """Names of the parameters that get a gradient from a loss."""
    model.zero_grad()
    loss.backward()
    return {
        name
        for name, parameter in model.named_parameters()
        if parameter.grad is not None and parameter.grad.abs().sum() > 0
    }


def whose(names):
    return {name.split(".")[0] for name in names}


@pytest.mark.parametrize("name", SECTION_B)
@pytest.mark.parametrize("classes", [7, 8])
def test_it_has_as_many_parameters_as_the_table_says(name, classes):
    split, totals = SECTION_B[name]
    with torch.device("meta"):
        backbone = plugins.find("backbones", name).build(BackboneConfig(name=name, neck="split"))
        model = dmue.build(dmue.Config(classes=classes, epoch_steps=1), backbone)
        bare = dmue.build(dmue.Config(classes=classes, epoch_steps=1, bn_neck=False), backbone)
    inference = sum(parameter.numel() for parameter in model.inference_parameters())
    assert counts.count(backbone.neck) == split
    assert (counts.count(model), inference) == totals[classes]
    assert counts.count(model) - counts.count(bare) == 2 * backbone.neck.width


def test_the_total_is_ramped_over_epochs(batch):
    model = build(beta=6)
    for step, up, down in [(0, 0.006737946999, 1.0), (35, 0.2865047969, 1.0), (79, 1.0, 0.9797986739)]:
        losses = model.losses(replace(batch, step=step))
        wanted = up * (losses["wce"] + 0.5 * losses["soft"] + 1000 * losses["sp"]) + down * losses["aux"]
        torch.testing.assert_close(losses["total"], wanted)


def test_without_the_factor_five_the_ramp_rises_sooner():
    assert build(ramp_scale=1, beta=6).weights(0)["wce"] == pytest.approx(0.3678794412)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"sp_form": "masked"},
        {"sp_aux": "logits"},
        {"sp_form": "masked", "sp_aux": "logits"},
        {"latent": "ld-a"},
        {"latent": "ld-a", "sp_form": "masked"},
        {"bn_neck": False},
        {"exclude_self": True, "soft_mean": "samples"},
        {"train_uncertainty": False, "dropout": 0.5},
    ],
)
def test_every_setting_trains(batch, settings):
    model = build(**settings)
    losses = model.losses(batch)
    losses["total"].backward()
    assert all(loss.isfinite() for loss in losses.values())
    learning = [parameter for group in model.parameter_groups().values() for parameter in group]
    assert all(parameter.grad.isfinite().all() for parameter in learning)
    assert {id(p) for p in learning} == {id(p) for p in model.parameters() if p.requires_grad}


@pytest.mark.parametrize(
    ("exclude", "own"),
    # samples 0 and 1 of class 0 at right angles, sample 2 of class 0 like sample 0; mean cosine to class 0
    [(False, 2 / 3), (True, 1 / 2)],
)
def test_a_sample_is_left_out_of_its_own_class_only_where_the_setting_says_so(monkeypatch, exclude, own):
    model, seen = build(exclude_self=exclude, classes=3), []
    monkeypatch.setattr(model.uncertainty, "forward", lambda similar: seen.append(similar) or similar[:, 0])
    features = torch.tensor([[1.0, 0], [0, 1], [1, 0], [3, 4], [0, 2]])
    model.confidence(features, torch.tensor([0, 0, 0, 1, 2]))
    # sample 0: to class 1 0.6, to class 2 0; scaled by the row's own range
    similar = torch.tensor([own, 0.6, 0.0])
    torch.testing.assert_close(seen[0][0], torch.cat([similar / similar.max(), torch.tensor([1.0, 0, 0])]))


def test_the_soft_loss_teaches_the_target_branch_alone(batch):
    model = build()
    assert whose(reached(model, model.losses(batch)["soft"])) == {"backbone", "projector"}


def test_the_weighted_cross_entropy_teaches_the_target_branch_and_the_uncertainty_module(batch):
    model = build()
    found = reached(model, model.losses(batch)["wce"])
    assert whose(found) == {"backbone", "projector", "uncertainty"}
    assert "projector.norm.bias" not in found


def test_the_auxiliary_loss_leaves_the_target_branch_alone(batch):
    model = build()
    found = reached(model, model.losses(batch)["aux"])
    # what they share is the trunk, and the scale of the normalisation
    assert {name for name in found if not name.startswith("branches")} == {
        "projector.norm.weight",
        *(f"backbone.trunk.{name}" for name, _ in model.backbone.trunk.named_parameters()),
    }
    assert {name.split(".")[1] for name in found if name.startswith("branches")} == set("0123")


def test_both_sides_learn_from_preserved_similarities(batch):
    model = build()
    found = reached(model, model.losses(batch)["sp"])
    assert {"backbone.neck.part.0.weight", "branches.0.neck.part.0.weight"} <= found
    assert not any("classifier" in name for name in found)


def test_the_classifier_counts_where_similarities_are_those_of_logits(batch):
    model = build(sp_aux="logits")
    assert "branches.0.classifier.weight" in reached(model, model.losses(batch)["sp"])


def test_an_auxiliary_branch_learns_nothing_from_its_own_class(batch):
    model = build()
    images = batch.images.clone()
    images[batch.classes == 2] = 0
    # the trunk's statistics are of the whole batch; in evaluation mode an image changes its own maps alone
    model.eval()
    parts = []
    for shown in (batch.images, images):
        model.zero_grad()
        model.losses(replace(batch, images=shown))["aux"].backward()
        parts.append([branch.neck.part[0].weight.grad.clone() for branch in model.auxiliary])
    assert [torch.equal(*pair) for pair in zip(*parts, strict=True)] == [False, False, True, False]


def test_frozen_parts_keep_their_first_values(batch):
    model = build(train_uncertainty=False)
    grouped = {id(parameter) for group in model.parameter_groups().values() for parameter in group}
    frozen = [*model.uncertainty.parameters(), *model.projector.norm.parameters()]
    assert not grouped & set(map(id, frozen))
    model.losses(batch)["total"].backward()
    assert all(parameter.grad is None for parameter in frozen)


def test_latent_distributions_say_nothing_of_the_annotated_class(batch):
    for form in ("ld-n", "ld-a"):
        model = build(latent=form).train()
        before = {name: value.clone() for name, value in model.state_dict().items()}
        found = model.latent(batch.images, batch.classes)
        assert not found[torch.arange(20), batch.classes].any()
        torch.testing.assert_close(found.sum(dim=1), torch.ones(20))
        assert not found.requires_grad
        assert all(module.training for module in model.modules())
        assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_a_latent_distribution_depends_on_its_own_image_alone(batch):
    model = build()
    together = model.latent(batch.images, batch.classes)
    alone = torch.cat(
        [
            model.latent(image[None], code[None])
            for image, code in zip(batch.images, batch.classes, strict=True)
        ]
    )
    torch.testing.assert_close(together, alone)  # convolutions of one image and of many add in another order


# branches that never saw a label are not misled by it; those of the ablation are, in part
@pytest.mark.parametrize(("form", "share"), [("ld-n", 0.9), ("ld-a", 0.5)])
def test_trained_branches_see_through_flipped_labels(form, share):
    """Four colours, one in five samples labelled as another: what is latent is the colour."""
    generator = torch.Generator().manual_seed(0)
    colour = torch.arange(80) % COUNT
    tints = torch.tensor([[200, 60, 60], [60, 200, 60], [60, 60, 200], [200, 200, 60]])
    noise = torch.randint(-40, 40, (80, 3, 16, 16), generator=generator)
    images = (tints[colour][:, :, None, None] + noise).to(torch.uint8)
    flipped = torch.arange(80) % 5 == 0
    classes = torch.where(flipped, (colour + 1) % COUNT, colour)
    whole = Batch(
        images=images,
        target=torch.zeros(80, 2),
        identity=colour,
        index=torch.arange(80),
        groups=torch.empty(0, 0, dtype=torch.int64),
        seed=0,
        step=0,
        classes=classes,
    )
    model = build(latent=form, gamma=1.0, beta=1)
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=1e-2)
    for step in range(60):
        losses = model.losses(replace(whole, step=step))
        optimizer.zero_grad()
        losses["total"].backward()
        optimizer.step()
    ranked_first = model.latent(images, classes).argmax(dim=1) == colour
    assert ranked_first[flipped].float().mean() > share  # a third by chance


def test_inference_uses_the_target_branch_alone(batch):
    model = build().eval()
    wanted = model.predict(batch.images)
    used = set(map(id, model.inference_parameters()))
    with torch.no_grad():
        for parameter in model.parameters():
            if id(parameter) not in used:
                parameter.fill_(torch.nan)
    assert wanted.shape == (20, COUNT)
    assert torch.equal(model.predict(batch.images), wanted)


def test_statistics_for_inference_are_those_of_the_target_branch(batch):
    model = build()
    maps = model._shared(batch.images)
    wanted = model.backbone.neck(maps).mean(dim=0).detach()
    fresh = build()
    fresh.losses(batch)
    # a tenth of the batch's mean, as BatchNorm's momentum says
    torch.testing.assert_close(fresh.projector.norm.running_mean, 0.1 * wanted)


def test_fresh_branches_differ_and_pretrained_ones_do_not():
    for pretrained in (False, True):
        model = build(pretrained=pretrained)
        first = model.backbone.neck.part[0].weight
        for branch in model.auxiliary:
            assert torch.equal(branch.neck.part[0].weight, first) == pretrained
            assert branch.neck.part[0].weight is not first
            assert torch.equal(branch.neck.part[1].weight, torch.ones(WIDTH))


def test_both_forms_of_the_similarity_loss_compare_what_they_say(batch):
    """In evaluation mode no sample's features depend on which others go through a branch."""
    for form in ("submatrix", "masked"):
        model = build(sp_form=form).eval()
        maps = model._shared(batch.images)
        target, wanted = model.backbone.neck(maps), []
        for number, branch in enumerate(model.auxiliary):
            known, features = (batch.classes != number).nonzero().squeeze(1), branch.neck(maps)
            pair = (target, features, known) if form == "masked" else (target[known], features[known])
            wanted.append(similarity_gap(*pair))
        torch.testing.assert_close(model.losses(batch)["sp"], torch.stack(wanted).mean())


def test_losses_are_the_same_whenever_they_are_asked_for(batch):
    found = []
    for _ in range(2):
        model = build(dropout=0.5)
        torch.manual_seed(3)
        found.append(model.losses(batch))
    assert all(torch.equal(found[0][name], found[1][name]) for name in found[0])


def test_samples_without_classes_are_refused(batch):
    with pytest.raises(DataError, match="classes of expression"):
        build().losses(replace(batch, classes=None))


def test_a_batch_of_nearly_one_class_is_refused(batch):
    classes = torch.full((20,), 3)
    classes[0] = 1
    with pytest.raises(DataError, match="step 61 has 1 sample outside class 3"):
        build().losses(replace(batch, classes=classes))


def test_a_batch_that_lacks_a_class_trains(batch):
    losses = build().losses(replace(batch, classes=torch.arange(20) % 3))
    assert all(loss.isfinite() for loss in losses.values())


@pytest.mark.parametrize("lacking", ["classes", "epoch_steps"])
def test_what_the_dataset_says_has_to_be_said(lacking):
    with pytest.raises(ConfigError, match=rf"method.{lacking} = None"):
        build(**{lacking: None})


@pytest.mark.parametrize("settings", [{"classes": 2}, {"beta": 0}, {"temperature": 0}, {"latent": "ld"}])
def test_settings_that_mean_nothing_are_refused(settings):
    with pytest.raises(ValueError, match=next(iter(settings))):
        dmue.Config(**settings)
