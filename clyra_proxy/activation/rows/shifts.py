"""How far two spreads of values lie apart: the population stability index, without what chance alone would show.

Rules: cells are put together into at most ten bins by the earlier spread (neighbouring sizes and lengths; the most
frequent hashes), so that a bin is large enough to be compared; every bin counts half a value more, so that none is
empty; and the index expected between two samples of the same spread, (bins - 1)(1/n + 1/m), is subtracted. Lin 2017,
"Examining Distributional Shifts by Using Population Stability Index"; Yurdakul 2018.
"""

from __future__ import annotations

from math import log

from clyra_proxy.activation.rows.sketches import Cells, FieldSketch

BINS = 10
_ORDERED = frozenset("nl")
_FAMILIES = "tnlh"


def shift(now: FieldSketch, earlier: FieldSketch, minimum: int) -> float:
    """The largest index over the families of cells that hold at least `minimum` values on both sides."""
    largest = 0.0
    for name in _FAMILIES:
        fresh, known = now.family(name), earlier.family(name)
        if sum(fresh.values()) >= minimum and sum(known.values()) >= minimum:
            largest = max(largest, stability_index(fresh, known, ordered=name in _ORDERED))
    return largest


def stability_index(fresh: Cells, known: Cells, *, ordered: bool) -> float:
    """The index of two spreads over the same cells, corrected for chance; at least 0."""
    bins = _binned(fresh, known, ordered=ordered)
    total_fresh, total_known = sum(fresh.values()), sum(known.values())
    if len(bins) < 2 or not total_fresh or not total_known:
        return 0.0
    index = 0.0
    for one, other in bins:
        p = (one + 0.5) / (total_fresh + 0.5 * len(bins))
        q = (other + 0.5) / (total_known + 0.5 * len(bins))
        index += (p - q) * log(p / q)
    return max(0.0, index - (len(bins) - 1) * (1 / total_fresh + 1 / total_known))


def _binned(fresh: Cells, known: Cells, *, ordered: bool) -> list[tuple[int, int]]:
    """(fresh, known) counts of each bin."""
    cells = known.keys() | fresh.keys()
    if not ordered:
        ranked = sorted(cells, key=lambda cell: (-known.get(cell, 0), cell))
        kept, rest = ranked[: BINS - 1], ranked[BINS - 1 :]
        bins = [(fresh.get(cell, 0), known.get(cell, 0)) for cell in kept]
        if rest:
            bins.append((sum(fresh.get(cell, 0) for cell in rest), sum(known.get(cell, 0) for cell in rest)))
        return bins
    return _quantiles(sorted(cells, key=lambda cell: int(cell[1:])), fresh, known)


def _quantiles(cells: list[str], fresh: Cells, known: Cells) -> list[tuple[int, int]]:
    """Neighbouring cells together until each bin holds a tenth of what is known; what lies beyond it apart."""
    seen = [position for position, cell in enumerate(cells) if known.get(cell, 0)]
    first, last = (seen[0], seen[-1]) if seen else (0, 0)
    share = max(1.0, sum(known.values()) / BINS)
    below = sum(fresh.get(cell, 0) for cell in cells[:first])
    above = sum(fresh.get(cell, 0) for cell in cells[last + 1 :])
    bins = [(beyond, 0) for beyond in (below, above) if beyond]
    one = other = 0
    for cell in cells[first : last + 1]:
        one, other = one + fresh.get(cell, 0), other + known.get(cell, 0)
        if other >= share:
            bins.append((one, other))
            one = other = 0
    return [*bins, (one, other)] if one or other else bins
