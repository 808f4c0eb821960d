"""How often each pair of labels comes, of those that count: a confusion matrix.

With labels x_s and y_s in 0..C-1, public c_s of 0 and 1, and a bit for each s and each class:

    sum_k p_sk = 1,    sum_k k p_sk = x_s                  `path/first/choice`, `path/first/value`
    sum_k q_sk = c_s,  sum_k k q_sk = c_s y_s              `path/second/choice`, `path/second/value`
    Q^T P = M                                              `path/pairs/products`, `path/pairs/total`

p_s has its one bit at x_s, and q_s at y_s where c_s = 1 and none elsewhere, so M[i, j], public, is
how many of those that count have y_s = i and x_s = j. The product is one of hidden matrices
(contraction.py). Rows: 4 a number, and for the product one a number and 1; bits: 2 C a number.
"""

from zkinfer.circuit import linear
from zkinfer.circuit import value as views
from zkinfer.circuit.builder import Builder
from zkinfer.circuit.gadgets.contraction import contract
from zkinfer.circuit.value import Value


def count_pairs(b: Builder, path: str, x: Value, y: Value, counts: Value, classes: int) -> None:
    """Publishes the matrix, `path/confusion`.

    x, y: labels [n], without parts. counts: which of them count, likewise.
    """
    x, y, counts = b.aligned(path, x, y, counts)
    p, total, number = _one_hot(b, f"{path}/first", x, None, classes)
    b.equal(f"{path}/first/choice", total, linear.constant(1, total))
    b.equal(f"{path}/first/value", number, x)
    q, total, number = _one_hot(b, f"{path}/second", y, counts, classes)
    b.equal(f"{path}/second/choice", total, counts)
    b.product(f"{path}/second/value", *b.aligned(path, counts, y, number))
    numbers = b.lazily(lambda: q.array.T @ p.array)
    labels = ("s", "i"), ("s", "j")
    product = contract(b, f"{path}/pairs", q, labels[0], p, labels[1], ("i", "j"), None, numbers)
    most = x.shape[0]
    shown = b.public(
        f"{path}/confusion",
        (classes, classes),
        0,
        most,
        product.array if b.solving else None,
    )
    b.equal(f"{path}/pairs", product.bounded(0, most), views.matched(shown, product.factors))


def _one_hot(
    b: Builder, path: str, x: Value, counts: Value | None, classes: int
) -> tuple[Value, Value, Value]:
    """Bits [n, classes], how many of each number's are set, and the sum of the places of these.

    An honest prover sets the one at x, or none where a number does not count.
    """
    wide = views.widened(x, (classes,))
    array = None
    if b.solving:
        array = (x.array[:, None] == range(classes)).astype("int64")
        array = array if counts is None else array * counts.array[:, None]
    bits = b.bits(f"{path}/bits", wide, 1, array).bit(0)
    last = len(wide.factors) - 1
    ranked = linear.weight(bits, last, range(classes))
    if ranked is None:
        raise ValueError(f"{path}: classes lie on one axis")
    total, number = (views.drop(linear.sum_over(v, (last,)), (last,)) for v in (bits, ranked))
    return bits, total, number
