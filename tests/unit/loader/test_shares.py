import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from elimctl.loader.shares import share


@given(st.integers(0, 200), st.integers(1, 20))
def test_shares_are_those_of_numpy(count, ranks):
    things = np.arange(count)
    for rank, wanted in enumerate(np.array_split(things, ranks)):
        np.testing.assert_array_equal(things[share(count, rank, ranks)], wanted)
