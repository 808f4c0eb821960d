"""Quantized tensors less a number that makes their readers cheaper: the zero point, or the middle.

Integers q with a zero point z are read as q - z. Where all that is made of them by moving entries
and taking the largest is read so, they are made as q - d in the first place, by a QuantizeLinear of
zero point and bounds less d, and read as (q - d) - (z - d). A convolution that pads reads them as
they are if d is z. Any other product with constants takes z - d into its bias,

    (x - z) W + b = x W + (b - z sum W),

and has the least sums if d is the middle of the range. A clip becomes part of the rounding before,
and a max_pool comes before it where that is less to round.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from zkinfer.graph import Integer, Node
from zkinfer.layers import LAYERS
from zkinfer.layers.contract import Entries
from zkinfer.onnx_import.builder import Builder
from zkinfer.ops.max_pool import tiles


def shifted(nodes: Sequence[Node], outputs: tuple[str, ...], builder: Builder) -> list[Node]:
    """The nodes, with quantized tensors shifted. New constants are added to the builder's."""
    if not any(node.op in ("quantize_linear", "dequantize_linear") for node in nodes):
        return list(nodes)
    nodes = _pooled_first(_clipped(nodes, outputs, builder), outputs, builder)
    shifting = _Shifting(nodes, outputs, builder)
    for group in shifting.groups():
        shifting.shift(group)
    shifting.fold()
    return shifting.result()


def _clipped(nodes: Sequence[Node], outputs: tuple[str, ...], builder: Builder) -> list[Node]:
    """With a clip that alone reads what a quantize makes as its bounds."""
    kept = list(nodes)
    makers = {name: place for place, node in enumerate(nodes) for name in node.outputs}
    counts = _readers(nodes)
    for place, node in enumerate(nodes):
        at = makers.get(node.inputs[0]) if node.op == "clip" else None
        if at is None or kept[at].op != "quantize_linear":
            continue
        made = kept[at]
        if len(counts[node.inputs[0]]) > 1 or node.inputs[0] in outputs:
            continue
        low = max(made.attrs["low"], int(max(node.attrs["low"], made.attrs["low"])))
        high = min(made.attrs["high"], int(min(node.attrs["high"], made.attrs["high"])))
        if low < high:
            attrs = {**made.attrs, "low": low, "high": high}
            kept[place] = replace(made, outputs=node.outputs, attrs=attrs)
            builder.kinds[node.outputs[0]] = Integer(low, high)
            makers[node.outputs[0]] = place
            kept[at] = replace(made, outputs=())
    return [node for node in kept if node.outputs]


def _pooled_first(nodes: list[Node], outputs: tuple[str, ...], builder: Builder) -> list[Node]:
    """With a quantize after the max_pool that alone reads it, where windows tile their operand: the
    order does not matter to what never decreases, and fewer numbers are rounded.
    """
    makers = {name: place for place, node in enumerate(nodes) for name in node.outputs}
    counts, kept = _readers(nodes), list(nodes)
    for place, pool in enumerate(nodes):
        at = makers.get(pool.inputs[0]) if pool.op == "max_pool" else None
        if at is None or nodes[at].op != "quantize_linear" or pool.inputs[0] in outputs:
            continue
        made, (x,) = nodes[at], nodes[at].inputs
        by_channel = made.attrs["behind"] == len(builder.shape(x)) - 2
        single = len(made.attrs["scales"]) == 1 or by_channel
        if len(counts[pool.inputs[0]]) > 1 or not single or not tiles(pool.attrs, builder.shape(x)):
            continue
        if x not in makers or len(counts[x]) > 1 or x in outputs or x in builder.alike:
            continue
        pooled = builder.new_tensor(f"{pool.outputs[0]}/sums")
        builder.shapes[pooled] = builder.shape(pool.outputs[0])
        builder.kinds[pooled] = builder.type_of(x).kind
        kept[at] = replace(pool, inputs=(x,), outputs=(pooled,))
        kept[place] = replace(made, inputs=(pooled,), outputs=pool.outputs)
    return kept


def _readers(nodes: Sequence[Node]) -> dict[str, list[int]]:
    """The places of the nodes that read each tensor."""
    found: dict[str, list[int]] = {}
    for place, node in enumerate(nodes):
        for name in dict.fromkeys(node.inputs):
            found.setdefault(name, []).append(place)
    return found


@dataclass
class _Shifting:
    """The nodes so far; those that are no longer needed have no outputs. names: that tensors have
    instead of their own.
    """

    nodes: list[Node]
    outputs: tuple[str, ...]
    builder: Builder
    names: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.readers = _readers(self.nodes)

    def result(self) -> list[Node]:
        """The nodes under the new names."""

        def renamed(names: tuple[str, ...]) -> tuple[str, ...]:
            return tuple(self.names.get(name, name) for name in names)

        return [
            replace(node, inputs=renamed(node.inputs), outputs=renamed(node.outputs))
            for node in self.nodes
            if node.outputs
        ]

    def groups(self) -> list[list[str]]:
        """Tensors that hold entries of one another, all of them of quantized ones."""
        group: dict[str, list[str]] = {}
        for node in self.nodes:
            if node.op == "quantize_linear":
                group[node.outputs[0]] = [node.outputs[0]]
            elif self._moves(node) and all(name in group for name in node.inputs):
                joined = [*dict.fromkeys(n for name in node.inputs for n in group[name])]
                joined += node.outputs
                group.update(dict.fromkeys(joined, joined))
        distinct = {id(names): names for names in group.values()}
        return [names for names in distinct.values() if self._is_free(names)]

    def _moves(self, node: Node) -> bool:
        entries = LAYERS[node.op].entries
        return entries in (Entries.MOVED, Entries.LARGEST) and node.op != "pad"

    def _is_free(self, names: list[str]) -> bool:
        """Whether nothing reads the tensors but as what integers stand for."""
        known = set(names)
        for name in names:
            if name in self.outputs or name in self.builder.alike:
                return False
            for place in self.readers.get(name, ()):
                node = self.nodes[place]
                inside = self._moves(node) and known.issuperset(node.outputs)
                if not inside and node.op != "dequantize_linear":
                    return False
        return True

    def shift(self, names: list[str]) -> None:
        """Shifts a group of tensors by what serves its readers best."""
        reading = [
            place
            for name in names
            for place in self.readers.get(name, ())
            if self.nodes[place].op == "dequantize_linear"
        ]
        centring = [p for p in reading if set(self.nodes[p].attrs["scales"]) == {1.0}]
        kinds = [self.builder.type_of(name).kind for name in names]
        ends = [(kind.low, kind.high) for kind in kinds if isinstance(kind, Integer)]
        if not centring or len(ends) < len(names):
            return
        low, high = min(low for low, _ in ends), max(high for _, high in ends)
        fixed = [self.nodes[p].attrs["zeros"][0] for p in centring if not self._folds(p)]
        by = fixed[0] if fixed else (low + high + 1) // 2
        makers = [
            p
            for p, n in enumerate(self.nodes)
            if n.op == "quantize_linear" and n.outputs[0] in names
        ]
        for place in makers:
            node = self.nodes[place]
            ends_of = {end: node.attrs[end] - by for end in ("low", "high")}
            self._change(place, **ends_of, zeros=tuple(z - by for z in node.attrs["zeros"]))
        for place in reading:
            zeros = tuple(zero - by for zero in self.nodes[place].attrs["zeros"])
            self._change(place, zeros=zeros)
        if by:
            for name, (least, most) in zip(names, ends, strict=True):
                self.names[name] = new = self.builder.new_tensor(f"{name}/shifted")
                self.builder.shapes[new] = self.builder.shapes[name]
                self.builder.kinds[new] = Integer(least - by, most - by)

    def fold(self) -> None:
        """Takes nodes out that move integers by nothing, or by what biases can take in."""
        for place, node in enumerate(self.nodes):
            if node.op == "dequantize_linear" and set(node.attrs["scales"]) == {1.0}:
                self._remove(place)

    def _change(self, place: int, **attrs: object) -> None:
        node = self.nodes[place]
        self.nodes[place] = replace(node, attrs={**node.attrs, **attrs})

    def _folds(self, place: int) -> bool:
        """Whether all that read what a node makes take a number into their biases."""
        (output,) = self.nodes[place].outputs
        readers = [self.nodes[p] for p in self.readers.get(output, ())]
        single = len(self.nodes[place].attrs["zeros"]) == 1 and output not in self.outputs
        return single and all(self._takes(node, output) for node in readers)

    def _takes(self, node: Node, name: str) -> bool:
        if node.op not in ("conv", "matmul") or node.inputs[0] != name:
            return False
        weights = self.builder.weights.get(node.inputs[1])
        padded = node.op == "conv" and any(node.attrs["pads"])
        return weights is not None and weights.ndim > 1 and not padded

    def _remove(self, place: int) -> None:
        """Takes a node that moves integers by a number out, if that is 0 or goes into biases."""
        node = self.nodes[place]
        (output,), (zero, *_) = node.outputs, node.attrs["zeros"]
        whole = set(node.attrs["zeros"]) == {0} and output not in self.outputs
        if not whole and not self._folds(place):
            return
        for reader in self.readers.get(output, ()):
            found = self.nodes[reader]
            inputs = tuple(node.inputs[0] if name == output else name for name in found.inputs)
            if zero:
                inputs = (*inputs[:2], self._bias(found, zero))
            self.nodes[reader] = replace(found, inputs=inputs)
        self.nodes[place] = replace(node, outputs=())

    def _bias(self, node: Node, zero: int) -> str:
        """A product's bias less a number times the sums of its weights."""
        weights = self.builder.weights[node.inputs[1]]
        axes = tuple(range(1, weights.ndim)) if node.op == "conv" else (-2,)
        bias = -zero * weights.sum(axis=axes)
        if len(node.inputs) == 3:
            bias = self.builder.weights[node.inputs[2]] + bias
        name = self.builder.new_weight(f"{node.name}/bias", bias)
        self.builder.kinds[name] = self.builder.type_of(node.outputs[0]).kind
        return name
