"""Hidden records of drawn data: how many there are, of what shapes, in what batch, and which."""

import hypothesis.strategies as st
import pytest
from artifacts import prove_record
from hidden_records import NONE_OF_THE_DATA, among, network, read, records
from hypothesis import given

import zkinfer
from tests.properties.test_models import FIXED, settings
from tests.soundness.one_of_many import blinded, proved, verified
from zkinfer import reference
from zkinfer.keys import make_keys
from zkinfer.reference.errors import FormatError
from zkinfer.reference.membership import Hidden

COUNTS = st.one_of(st.integers(1, 20), st.sampled_from([63, 64, 65]))
SHAPES = st.lists(
    st.lists(st.integers(1, 6), min_size=0, max_size=3).map(tuple), min_size=1, max_size=3
)


@settings(FIXED, max_examples=8)
@given(COUNTS, SHAPES, st.integers(1, 3), st.data())
def test_any_record_of_any_data_is_proved(count, shapes, batch, data) -> None:
    graph = network(shapes, batch=batch)
    key, opening = make_keys(graph, {}), records(graph, count)
    numbers = [data.draw(st.integers(0, count - 1)) for _ in range(batch)]
    proof = zkinfer.prove(key, data=opening, record=numbers, context=b"drawn")
    verdict = zkinfer.verify(key.verifying_key, proof, context=b"drawn", data=opening.commitment)
    for name, output in zip(graph.inputs, verdict.outputs_fixed.values(), strict=True):
        place = graph.inputs.index(name)
        each = output if batch > 1 else output[None]
        for number, found in zip(numbers, each, strict=True):
            assert (found == -opening.record(number)[place]).all()
    known = reference.read_data(opening.commitment.to_bytes())
    verifying = reference.read_key(key.verifying_key.to_bytes())
    said = reference.verify(verifying, read(proof), b"drawn", known)
    assert said["hidden_records"] == batch


@settings(FIXED, max_examples=8)
@given(COUNTS, st.integers(1, 3), st.integers(1, 2), st.data())
def test_one_bit_more_is_noticed(count: int, rows: int, claims: int, data) -> None:
    """Of any point or scalar of an argument, and of any row."""
    points = [row for part in _points(count * rows) for row in part]
    parts = [points[at : at + rows] for at in range(0, len(points), rows)]
    hidden = Hidden(parts, (rows,))
    numbers = [data.draw(st.integers(0, count - 1)) for _ in range(claims)]
    argument, fresh = proved(
        hidden, [blinded(parts[number], number, hidden.digits) for number in numbers]
    )
    verified(hidden, argument, fresh)
    place = data.draw(st.integers(0, len(argument) // 32 - 1)) * 32
    changed = argument[:place] + bytes([argument[place] ^ 1]) + argument[place + 1 :]
    with pytest.raises(FormatError, match=f"{NONE_OF_THE_DATA}|not canonical"):
        verified(hidden, changed, fresh)
    own = numbers[0]
    others = [[*parts[own][1:], *_points(1)[0]], *parts[:own], *parts[own + 1 :]]
    moved = Hidden([*others[1 : own + 1], others[0], *others[own + 1 :]], (rows,))
    with pytest.raises(FormatError, match=NONE_OF_THE_DATA):
        verified(moved, argument, fresh)


def _points(count: int) -> list[list[bytes]]:
    """Rows of records of one entry, which are as good as any."""
    rows = records(network(((1,),)), count).commitment.rows
    return [[rows[at : at + 32]] for at in range(0, len(rows), 32)]


def test_the_python_prover_and_the_native_verifier_agree() -> None:
    """On lengths, at least: both count the same elements."""
    for count in (1, 8, 9, 64, 65):
        graph = network()
        key, opening = make_keys(graph, {}), records(graph, count)
        shown = make_keys(network(mode="public"), {})
        size = len(prove_record(key, opening, 0).body) - len(prove_record(shown, opening, 0).body)
        hidden = among(opening)
        argument, _ = proved(hidden, [blinded(hidden.records[0], 0, hidden.digits)])
        assert size == len(argument) == 32 * (8 * hidden.digits + 7)
