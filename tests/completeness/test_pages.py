"""What the pages of operators say of their costs."""

from pathlib import Path

from zkinfer.ops import OPS

CIRCUITS = Path(__file__).resolve().parents[2] / "circuits"


def test_every_page_has_its_sections() -> None:
    for name in OPS:
        page = (CIRCUITS / f"{name}.md").read_text()
        assert page.startswith(f"# {name}\n")
        assert "Count" in page
        assert "Soundness" in page
