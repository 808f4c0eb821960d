"""Converters of attention and rotary embeddings, the standard ones and those of com.microsoft.

With queries Q [batch, heads, rows, width], keys K and values V [batch, heads, columns, width]:

    softmax(scale Q K' + bias, without the entries that a mask takes out) V

Where there are fewer heads of keys than of queries, each serves several that follow each other.
Keys and values of a cache, all of which is in use, come before the others, and all of them may be
outputs. The scores that Attention puts out are onnxruntime's: in mode 0 they are not bent, as ONNX
says too, though the evaluator of the onnx package bends them.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np

from zkinfer.graph import Boolean
from zkinfer.onnx_import.builder import Converters, Floats, Site, finite
from zkinfer.onnx_import.constants import Array
from zkinfer.onnx_import.masking import ABSORBING
from zkinfer.onnx_import.moves import end_to_end, fitted, permuted, reshaped, sliced
from zkinfer.onnx_import.node import MICROSOFT_DOMAIN, Refusal
from zkinfer.onnx_import.shapes import Shape

LOWEST = float(np.finfo(np.float32).min)
"""What masks of floats take entries out by, or by -infinity."""


@dataclass
class _Scores:
    """What is made of the scores before the softmax.

    scale: of products. cap: beyond which they bend, 0 for none. biases: what is added. closed: one
    for each entry that is taken out, zero else. beyond: how far they are taken down, each time.
    empty: whether a row with all entries taken out is zero.
    """

    scale: float
    cap: float = 0.0
    biases: tuple[str, ...] = ()
    closed: tuple[str, ...] = ()
    empty: bool = True
    beyond: float = math.inf


def attention(site: Site) -> None:
    """Attention, of tensors with 3 or 4 axes, with a mask of booleans or floats, and with a cache
    of earlier keys and values, or one that all keys and values are in.
    """
    flat = len(site.shape(0)) == 3
    heads = [int(site.attr(name, 0)) for name in ("q_num_heads", "kv_num_heads", "kv_num_heads")]
    q, k, v = (_by_head(site, site.operand(i), heads[i]) for i in range(3))
    rows = site.graph.shape(q)[2]
    past, k, v = _cached(site, k, v, (4, 5))
    columns, width = site.graph.shape(k)[2:]
    scores = _Scores(float(site.attr("scale", 1 / math.sqrt(width))), site.attr("softcap", 0.0))
    if past and site.has(6):
        raise Refusal("expected past_key and past_value, or nonpad_kv_seqlen, got both")
    _near(site, scores, rows, columns, past)
    if site.has(3):
        _mask(site, scores, columns)
    y, stages = _attended(site, q, k, v, scores)
    site.keep(_joined(site, y) if flat else y)
    _present(site, k, v)
    if site.uses_output(3):
        mode = int(site.attr("qk_matmul_output_mode", 0))
        if not 0 <= mode < len(stages):
            raise Refusal(f"expected a qk_matmul_output_mode from 0 to 3, got {mode}")
        if mode == 2 and scores.closed:
            raise Refusal(
                "expected a qk_matmul_output_mode of 0, 1 or 3 with a mask that takes entries out, "
                "whose scores are -infinity in mode 2"
            )
        site.keep(stages[mode], 3)


def multi_head_attention(site: Site) -> None:
    """MultiHeadAttention of com.microsoft: of one to three tensors, with biases, masks, caches."""
    if any(site.has(index) for index in range(8, len(site.node.inputs))):
        raise Refusal("expected a cache that is all in use and no indices into it, got these")
    if site.uses_output(3):
        raise Refusal("expected only its first three outputs in use")
    heads = int(site.attr("num_heads", 0))
    parts = _three(site, heads)
    if site.has(3):
        widths = [math.prod(site.graph.shape(part)[1::2]) for part in parts]
        parts = _biased(site, parts, 3, widths)
    past, k, v = _cached(site, parts[1], parts[2], (6, 7))
    _fused(site, (parts[0], k, v), past, mask=4, bias=5)
    _present(site, k, v)


def packed_attention(site: Site) -> None:
    """Attention of com.microsoft: queries, keys and values are one product with a tensor."""
    if site.has(6):
        raise Refusal("expected a cache that is all in use, got the length of its part in use")
    if site.attr("do_rotary", 0):
        raise Refusal("expected no rotary embedding inside, got do_rotary = 1")
    heads, total = int(site.attr("num_heads", 0)), site.shape(1)[-1]
    sizes = site.ints("qkv_hidden_sizes") or (total // 3,) * 3
    product = site.step("matmul", "product", site.operand(0), site.operand(1))
    if site.has(2):
        product = site.step("add", "biased", product, site.operand(2))
    ends = np.cumsum((0, *sizes))
    parts = [
        _by_head(site, sliced(site, product, {2: (*pair, 1)}), heads)
        for pair in zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True)
    ]
    past = 0
    if site.has(4):
        both = site.any_operand(4)
        if len(site.shape(4)) != 5:
            raise Refusal(f"expected earlier keys and values of 5 axes, got {site.shape(4)}")
        _, batch, groups, past, width = site.shape(4)
    if past:
        for n in range(2):
            one = sliced(site, both, {0: (n, n + 1, 1)})
            earlier = reshaped(site, one, (batch, groups, past, width))
            parts[n + 1] = end_to_end(site, [earlier, parts[n + 1]], 2)
    _fused(site, parts, past, mask=3, bias=5)
    if site.uses_output(1):
        single = [reshaped(site, part, (1, *site.graph.shape(part))) for part in parts[1:]]
        site.keep(end_to_end(site, single, 0), 1)


def rotary_embedding(site: Site) -> None:
    """RotaryEmbedding: the pairs of a width are turned by angles, which positions may choose."""
    microsoft = site.node.domain == MICROSOFT_DOMAIN
    places = (2, 3, 1) if microsoft else (1, 2, 3)
    shape, x = site.shape(0), site.operand(0)
    heads = int(site.attr("num_heads", 0))
    part = int(site.attr("rotary_embedding_dim", 0))
    if microsoft and not heads and len(shape) == 3:
        heads = shape[2] // (part or 2 * site.shape(2)[-1])
    x = _by_head(site, x, heads)
    width = part or site.graph.shape(x)[3]
    cos, sin = (_angles(site, place, places[2]) for place in places[:2])
    y = _rotated(site, x, (cos, sin), width, interleaved=bool(site.attr("interleaved", 0)))
    site.keep(_joined(site, y) if len(shape) == 3 else y)


def grouped_query_attention(site: Site) -> None:
    """GroupQueryAttention of com.microsoft, whose cache is full: with the new keys it is as long as
    the constant lengths say.
    """
    if any(site.has(index) for index in (9, *range(11, len(site.node.inputs)))):
        raise Refusal("expected neither positions nor sinks nor scales, got some")
    if site.uses_output(3) or site.attr("smooth_softmax", 0) > 0:
        raise Refusal("expected only its first three outputs in use, and no smooth_softmax")
    heads = [int(site.attr(name, 0)) for name in ("num_heads", "kv_num_heads", "kv_num_heads")]
    if site.has(1) and site.has(2):
        q, k, v = (_by_head(site, site.operand(i), heads[i]) for i in range(3))
    else:
        packed = _by_head(site, site.operand(0), sum(heads))
        ends = np.cumsum((0, *heads)).tolist()
        q, k, v = (sliced(site, packed, {1: (*ends[n : n + 2], 1)}) for n in range(3))
    rows, width = site.graph.shape(q)[2:]
    past = site.shape(3)[2] if site.has(3) and len(site.shape(3)) == 4 else 0
    lengths = {length + 1 for length in site.ints_at(5, "seqlens_k") or ()}
    lengths.update(site.ints_at(6, "total_sequence_length") or ())
    if lengths != {past + rows}:
        raise Refusal(
            f"expected lengths of {past + rows}, {past} of the cache and {rows} new ones, got "
            f"{sorted(lengths)}"
        )
    if site.attr("do_rotary", 0):
        tables = [site.floats(place, "angles") for place in (7, 8)]
        if any(table.ndim != 2 or len(table) < past + rows for table in tables):
            raise Refusal(f"expected {past + rows} rows of angles, got {tables[0].shape}")
        angles = [site.weight("angles", table[past : past + rows]) for table in tables]
        turned = bool(site.attr("rotary_interleaved", 0))
        part = 2 * tables[0].shape[1]
        q, k = (_rotated(site, x, angles, part, interleaved=turned) for x in (q, k))
    past, k, v = _cached(site, k, v, (3, 4))
    scale = float(site.attr("scale", 0.0)) or 1 / math.sqrt(width)
    after = np.arange(past + rows) - np.arange(rows)[:, None] - past
    window = int(site.attr("local_window_size", -1))
    if window < -1 or window == 0:
        raise Refusal(f"expected a local_window_size of -1 or at least 1, got {window}")
    closed = (after > 0) | (after <= -(window if window > 0 else past + rows))
    scores = _Scores(scale, site.attr("softcap", 0.0))
    scores.closed = (site.weight("outside", closed),) if closed.any() else ()
    scores.biases = (site.operand(10),) if site.has(10) else ()
    y, _ = _attended(site, q, k, v, scores)
    site.keep(_joined(site, y))
    _present(site, k, v)


def _rotated(site: Site, x: str, angles: Sequence[str], width: int, *, interleaved: bool) -> str:
    """x [batch, heads, rows, entries], the pairs of its first entries turned by angles.

    angles: their cosines and sines, [..., rows, width / 2].
    """
    cos, sin = angles
    batch, count, rows, entries = site.graph.shape(x)
    rotated = x if width == entries else sliced(site, x, {3: (0, width, 1)})
    rest = [] if rotated == x else [sliced(site, x, {3: (width, entries, 1)})]
    pairs = (batch, count, rows, *((width // 2, 2) if interleaved else (2, width // 2)))
    axis = 4 if interleaved else 3
    split = reshaped(site, rotated, pairs)
    a, b = (
        reshaped(site, sliced(site, split, {axis: (n, n + 1, 1)}), (batch, count, rows, width // 2))
        for n in range(2)
    )
    real = site.step("sub", "real", *(site.step("mul", "turned", *p) for p in ((a, cos), (b, sin))))
    imaginary = (site.step("mul", "turned", *p) for p in ((a, sin), (b, cos)))
    both = (real, site.step("add", "imaginary", *imaginary))
    single = (batch, count, rows, *((width // 2, 1) if interleaved else (1, width // 2)))
    joined = end_to_end(site, [reshaped(site, y, single) for y in both], axis)
    return end_to_end(site, [reshaped(site, joined, (batch, count, rows, width)), *rest], 3)


def _angles(site: Site, place: int, positions: int) -> str:
    """Cosines or sines, [batch or 1, 1, rows, width / 2]."""
    if not site.is_constant(place):
        raise Refusal(f"expected constant angles, got the computed {site.node.inputs[place]}")
    table, rows = site.floats(place, "angles"), site.shape(0)[-2]
    if not site.has(positions):
        return site.weight("angles", table.reshape(-1, 1, *table.shape[-2:]), place)
    if site.is_constant(positions):
        index = np.array(site.ints_at(positions, "positions")).reshape(site.shape(positions))
        if index.size == 1:  # of the first row
            index = index.reshape(1, 1) + np.arange(rows)
        if index.min() < 0 or index.max() >= len(table):
            raise Refusal(f"expected positions from 0 to {len(table) - 1}, got {index.tolist()}")
        return site.weight("angles", table[index][:, None], place)
    if site.shape(positions) != (site.shape(0)[0], rows):
        raise Refusal(f"expected a position for each row, got {site.shape(positions)} of them")
    rows_of = site.weight("table", table, place)
    chosen = site.step("gather", "angles", rows_of, site.source(positions), extent=len(table))
    batch, rows, half = site.graph.shape(chosen)
    return reshaped(site, chosen, (batch, 1, rows, half))


def _by_head(site: Site, x: str, heads: int) -> str:
    """[batch, heads, rows, width] of that, or of [batch, rows, heads width]."""
    shape = site.graph.shape(x)
    if len(shape) == 4:
        return x
    if len(shape) != 3 or heads < 1 or shape[2] % heads:
        raise Refusal(f"expected 3 axes and a width of {heads} heads, or 4 axes, got {shape}")
    split = reshaped(site, x, (*shape[:2], heads, shape[2] // heads))
    return permuted(site, split, (0, 2, 1, 3))


def _joined(site: Site, x: str) -> str:
    """[batch, rows, heads width] of [batch, heads, rows, width]."""
    batch, heads, rows, width = site.graph.shape(x)
    rowwise = permuted(site, x, (0, 2, 1, 3))
    return reshaped(site, rowwise, (batch, rows, heads * width))


def _cached(site: Site, k: str, v: str, places: tuple[int, int]) -> tuple[int, str, str]:
    """How many keys and values by head are cached, and all of them, the cached ones first."""
    if not any(map(site.has, places)):
        return 0, k, v
    if not all(map(site.has, places)):
        raise Refusal("expected earlier keys and values, got one of both")
    past = site.shape(places[0])
    if any(len(site.shape(place)) != 4 for place in places):
        raise Refusal(f"expected earlier keys and values of 4 axes, got {past}")
    if not past[2]:
        return 0, k, v
    k, v = (
        end_to_end(site, [site.operand(place), new], 2)
        for place, new in zip(places, (k, v), strict=True)
    )
    return past[2], k, v


def _present(site: Site, k: str, v: str) -> None:
    """All keys and values, as outputs 1 and 2."""
    for index, present in enumerate((k, v), 1):
        if site.uses_output(index):
            site.keep(present, index)


def _near(site: Site, scores: _Scores, rows: int, columns: int, past: int) -> None:
    """Closes what is too far before or behind a row, or behind the last column in use.

    Row i is at the place of column i + length - rows, where length counts the columns that are in
    use: those of the cache and those of all rows, or what input 6 says of each sample.
    """
    left, right = (int(site.attr(f"{side}_window_size", -1)) for side in ("left", "right"))
    if min(left, right) < -1:
        raise Refusal(f"expected window sizes of -1 or more, got {left} and {right}")
    if site.attr("is_causal", 0):
        right = 0
        if rows == 1 and 0 < past < columns - 1 and site.version < 25:
            raise Refusal(
                f"expected one new key for one row that is causal, got {columns - past}, all of "
                "which onnxruntime lets it see, unlike ONNX"
            )
    place = np.arange(columns)
    needed = place - np.arange(rows)[:, None] + rows  # of the length, for the column of a row
    least = needed - right if right >= 0 else np.zeros_like(needed)
    most = needed + left if left >= 0 else np.full_like(needed, columns + rows)
    if not site.has(6):
        length: Array = np.array(past + rows)
    else:
        batch = site.graph.shape(site.source(0))[0]
        if site.shape(6) != (batch,):
            raise Refusal(f"expected a nonpad_kv_seqlen for each sample, got {site.shape(6)}")
        least = np.maximum(least, place + 1)
        if not site.is_constant(6):
            lengths = reshaped(site, site.source(6), (batch, 1, 1, 1))
            bounds = site.weight("least", least)
            scores.closed += (site.step("less", "behind", lengths, bounds),)
            if left >= 0:
                bounds = site.weight("most", most)
                scores.closed += (site.step("less", "before", bounds, lengths),)
            return
        length = site.array(6, "lengths").reshape(batch, 1, 1, 1)
    closed = (length < least) | (length > most)
    if closed.any():
        scores.closed += (site.weight("outside", closed),)


def _mask(site: Site, scores: _Scores, columns: int) -> None:
    """Input 3: true for what stays, or what is added; of columns that it lacks nothing stays."""
    shape = site.shape(3)
    lacking = columns - shape[-1]
    if lacking < 0 or (lacking and shape[-1] == 1):
        raise Refusal(f"expected a mask of {columns} columns, got the shape {shape}")
    if lacking:
        scores.closed += (site.weight("lacking", np.arange(columns) >= shape[-1]),)

    def wide(x: str) -> str:
        return fitted(site, x, (0,) * len(shape), (*(0,) * (len(shape) - 1), lacking))

    if site.is_constant(3):
        array = site.array(3, "mask")
        deep = ~array if array.dtype == bool else array <= LOWEST
        if deep.any():
            scores.closed += (wide(site.weight("closed", deep, 3)),)
        if array.dtype != bool:
            scores.biases += (wide(site.weight("bias", np.where(deep, 0, array), 3)),)
    elif isinstance(site.graph.type_of(site.source(3)).kind, Boolean):
        one = site.weight("one", np.ones(()))
        scores.closed += (wide(site.step("sub", "closed", one, site.source(3))),)
    else:
        scores.biases += (wide(site.operand(3)),)


def _three(site: Site, heads: int) -> list[str]:
    """Queries, keys and values by head: of three tensors, or packed in two or in one."""
    if site.has(1) and site.has(2):
        return [_by_head(site, site.operand(i), heads) for i in range(3)]
    place, count = (1, 2) if site.has(1) else (0, 3)
    shape = site.shape(place)
    if len(shape) != 5 or shape[3] != count:
        raise Refusal(f"expected queries, keys and values, or {count} packed, got {shape}")
    packed = [sliced(site, site.operand(place), {3: (n, n + 1, 1)}) for n in range(count)]
    parts = [
        permuted(site, reshaped(site, part, (*shape[:3], shape[4])), (0, 2, 1, 3))
        for part in packed
    ]
    return parts if count == 3 else [_by_head(site, site.operand(0), heads), *parts]


def _biased(site: Site, parts: Sequence[str], place: int, widths: Sequence[int]) -> list[str]:
    """Queries, keys and values by head, plus their parts of one vector."""
    bias, biased = site.operand(place), []
    ends = np.cumsum((0, *widths)).tolist()
    for n, part in enumerate(parts):
        _, heads, _, width = site.graph.shape(part)
        own = sliced(site, bias, {0: (ends[n], ends[n + 1], 1)})
        biased.append(site.step("add", "biased", part, reshaped(site, own, (heads, 1, width))))
    return biased


def _fused(site: Site, parts: Sequence[str], past: int, *, mask: int, bias: int) -> None:
    """What the operators of com.microsoft have in common. past: how many of the keys and values are
    cached. mask, bias: the inputs' places.
    """
    q, k, v = parts
    batch, _, rows, width = site.graph.shape(q)
    columns = site.graph.shape(k)[2]
    depth = -float(site.attr("mask_filter_value", -10000.0))
    if not 0 < depth < math.inf:
        raise Refusal(f"expected a mask_filter_value that is finite and negative, got {-depth}")
    scale = float(site.attr("scale", 0.0)) or 1 / math.sqrt(width)
    scores = _Scores(scale, empty=False, beyond=depth)
    if site.has(bias):
        scores.biases += (site.operand(bias),)
    if site.has(mask):
        scores.closed += (_closed(site, mask, (batch, rows, columns)),)
    if site.attr("unidirectional", 0):
        if columns > past + rows:
            raise Refusal(
                f"expected at most {rows} new keys for {rows} rows that are unidirectional, got "
                f"{columns - past}, all of which onnxruntime lets the last row see"
            )
        scores.closed = _with_future(site, scores, np.triu(np.ones((rows, columns)), past + 1))
    y, _ = _attended(site, q, k, v, scores)
    site.keep(_joined(site, y))


def _with_future(site: Site, scores: _Scores, future: Floats) -> tuple[str, ...]:
    """What is closed, and what comes after a row, where future is one: that is taken down by
    LOWEST, deeper than by a mask of less, so that it counts twice, and as deep as by one as deep.
    """
    if not scores.closed or scores.beyond < -LOWEST:
        return (*scores.closed, site.weight("causal", 2 * future))
    (closed,) = scores.closed
    if closed in site.graph.weights:
        return (site.weight("both", np.maximum(site.graph.weights[closed], future)),)
    one, past = site.weight("one", np.ones(())), site.weight("past", 1 - future)
    kept = site.step("mul", "kept", site.step("sub", "open", one, closed), past)
    return (site.step("sub", "both", one, kept),)


def _closed(site: Site, place: int, extents: Shape) -> str:
    """One for each entry that a mask of integers takes out, which has a number for each column, for
    each pair of row and column, or the length of each sample, and then perhaps where it starts.
    """
    (batch, rows, columns), shape = extents, site.shape(place)
    one = site.weight("one", np.ones(()))
    if len(shape) == 1 and shape[0] in (batch, 2 * batch):
        numbers = site.weight("columns", np.arange(columns))
        given = reshaped(site, site.any_operand(place), (shape[0] // batch, batch, 1, 1, 1))
        bounds = [
            reshaped(site, sliced(site, given, {0: (n, n + 1, 1)}), (batch, 1, 1, 1))
            for n in range(shape[0] // batch)
        ]
        if site.is_constant(place):
            arrays = [site.graph.weights[bound] for bound in bounds]
            inside = np.arange(columns) < arrays[0]
            inside &= np.all([np.arange(columns) >= start for start in arrays[1:]], axis=0)
            return site.weight("closed", ~inside, place)
        kept = site.step("less", "before the end", numbers, bounds[0])
        for start in bounds[1:]:
            early = site.step("less", "before the start", numbers, start)
            kept = site.step("mul", "inside", kept, site.step("sub", "started", one, early))
        return site.step("sub", "closed", one, kept)
    wide: Shape = {2: (batch, 1, 1, columns), 3: (batch, 1, rows, columns)}.get(len(shape), ())
    if math.prod(wide) != math.prod(shape) or shape[-1] != columns:
        raise Refusal(f"expected a mask of {columns} columns for each sample, got {shape}")
    if site.is_constant(place):
        return site.weight("closed", site.array(place, "mask").reshape(wide) == 0, place)
    return site.step("sub", "closed", one, reshaped(site, site.source(place), wide))


def _attended(site: Site, q: str, k: str, v: str, how: _Scores) -> tuple[str, list[str]]:
    """The values by their shares, [batch, heads, rows, width of the values]; and the scores as they
    are scaled, then bent, then with biases, and the shares, [batch, heads, rows, columns].
    """
    batch, heads, rows, _ = site.graph.shape(q)
    _, groups, columns, width = site.graph.shape(k)
    if heads % groups or site.graph.shape(v)[:3] != (batch, groups, columns):
        raise Refusal(
            f"expected keys and values that fit, got {site.graph.shape(q)}, "
            f"{site.graph.shape(k)} and {site.graph.shape(v)}"
        )
    together = (batch, groups, heads // groups * rows)
    turned = permuted(site, k, (0, 1, 3, 2))
    products = site.step("matmul", "scores", reshaped(site, q, (*together, width)), turned)
    products = reshaped(site, products, (batch, heads, rows, columns))

    def scaled(factor: float) -> str:
        number = finite(np.array(factor), "scale")
        return site.step("mul", "scaled", products, site.weight("scale", number))

    s = scaled(how.scale)
    stages = [s]
    if how.cap:
        part = scaled(how.scale / how.cap)
        bent = site.step("function", "bent", part, function="tanh")
        s = site.step("mul", "capped", bent, site.weight("cap", np.array(how.cap)))
    stages.append(s)
    for bias in how.biases:
        s = site.step("add", "masked", s, bias)
    p = _shares(site, s, how)
    stages += [s, p]
    y = site.step("matmul", "attended", reshaped(site, p, (*together, columns)), v)
    return reshaped(site, y, (batch, heads, rows, site.graph.shape(v)[3])), stages


def _shares(site: Site, s: str, how: _Scores) -> str:
    """The softmax of scores [batch, heads, rows, columns].

    With marks there is one more column where empty rows are zero: its only mark is less than the
    two that each taken entry then has, so that it takes all of such a row and nothing of others.
    """
    if not how.closed:
        return _only(site, s) or site.step("softmax", "shares", s, axis=3)
    absorbing = not how.empty and how.beyond >= ABSORBING
    attrs = {"axis": -1, "absorbing": absorbing, "beyond": how.beyond}
    shape = site.graph.shape(s)
    marks, array = _marks(site, how)
    filled = array is not None and not np.broadcast_to(array, shape).all(axis=-1).any()
    if not how.empty or filled:
        return _only(site, s) or site.step("masked_softmax", "shares", s, marks, **attrs)
    rank = len(site.graph.shape(marks))
    s = site.step("pad", "more", s, pads=(*(0,) * 7, 1), value=0.0)
    twice = site.step("add", "twice", marks, marks) if array is None else marks
    if array is None:
        marks = site.step("pad", "marks", twice, pads=(*(0,) * (2 * rank - 1), 1), value=1.0)
    else:
        more = np.pad(2 * array, [(0, 0)] * (rank - 1) + [(0, 1)], constant_values=1.0)
        marks = site.weight("marks", more)
    shares = site.step("masked_softmax", "shares", s, marks, **attrs)
    return sliced(site, shares, {3: (0, shape[3], 1)})


def _only(site: Site, s: str) -> str:
    """The shares of rows of one entry, which has all; empty for other rows."""
    return site.step("clip", "all", s, low=1.0, high=1.0) if site.graph.shape(s)[3] == 1 else ""


def _marks(site: Site, how: _Scores) -> tuple[str, Floats | None]:
    """The sum of what takes entries out, and its entries if it is constant."""
    computed = [name for name in how.closed if name not in site.graph.weights]
    arrays = [site.graph.weights[name] for name in how.closed if name in site.graph.weights]
    constant = reduce(np.maximum, arrays) if arrays else None
    names = [*computed, *([] if constant is None else [site.weight("marks", constant)])]
    marks = reduce(lambda a, b: site.step("add", "both", a, b), names)
    return marks, None if computed else constant


CONVERTERS: Converters = {
    ("", "Attention"): attention,
    ("", "RotaryEmbedding"): rotary_embedding,
    (MICROSOFT_DOMAIN, "Attention"): packed_attention,
    (MICROSOFT_DOMAIN, "GroupQueryAttention"): grouped_query_attention,
    (MICROSOFT_DOMAIN, "MultiHeadAttention"): multi_head_attention,
    (MICROSOFT_DOMAIN, "RotaryEmbedding"): rotary_embedding,
}
