"""Golden costs of circuits, and what their pages say."""

import importlib.util
from pathlib import Path

from zkinfer.ops import OPS

CIRCUITS = Path(__file__).resolve().parents[2] / "circuits"


def test_costs_are_those_on_record() -> None:
    """To accept a change: python circuits/stats.py."""
    spec = importlib.util.spec_from_file_location("stats", CIRCUITS / "stats.py")
    assert spec is not None
    assert spec.loader is not None
    stats = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(stats)
    assert stats.render() == (CIRCUITS / "stats.csv").read_text()


def test_every_page_has_its_sections() -> None:
    for name in OPS:
        page = (CIRCUITS / f"{name}.md").read_text()
        assert page.startswith(f"# {name}\n")
        assert "Count" in page
        assert "Soundness" in page
