import pytest

from elimctl.config import read_toml, validate, write_toml
from elimctl.errors import ConfigError
from elimctl.train.config import RunConfig, resolve, to_values


def config(**tables):
    return validate(RunConfig, tables)


@pytest.mark.parametrize(("backbone", "batch"), [("al", 512), ("r18", 256), ("mmx", 128), ("timm/x", 128)])
def test_a_large_split_gets_the_papers_batch(backbone, batch):
    train = resolve(config(model={"name": backbone}), samples=[100] * 600).train
    assert train.batch_size == batch
    assert train.steps == 10 * (60_000 // batch)


def test_a_small_split_gets_a_batch_that_repeats_few_frames_and_4000_images():
    train = resolve(config(model={"name": "r18"}), samples=[10] * 20).train
    assert train.batch_size == 100  # 10 identities of 10 frames
    assert train.steps == 40  # 4,000 images
    assert train.eval_every == train.checkpoint_every == 4  # ten times a run


def test_the_baseline_takes_plain_shuffled_batches():
    train = resolve(config(method={"name": "erm"}), samples=[10] * 20).train
    assert train.sampler == "shuffle"
    assert train.batch_size == 200


def test_what_is_given_is_kept():
    given = {"steps": 7, "batch_size": 30, "sampler": "shuffle", "eval_every": 2, "checkpoint_every": 3}
    train = resolve(config(train=given), samples=[10] * 20).train
    assert {key: getattr(train, key) for key in given} == given


def test_a_resolved_configuration_resolves_to_itself_after_a_round_trip():
    first = resolve(config(method={"name": "elim", "reg": 0.1}), samples=[10] * 20)
    again = resolve(validate(RunConfig, to_values(first)), samples=[10] * 20)
    assert again == first


def test_every_key_of_the_method_is_stored_with_the_run():
    stored = to_values(resolve(config(), samples=[10] * 20))["method"]
    assert stored["name"] == "elim"
    assert stored["eta"] == 5.0
    assert stored["sampling"] == "gumbel"


def test_a_configuration_is_resolved_from_the_dataset_in_one_step():
    given = config(method={"name": "dmue"}, model={"name": "r18"})
    first = resolve(given, samples=[1] * 640, dataset="faces", classes=7)
    assert first.data.name == "faces"
    assert first.model.neck == "split"  # the method copies the backbone's last part
    assert (first.method["classes"], first.method["epoch_steps"]) == (7, 640 // first.train.batch_size)
    assert given == config(method={"name": "dmue"}, model={"name": "r18"})


def test_a_neck_in_the_recipe_is_kept():
    first = resolve(config(method={"name": "dmue"}, model={"name": "r18", "neck": "fc"}), samples=[1] * 64)
    assert first.model.neck == "fc"


def test_an_unknown_key_of_the_method_is_refused():
    with pytest.raises(ConfigError, match=r"unknown key method\.sampeling"):
        config(method={"name": "elim", "sampeling": "none"}).method_config()


def test_identities_of_one_image_cannot_be_matched():
    with pytest.raises(ConfigError, match="most of the 50 identities have one sample") as caught:
        resolve(config(), samples=[1] * 40 + [2] * 10)
    assert "erm" in caught.value.hint
    assert resolve(config(method={"name": "erm"}), samples=[1] * 50).train.sampler == "shuffle"


def test_rates_by_epoch_survive_the_runs_recipe(tmp_path):
    given = {"rates": [{"epoch": 2, "projector": 1e-3}, {"epoch": 3, "backbone": 1e-2, "projector": 1e-4}]}
    first = resolve(config(train=given), samples=[10] * 20)
    write_toml(tmp_path / "recipe.toml", to_values(first))
    assert validate(RunConfig, read_toml(tmp_path / "recipe.toml")).train == first.train


@pytest.mark.parametrize(
    ("train", "said"),
    [
        ({"rates": [{"epoch": 3}, {"epoch": 2}]}, r"epochs \[3, 2\] do not increase"),
        ({"rates": [{"epoch": 3}, {"epoch": 3}]}, "do not increase"),
        ({"rates": [{"epoch": 3}], "milestones": [5]}, "cannot be combined with train.milestones"),
        ({"rates": [{"epoch": 0}]}, "greater than 0"),
        ({"rates": [{"epoch": 1, "critic": 1e-3}]}, r"unknown key train\.rates\.0\.critic"),
        ({"weight_decay": -1e-4}, "weight_decay"),
    ],
)
def test_a_schedule_that_contradicts_itself_is_refused(train, said):
    with pytest.raises(ConfigError, match=said):
        config(train=train)
