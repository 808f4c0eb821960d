"""Files of records: what a table or a folder of images is read as, and what is refused."""

import string
from contextlib import suppress
from pathlib import Path

import numpy as np
import pyarrow as arrow
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from pyarrow import parquet

import zkinfer as package
from tests.interop.support import Run
from zkinfer.inputs import by_name, read_input
from zkinfer.tables import Table

KINDS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "bool", "float32", "float64")
NAMES = st.lists(
    st.text(string.printable, min_size=1, max_size=9), min_size=1, max_size=6, unique=True
)


@st.composite
def columns(draw: st.DrawFn) -> dict[str, np.ndarray]:
    """Columns of one length, of any kinds."""
    rows = draw(st.integers(1, 20))
    rng = np.random.default_rng(draw(st.integers(0, 999)))
    return {
        name: rng.integers(0, 100, rows).astype(draw(st.sampled_from(KINDS)))
        for name in draw(NAMES)
    }


@given(columns())
def test_parquet(tmp_path_factory: pytest.TempPathFactory, columns: dict[str, np.ndarray]) -> None:
    """Read as it was written; a network with an input a column gets each of them."""
    path = tmp_path_factory.mktemp("tables") / "table"
    parquet.write_table(arrow.table(columns), path)
    table = read_input(str(path))
    assert isinstance(table, Table)
    assert table.columns == tuple(columns)
    whole = all(column.dtype.kind != "f" for column in columns.values())
    assert table.numbers.dtype == (np.int64 if whole else np.float64)
    np.testing.assert_array_equal(table.numbers, np.stack([*columns.values()], axis=1))
    if len(columns) > 1:
        for name, column in by_name(table, [*columns], "the table").items():
            np.testing.assert_array_equal(column, columns[name][:, None])


def test_one_way_for_all_tables(zkinfer: Run, tmp_path: Path) -> None:
    """Public commitments to one table are equal, whatever file it was in."""
    numbers = np.array([[1.5, 200.0], [0.25, 70000.0], [-3.0, 4.0]])
    rows = "\n".join(",".join(map(str, row)) for row in numbers)
    (tmp_path / "t.csv").write_text(f"ratio,income\n{rows}\n")
    made = arrow.table({"ratio": numbers[:, 0], "income": numbers[:, 1]})
    parquet.write_table(made, tmp_path / "t.parquet")
    digests = set()
    for kind in ("csv", "parquet"):
        name = tmp_path / kind
        done = zkinfer("commit", tmp_path / f"t.{kind}", "-o", name, "--public")
        assert done.code == 0, done.err
        commitment = package.DataCommitment.load(f"{name}.commitment")
        assert commitment.description.columns == ("ratio", "income")
        digests.add(commitment.digest)
    assert len(digests) == 1


@pytest.mark.parametrize(
    ("made", "message"),
    [
        ({"a": ["x", "y"]}, "the column a of .* holds (large_)?string"),
        ({"a": [[1.0], [2.0]]}, "the column a of .* holds list"),
        ({"a": [1.0, None]}, "the column a of .* has no number in row 1"),
        ({"a": [2**60, 1], "b": [0.5, 1]}, "the column a of .* has integers beyond"),
        ({"a": arrow.array([], "double")}, "has no row"),
        ({}, "must name each column"),
    ],
)
def test_tables_of_other_things(tmp_path: Path, made: dict, message: str) -> None:
    path = tmp_path / "t.parquet"
    parquet.write_table(arrow.table(made), path)
    with pytest.raises(package.FormatError, match=message):
        read_input(str(path))


def test_a_damaged_table(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    parquet.write_table(arrow.table({"a": [1, 2, 3]}), path)
    data = path.read_bytes()
    rng = np.random.default_rng(1)
    for _ in range(100):
        damaged = bytearray(data)
        for place in rng.integers(4, len(data), 3):
            damaged[place] ^= 1 << rng.integers(8)
        path.write_bytes(bytes(damaged[: rng.integers(4, len(data) + 1)]))
        with suppress(package.FormatError):
            read_input(str(path))


@pytest.mark.parametrize(("mode", "channels"), [("L", 1), ("1", 1), ("RGB", 3), ("P", 3)])
def test_images(zkinfer: Run, tmp_path: Path, mode: str, channels: int) -> None:
    """In the order of their names, channels first; and committed to."""
    folder, rng = tmp_path / "images", np.random.default_rng(3)
    folder.mkdir()
    (folder / ".hidden").write_text("passed over")
    pixels = rng.integers(0, 256, (3, 5, 7, channels), np.uint8)
    for number in (2, 0, 1):
        image = Image.fromarray(pixels[number].squeeze()).convert(mode)
        image.save(folder / f"{number}.png")
        pixels[number] = np.asarray(image.convert("L" if channels == 1 else "RGB")).reshape(
            5, 7, -1
        )
    np.testing.assert_array_equal(read_input(str(folder)), pixels.transpose(0, 3, 1, 2))
    done = zkinfer("commit", folder, "-o", tmp_path / "x")
    assert done.code == 0, done.err
    opening = package.DataOpening.load(tmp_path / "x.opening")
    np.testing.assert_array_equal(opening.record(1)[0], pixels[1].transpose(2, 0, 1))


def test_folders_of_other_things(tmp_path: Path) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    Image.new("L", (4, 3)).save(folder / "a.png")
    for name, write, message in (
        ("b.txt", lambda path: path.write_text("x"), "b.txt is no image that can be read"),
        ("b.png", Image.new("L", (4, 4)).save, "b.png has 4 x 4 pixels .* a.png has 4 x 3"),
        ("b.png", Image.new("RGB", (4, 3)).save, "b.png has 4 x 3 pixels of 3 channels"),
        ("b.png", Image.new("RGBA", (4, 3)).save, "b.png has pixels of the kind RGBA"),
        ("b.png", Image.new("I;16", (4, 3)).save, "b.png has pixels of the kind I;16"),
    ):
        write(folder / name)
        with pytest.raises(package.FormatError, match=message):
            read_input(str(folder))
        (folder / name).unlink()
    (folder / "a.png").unlink()
    with pytest.raises(package.FormatError, match="has no images"):
        read_input(str(folder))
