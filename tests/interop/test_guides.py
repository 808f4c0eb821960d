"""The guides run as they stand."""

import runpy
from pathlib import Path

import pytest

GUIDES = sorted((Path(__file__).resolve().parents[2] / "docs" / "guides").glob("*.py"))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.stem)
def test_a_guide_runs(guide: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(guide), run_name="__main__")
    assert "refused: " in capsys.readouterr().out
