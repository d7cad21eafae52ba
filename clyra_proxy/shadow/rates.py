"""How far a share that was counted can be from the true one.

Two answers. `interval` is Wilson's score interval (Wilson 1927), which stays sensible for no hits and few trials: it is
what reports show. `upper_bound` is the exact one of Clopper and Pearson (1934), which is never too low: it is what a
gate asks for, because there a bound that is missed too often lets through what should have waited.
"""

from __future__ import annotations

import math
from statistics import NormalDist

_STEPS = 200
"""Halvings of [0, 1], more than a float has; and terms of the continued fraction."""


def interval(hits: int, of: int, confidence: float = 0.95) -> tuple[float, float]:
    """The two-sided Wilson interval of a share, 0 to 1; (0, 1) when there is nothing to count."""
    if of == 0:
        return 0.0, 1.0
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share, spread = hits / of, z * z / of
    middle = (share + spread / 2) / (1 + spread)
    half = z * math.sqrt(share * (1 - share) / of + spread / (4 * of)) / (1 + spread)
    return max(0.0, middle - half), min(1.0, middle + half)


def upper_bound(hits: int, of: int, confidence: float = 0.95) -> float:
    """The one-sided exact upper bound: a larger true share would give so few hits with less than 1 - confidence."""
    if of == 0 or hits >= of:
        return 1.0
    if hits == 0:
        return -math.expm1(math.log1p(-confidence) / of)
    low, high = hits / of, 1.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        if _beta(middle, hits + 1, of - hits) < confidence:
            low = middle
        else:
            high = middle
    return high


def _beta(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function I_x(a, b), 0 < x < 1 (DLMF 8.17.22, by Lentz's method)."""
    if x > (a + 1) / (a + b + 2):
        return 1 - _beta(1 - x, b, a)
    log_front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    return math.exp(log_front) / a * _fraction(x, a, b)


def _fraction(x: float, a: float, b: float) -> float:
    tiny = 1e-300
    c, d = 1.0, 1 / (_off_zero(1 - (a + b) * x / (a + 1), tiny))
    result = d
    for m in range(1, 100 * _STEPS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            d = 1 / _off_zero(1 + term * d, tiny)
            c = _off_zero(1 + term / c, tiny)
            result *= c * d
        if abs(c * d - 1) < 1e-14:
            break
    return result


def _off_zero(value: float, tiny: float) -> float:
    return value if abs(value) > tiny else tiny
