"""The guides run as they stand, and the notebook is the guide that it is made from."""

import runpy
from pathlib import Path

import jupytext
import pytest

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "guides"
GUIDES = sorted(FOLDER.glob("*.py"))
NEEDS = {"pytorch_model": ("torch", "onnxscript")}
"""Packages that are too large to be installed for tests."""


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.stem)
def test_a_guide_runs(guide: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for package in NEEDS.get(guide.stem, ()):
        pytest.importorskip(package)
    runpy.run_path(str(guide), run_name="__main__")
    assert "refused: " in capsys.readouterr().out


def test_a_notebook_is_its_guide() -> None:
    notebooks = sorted(FOLDER.glob("*.ipynb"))
    assert notebooks
    for notebook in notebooks:
        cells, made = (
            [(cell.cell_type, cell.source) for cell in jupytext.read(path).cells]
            for path in (notebook, notebook.with_suffix(".py"))
        )
        assert cells == made, f"jupytext --to notebook {notebook.with_suffix('.py').name}"
