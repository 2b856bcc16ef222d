"""Turns trained weights into the files that ship: int8 rows, fp16 elsewhere, a manifest with the hash.

python -m training.pii.export WORK/trained.pt -o guardrails/catalogue/models/names-1.npz
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import zipfile
from pathlib import Path

import numpy as np
import torch

EPOCH = (1980, 1, 1, 0, 0, 0)


def arrays(state: dict[str, torch.Tensor]) -> dict[str, np.ndarray]:
    """The arrays of the numpy network. Rows of the table are scaled to use the whole range of int8."""
    table = state["table"].numpy()
    scale = (np.abs(table).max(axis=1) / 127).astype(np.float16)
    scale = np.maximum(scale, np.float16(1e-4))
    result = {
        "table": np.clip(np.round(table / scale.astype(np.float32)[:, None]), -127, 127).astype(np.int8),
        "scale": scale,
        "shape": state["shape"].numpy(),
        "project": state["project.weight"].numpy().T,
        "project_bias": state["project.bias"].numpy(),
        "output": state["output.weight"].numpy().T,
        "output_bias": state["output.bias"].numpy(),
    }
    layers = sum(name.startswith("convolutions.") and name.endswith(".weight") for name in state)
    for layer in range(layers):
        result[f"convolution_{layer}"] = state[f"convolutions.{layer}.weight"].numpy().T
        result[f"bias_{layer}"] = state[f"convolutions.{layer}.bias"].numpy()
    return {
        name: np.ascontiguousarray(array if array.dtype == np.int8 else array.astype(np.float16))
        for name, array in result.items()
    }


def write(
    state: dict[str, torch.Tensor], dilations: tuple[int, ...], output: Path, calibrated: Path | None = None
) -> None:
    """Writes the weights and, beside them, a manifest.

    It takes over the calibration of another manifest when there is one, and has none otherwise (`calibrate`).
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, array in sorted(arrays(state).items()):
            member = io.BytesIO()
            np.save(member, array, allow_pickle=False)
            # A fixed date: the same weights are the same bytes.
            archive.writestr(zipfile.ZipInfo(f"{name}.npy", EPOCH), member.getvalue())
    output.write_bytes(buffer.getvalue())
    manifest = {
        "sha256": hashlib.sha256(buffer.getvalue()).hexdigest(),
        "dilations": list(dilations),
        "calibration": json.loads(calibrated.read_text())["calibration"] if calibrated else {},
    }
    output.with_suffix(".json").write_text(json.dumps(manifest, indent=2) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("trained", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument(
        "--calibrated", type=Path, help="manifest of an earlier stage, to take its calibration over"
    )
    arguments = parser.parse_args()
    trained = torch.load(arguments.trained, weights_only=True)
    write(trained["state"], trained["size"]["dilations"], arguments.output, arguments.calibrated)


if __name__ == "__main__":
    main()
