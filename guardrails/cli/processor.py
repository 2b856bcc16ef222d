"""Which kernels multiply matrices: to be chosen before numpy is loaded.

OpenBLAS, as numpy's wheels bring it, knows processors by their model, and takes AMD's that have AVX-512 for
ones without: half as fast for the model of names. Intel's are told apart.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")

_NEEDED = frozenset({"avx512f", "avx512cd", "avx512bw", "avx512dq", "avx512vl"})
"""What the kernels for `SkylakeX` are made of."""


def choose_kernels(environment: MutableMapping[str, str], cpuinfo: Path = CPUINFO) -> None:
    """Names OpenBLAS's kernels for AVX-512 in `environment`, on a processor of AMD's that has it.

    Nothing is changed on any other, where it cannot be told, or where the operator has named some.
    """
    try:
        with cpuinfo.open("rb") as file:
            first = file.read(8_192).decode("ascii", "replace")
    except OSError:
        return
    if "AuthenticAMD" in first and set(first.split()) >= _NEEDED:
        environment.setdefault("OPENBLAS_CORETYPE", "SkylakeX")
