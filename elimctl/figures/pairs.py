"""Which samples figures link: the same person in different moods, different people in the same."""

import numpy as np

from elimctl.figures.arrays import thinned

SAME = 0.15  # distance in the plane up to which two expressions are shown as the same
APART = 0.4  # distance in the plane of two cases at least
CANDIDATES = 2000  # samples among which cases are looked for


def same_identity(target: np.ndarray, identity: np.ndarray, *, count: int) -> np.ndarray:
    """Pairs of one identity each, its two samples whose labels are farthest apart.

    Args:
        target: (n, 2) labels.
        identity: (n,) names or codes.
        count: pairs at most.

    Returns:
        (p, 2) sample numbers, the pairs that are farthest apart first.
    """
    found = []
    for name in np.unique(identity):
        own = np.flatnonzero(identity == name)
        own = own[thinned(len(own), CANDIDATES)]
        distance = np.linalg.norm(target[own][:, None] - target[own], axis=2)
        first, second = np.unravel_index(distance.argmax(), distance.shape)
        if distance[first, second] > 0:
            found.append((distance[first, second], own[first], own[second]))
    found.sort(key=lambda pair: -pair[0])
    return np.array([pair[1:] for pair in found[:count]], dtype=int).reshape(-1, 2)


def same_expression(
    target: np.ndarray, identity: np.ndarray, *, count: int, within: float = SAME
) -> np.ndarray:
    """Pairs of different identities whose labels are next to each other; no sample is in two of them.

    Args:
        target: (n, 2) labels.
        identity: (n,) names or codes.
        count: pairs at most.
        within: largest distance of the labels.

    Returns:
        (p, 2) sample numbers, spread over the plane: each next pair is as far from those before as can be.
    """
    shown = thinned(len(target), CANDIDATES)
    distance = np.linalg.norm(target[shown][:, None] - target[shown], axis=2)
    distance[identity[shown][:, None] == identity[shown]] = np.inf
    nearest = distance.argmin(axis=1)
    close = np.flatnonzero(distance[np.arange(len(shown)), nearest] <= within)
    found: list[tuple[int, int]] = []
    far = np.full(len(close), np.inf)
    while len(close) and len(found) < count:
        place = int(far.argmax())
        if far[place] <= 0:
            break
        first, second = int(close[place]), int(nearest[close[place]])
        found.append((int(shown[first]), int(shown[second])))
        far = np.minimum(far, np.linalg.norm(target[shown[close]] - target[shown[first]], axis=1))
        far[np.isin(close, [first, second]) | np.isin(nearest[close], [first, second])] = -1
    return np.array(found, dtype=int).reshape(-1, 2)


def same_label_cases(
    target: np.ndarray, identity: np.ndarray, *, count: int = 4, members: int = 8, within: float = SAME
) -> list[np.ndarray]:
    """Cases of one expression each, shown by several identities.

    Args:
        target: (n, 2) labels.
        identity: (n,) names or codes.
        count: cases at most.
        members: identities in a case at most.
        within: largest distance of a label from the case's first.

    Returns:
        Sample numbers of each case, one per identity and two at least; the cases with most identities first,
        at least `APART` from each other.
    """
    shown = thinned(len(target), CANDIDATES)
    labels, code = target[shown], np.unique(identity[shown], return_inverse=True)[1]
    near = np.linalg.norm(labels[:, None] - labels, axis=2)
    size = np.array([len(np.unique(code[row <= within])) for row in near])
    cases: list[np.ndarray] = []
    anchors: list[int] = []
    for anchor in np.argsort(-np.minimum(size, members), kind="stable"):
        if len(cases) == count or size[anchor] < 2:
            break
        if any(near[anchor, other] < APART for other in anchors):
            continue
        order = np.argsort(near[anchor], kind="stable")
        order = order[near[anchor, order] <= within]
        _, first = np.unique(code[order], return_index=True)  # of each identity the nearest
        cases.append(shown[order[np.sort(first)[:members]]])
        anchors.append(int(anchor))
    return cases
