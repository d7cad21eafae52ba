"""How many different values were seen, without keeping any of them.

Guarantees: the state is 64 small registers; no value, and no digest of a value, can be read back from it. Counters of
several processes merge into what one process would have counted. Reference: Flajolet et al., "HyperLogLog" (2007);
the standard error is 1.04/sqrt(64) = 13 %.
"""

from __future__ import annotations

import math
from hashlib import blake2b

_REGISTERS = 64
_ALPHA = 0.709  # bias correction for 64 registers


class DistinctCounter:
    """Estimates the number of distinct strings, within about 13 %."""

    __slots__ = ("registers",)

    def __init__(self, registers: bytes | None = None) -> None:
        self.registers = bytearray(registers or bytes(_REGISTERS))

    def add(self, value: str) -> None:
        digest = int.from_bytes(blake2b(value.encode("utf-8", "surrogatepass"), digest_size=8).digest())
        index, rest = digest & 63, digest >> 6
        rank = 59 - rest.bit_length()
        if rank > self.registers[index]:
            self.registers[index] = rank

    def merge(self, other: DistinctCounter) -> None:
        self.registers = bytearray(map(max, self.registers, other.registers))

    def estimate(self) -> int:
        total = sum(2.0**-register for register in self.registers)
        raw = _ALPHA * _REGISTERS * _REGISTERS / total
        empty = self.registers.count(0)
        if raw <= 2.5 * _REGISTERS and empty:
            return round(_REGISTERS * math.log(_REGISTERS / empty))
        return round(raw)
