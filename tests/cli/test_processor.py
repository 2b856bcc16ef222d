"""Which kernels OpenBLAS is told to use."""

import os
import subprocess
import sys

import pytest

from guardrails.cli.processor import CPUINFO, choose_kernels

FLAGS = "flags\t\t: fpu sse2 avx2 avx512f avx512dq avx512cd avx512bw avx512vl\n"


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (f"vendor_id\t: AuthenticAMD\n{FLAGS}", {"OPENBLAS_CORETYPE": "SkylakeX"}),
        (f"vendor_id\t: GenuineIntel\n{FLAGS}", {}),
        ("vendor_id\t: AuthenticAMD\nflags\t\t: fpu sse2 avx2\n", {}),
        (f"vendor_id\t: AuthenticAMD\n{FLAGS.replace('avx512vl', 'avx512vlx')}", {}),
        ("", {}),
    ],
)
def test_wide_kernels_are_for_amds_processors_that_have_them(tmp_path, said, expected):
    """Nothing is said of any other processor."""
    file = tmp_path / "cpuinfo"
    file.write_text(said)
    environment: dict[str, str] = {}
    choose_kernels(environment, file)

    assert environment == expected


def test_what_the_operator_says_stands(tmp_path):
    """A kernel that is named already is used."""
    file = tmp_path / "cpuinfo"
    file.write_text(f"vendor_id\t: AuthenticAMD\n{FLAGS}")
    environment = {"OPENBLAS_CORETYPE": "Haswell"}
    choose_kernels(environment, file)

    assert environment == {"OPENBLAS_CORETYPE": "Haswell"}


def test_a_system_without_the_file_is_left_alone(tmp_path):
    """Nothing is known there."""
    environment: dict[str, str] = {}
    choose_kernels(environment, tmp_path / "none")

    assert environment == {}


def test_this_processor_multiplies_with_what_is_chosen():
    """Matrices come out right with the kernels that the program chooses here."""
    environment = {name: value for name, value in os.environ.items() if name != "OPENBLAS_CORETYPE"}
    choose_kernels(environment, CPUINFO)
    code = (
        "import numpy as np\n"
        "a = np.arange(300 * 128).reshape(300, 128) % 7\n"
        "print((a.astype(np.float32) @ a.T.astype(np.float32) == a @ a.T).all())"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )

    assert ran.stdout.strip() == "True"
