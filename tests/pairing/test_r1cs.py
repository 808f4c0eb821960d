"""Circuits and witnesses as iden3's files: what is written is read, here and by snarkjs."""

import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.node import answers
from tests.pairing.setting import matrix_of
from zkinfer.errors import FormatError
from zkinfer.pairing.curve import R
from zkinfer.pairing.r1cs import (
    Matrix,
    R1cs,
    blocks,
    read_r1cs,
    read_wtns,
    write_r1cs,
    write_sym,
    write_wtns,
)

ELEMENTS = st.integers(0, R - 1) | st.integers(-3, 3).map(lambda x: x % R)
Rows = list[dict[int, int]]


@st.composite
def rows_of_circuits(draw: st.DrawFn) -> tuple[int, int, tuple[Rows, Rows, Rows], list[int]]:
    """Wires, public ones, rows of three matrices, and values of the wires that satisfy them."""
    wires = draw(st.integers(1, 8))
    values = [1, *draw(st.lists(ELEMENTS, min_size=wires - 1, max_size=wires - 1))]
    row = st.dictionaries(st.integers(0, wires - 1), ELEMENTS, max_size=4)
    a, b, c = (draw(st.lists(row, max_size=6)) for _ in range(3))
    count = min(map(len, (a, b, c)))
    a, b, c = a[:count], b[:count], c[:count]
    for left, right, product in zip(a, b, c, strict=True):
        product[0] = (product.get(0, 0) - failing(values, left, right, product)) % R
    return wires, draw(st.integers(0, wires - 1)), (a, b, c), values


def failing(values: list[int], a: dict[int, int], b: dict[int, int], c: dict[int, int]) -> int:
    """By how much a row does not hold: <C, z> - <A, z> <B, z>."""
    left, right, product = (sum(k * values[w] for w, k in row.items()) for row in (a, b, c))
    return (product - left * right) % R


def circuit_of(wires: int, public: int, rows: tuple[Rows, Rows, Rows]) -> R1cs:
    return R1cs(wires, public, *map(matrix_of, rows))


def rows_of(part: Matrix) -> Rows:
    """The rows {wire: coefficient} of a matrix."""
    terms = [
        (int(wire), int.from_bytes(bytes(block), "little"))
        for wire, block in zip(part.wires, part.coefficients, strict=True)
    ]
    return [dict(terms[i:j]) for i, j in zip(part.starts, part.starts[1:], strict=False)]


@given(rows_of_circuits())
@settings(max_examples=100, deadline=None)
def test_circuits_round_trip(drawn: tuple[int, int, tuple[Rows, Rows, Rows], list[int]]) -> None:
    wires, public, rows, _ = drawn
    data = write_r1cs(circuit_of(wires, public, rows))
    read = read_r1cs(data)
    assert (read.wires, read.public) == (wires, public)
    for part, expected in zip((read.a, read.b, read.c), rows, strict=True):
        assert rows_of(part) == [{w: k for w, k in row.items() if k} for row in expected]
    assert write_r1cs(read) == data


@given(st.lists(ELEMENTS, max_size=20))
def test_assignments_round_trip(values: list[int]) -> None:
    assignment = blocks([1, *values]).tobytes()
    assert read_wtns(write_wtns(assignment)) == assignment


def test_snarkjs_reads_circuits_and_checks_witnesses(tmp_path: Path) -> None:
    """It finds the same rows, and takes the witness that satisfies them and no other."""
    drawn: list[tuple[int, int, tuple[Rows, Rows, Rows], list[int]]] = []

    @given(rows_of_circuits().filter(lambda found: bool(found[2][0]) and found[0] > 1))
    @settings(max_examples=8, deadline=None)
    def collect(found: tuple[int, int, tuple[Rows, Rows, Rows], list[int]]) -> None:
        drawn.append(found)

    collect()
    rng, requests, expected = random.Random(0), [], []  # noqa: S311
    for number, (wires, public, rows, values) in enumerate(drawn):
        circuit, right, wrong = (
            tmp_path / f"{number}.{name}" for name in ("r1cs", "wtns", "wrong.wtns")
        )
        circuit.write_bytes(write_r1cs(circuit_of(wires, public, rows)))
        right.write_bytes(write_wtns(blocks(values).tobytes()))
        other = list(values)
        other[rng.randrange(1, wires)] += 1
        wrong.write_bytes(write_wtns(blocks(other).tobytes()))
        files = map(str, (right, wrong))
        requests.append(["constraints", str(circuit)])
        requests.extend(["satisfies", str(circuit), file] for file in files)
        expected += [rows, True, not any(failing(other, *row) for row in zip(*rows, strict=True))]
    found = answers("snarkjs", requests)
    for index, (wires, public, *_) in enumerate(drawn):
        read = found[3 * index]
        assert isinstance(read, dict)
        assert (read["nVars"], read["nPubInputs"], read["nOutputs"]) == (wires, public, 0)
        found[3 * index] = tuple(
            [{int(w): int(k) for w, k in row[part].items()} for row in read["constraints"]]
            for part in range(3)
        )
        expected[3 * index] = tuple(
            [{w: k for w, k in row.items() if k} for row in part] for part in expected[3 * index]
        )
    assert found == expected
    assert expected.count(False) > 2


SMALL = write_r1cs(circuit_of(4, 2, ([{1: 5}, {}], [{2: 1, 3: R - 1}, {0: 1}], [{3: 7}, {}])))
WITNESS = write_wtns(blocks([1, 2, R - 1]).tobytes())


@st.composite
def damaged(draw: st.DrawFn, data: bytes) -> bytes:
    """Bytes with one changed, some left out, or some more."""
    at, size = draw(st.integers(0, len(data) - 1)), draw(st.integers(0, 40))
    kind = draw(st.sampled_from(["byte", "less", "more", "word"]))
    if kind == "byte":
        return data[:at] + bytes([data[at] ^ draw(st.integers(1, 255))]) + data[at + 1 :]
    if kind == "word":
        return data[:at] + b"\xff" * 4 + data[at + 4 :]
    return data[:at] + (data[at + size :] if kind == "less" else bytes(size) + data[at:])


@given(damaged(SMALL))
@settings(max_examples=500, deadline=None)
def test_damaged_circuits_are_refused_or_have_one_encoding(data: bytes) -> None:
    try:
        read = read_r1cs(data)
    except FormatError:
        return
    assert write_r1cs(read) == data


@given(damaged(WITNESS))
@settings(max_examples=300, deadline=None)
def test_damaged_witnesses_are_refused_or_have_one_encoding(data: bytes) -> None:
    try:
        read = read_wtns(data)
    except FormatError:
        return
    assert write_wtns(read) == data


@pytest.mark.parametrize("place", ["a", "b", "c"])
@pytest.mark.parametrize(
    ("starts", "wires", "coefficients"),
    [
        ([0, 1], [4], [1]),
        ([0, 2], [1, 1], [1, 1]),
        ([0, 2], [2, 1], [1, 1]),
        ([0, 1], [1], [0]),
        ([0, 2], [1], [1]),
        ([1, 1], [1], [1]),
        ([0, 1], [1], [1, 1]),
        ([0, 1, 1], [1], [1]),
    ],
)
def test_matrices_that_are_none_are_not_written(
    place: str, starts: list[int], wires: list[int], coefficients: list[int]
) -> None:
    part = Matrix(np.array(starts), np.array(wires, np.uint32), blocks(coefficients))
    good = matrix_of([{1: 1}])
    with pytest.raises(FormatError):
        write_r1cs(R1cs(4, 1, **{"a": good, "b": good, "c": good, place: part}))


def test_coefficients_of_r_and_more_are_not_written() -> None:
    for value, fits in ((R - 1, True), (R, False), (2**256 - 1, False)):
        block = np.frombuffer(value.to_bytes(32, "little"), np.uint8).reshape(1, 32)
        part = Matrix(np.array([0, 1]), np.array([1], np.uint32), block)
        circuit = R1cs(2, 0, part, part, part)
        if fits:
            write_r1cs(circuit)
        else:
            with pytest.raises(FormatError, match="not from 1 to r - 1"):
                write_r1cs(circuit)


@pytest.mark.parametrize("values", [[], [0], [2, 1], [1, R]])
def test_assignments_that_are_none_are_not_written(values: list[int]) -> None:
    with pytest.raises(FormatError):
        write_wtns(b"".join(value.to_bytes(32, "little") for value in values))


def test_wires_are_named() -> None:
    assert write_sym(["context", "y", "w[0]"]) == (
        "1,1,0,main.context\n2,2,0,main.y\n3,3,0,main.w[0]\n"
    )
