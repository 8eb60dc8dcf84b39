from elimctl.config import validate
from elimctl.experiments.protocol import Protocol


def test_a_recipe_without_a_sweep_has_one_variant():
    assert Protocol().variants() == [("", {})]


def test_a_sweep_is_every_combination_of_its_values():
    swept = {"train.max_identities": [5, 10], "method.lambda_va": [1.0, 0.0], "method.weights": ["self_side"]}
    found = dict(validate(Protocol, {"sweep": swept}).variants())
    assert list(found) == [
        "max_identities5-lambda_va1.0-weightsself_side",
        "max_identities5-lambda_va0.0-weightsself_side",
        "max_identities10-lambda_va1.0-weightsself_side",
        "max_identities10-lambda_va0.0-weightsself_side",
    ]
    assert found["max_identities10-lambda_va0.0-weightsself_side"] == {
        "train": {"max_identities": 10},
        "method": {"lambda_va": 0.0, "weights": "self_side"},
    }
