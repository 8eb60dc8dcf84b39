import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from elimctl.loader.shares import share, shares


@given(st.integers(0, 200), st.integers(1, 20))
def test_shares_are_those_of_numpy(count, ranks):
    things = np.arange(count)
    for rank, wanted in enumerate(np.array_split(things, ranks)):
        np.testing.assert_array_equal(things[share(count, rank, ranks)], wanted)


def test_units_stay_together_where_there_are_enough_of_them():
    assert shares(20, 2, unit=4) == (12, 8)
    assert shares(20, 5, unit=4) == (4,) * 5
    assert shares(20, 6, unit=4) == (4, 4, 3, 3, 3, 3)
    assert shares(7, 2) == (4, 3)
