import numpy as np

from elimctl.figures.pairs import APART, SAME, same_expression, same_identity, same_label_cases


def test_pairs_of_one_identity_are_its_labels_farthest_apart(drawn):
    found = same_identity(drawn.target, drawn.identity, count=3)
    assert len(found) == 3
    distances = np.linalg.norm(drawn.target[found[:, 0]] - drawn.target[found[:, 1]], axis=1)
    assert (np.diff(distances) <= 0).all()
    first, second = found[0]
    assert drawn.identity[first] == drawn.identity[second]
    own = drawn.target[drawn.identity == drawn.identity[first]]
    assert distances[0] == np.linalg.norm(own[:, None] - own, axis=2).max()


def test_pairs_of_one_expression_are_of_different_identities_and_share_no_sample(drawn):
    found = same_expression(drawn.target, drawn.identity, count=6)
    assert len(found) == 6
    assert len(set(found.ravel().tolist())) == 12
    assert (drawn.identity[found[:, 0]] != drawn.identity[found[:, 1]]).all()
    assert np.linalg.norm(drawn.target[found[:, 0]] - drawn.target[found[:, 1]], axis=1).max() <= SAME


def test_one_identity_or_one_label_has_no_pair_of_the_other_kind(drawn):
    alone = np.zeros(120, int)
    assert same_expression(drawn.target, alone, count=5).shape == (0, 2)
    assert same_label_cases(drawn.target, alone) == []
    constant = np.zeros((120, 2))
    assert same_identity(constant, drawn.identity, count=5).shape == (0, 2)
    assert 0 < len(same_expression(constant, drawn.identity, count=5)) <= 5
    assert len(same_label_cases(constant, drawn.identity)) == 1


def test_cases_have_one_label_several_identities_and_lie_apart(drawn):
    cases = same_label_cases(drawn.target, drawn.identity, members=4)
    assert 1 < len(cases) <= 4
    anchors = drawn.target[[case[0] for case in cases]]
    apart = np.linalg.norm(anchors[:, None] - anchors, axis=2)
    assert apart[np.triu_indices(len(cases), 1)].min() >= APART
    for case in cases:
        assert 2 <= len(case) <= 4
        assert len(set(drawn.identity[case])) == len(case)
        assert np.linalg.norm(drawn.target[case] - drawn.target[case[0]], axis=1).max() <= SAME
