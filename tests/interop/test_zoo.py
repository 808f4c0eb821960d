"""`bench/zoo.py` runs the models of a folder the whole way, and goes on where it stopped."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_a_folder_of_models(tmp_path: Path) -> None:
    shutil.copy(ROOT / "models" / "breast_cancer.onnx", tmp_path)
    (tmp_path / "damaged.onnx").write_bytes(b"\xff")
    (tmp_path / "zoo.jsonl").write_text(
        json.dumps({"model": "before.onnx", "failed": "prove", "because": "it was late"}) + "\n"
    )
    command = [sys.executable, str(ROOT / "bench" / "zoo.py"), str(tmp_path)]
    outputs = [subprocess.run(command, check=True, capture_output=True, text=True).stdout]
    rows = [json.loads(line) for line in (tmp_path / "zoo.jsonl").read_text().splitlines()]
    assert [row["model"] for row in rows] == ["before.onnx", "breast_cancer.onnx", "damaged.onnx"]
    assert rows[1]["fidelity"]["error"] < 1e-2
    assert rows[2]["failed"] == "samples"
    outputs.append(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert outputs[0] == outputs[1]
    assert outputs[0].startswith("1 of 3 models")
    assert "- before.onnx: prove: it was late" in outputs[0]
