"""One ONNX node, read once, and the exception with which a converter refuses it.

Its message goes on from "node <name> (<op>, domain <domain>): "; the importer gathers these into
one error.
"""

from collections.abc import Container, Mapping
from dataclasses import dataclass
from typing import Any

import onnx
from onnx import helper

from zkinfer.layers.contract import Refusal

__all__ = [
    "DEFAULT_DOMAIN",
    "MICROSOFT_DOMAIN",
    "ML_DOMAIN",
    "OnnxNode",
    "Refusal",
    "canonical_domain",
    "read_node",
]

DEFAULT_DOMAIN = "ai.onnx"
ML_DOMAIN = "ai.onnx.ml"
MICROSOFT_DOMAIN = "com.microsoft"


@dataclass(frozen=True)
class OnnxNode:
    """A node of the model.

    name: the node's own, or its first output's. domain: empty for the standard operators. version:
    of the opset that the model imports for the domain. inputs, outputs: an empty name stands for
    one left out.
    """

    name: str
    op: str
    domain: str
    version: int
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attrs: Mapping[str, Any]
    proto: onnx.NodeProto

    @property
    def title(self) -> str:
        """What messages call the node."""
        return f"node {self.name} ({self.op}, domain {self.domain or DEFAULT_DOMAIN})"

    def has_input(self, index: int) -> bool:
        """Whether the node names an input at this place."""
        return index < len(self.inputs) and self.inputs[index] != ""

    def uses_output(self, index: int, used: Container[str]) -> bool:
        """Whether one of the tensors in use is the node's output at this place."""
        return index < len(self.outputs) and self.outputs[index] in used


def canonical_domain(domain: str) -> str:
    """The domain, empty for the standard operators under either name."""
    return "" if domain == DEFAULT_DOMAIN else domain


def read_node(proto: onnx.NodeProto, opsets: Mapping[str, int]) -> OnnxNode:
    """The node, its strings decoded. opsets: versions by canonical domain."""
    domain = canonical_domain(proto.domain)
    return OnnxNode(
        name=proto.name or next(filter(None, proto.output), "without a name"),
        op=proto.op_type,
        domain=domain,
        version=opsets.get(domain, 0),
        inputs=tuple(proto.input),
        outputs=tuple(proto.output),
        attrs={attribute.name: _value(attribute) for attribute in proto.attribute},
        proto=proto,
    )


def _value(attribute: onnx.AttributeProto) -> Any:
    """The attribute's value, None for one that refers to a function's attribute."""
    if attribute.ref_attr_name:
        return None
    value = helper.get_attribute_value(attribute)
    return list(map(_text, value)) if isinstance(value, list) else _text(value)


def _text(value: Any) -> Any:
    """A string decoded, anything else as it is."""
    return value.decode(errors="replace") if isinstance(value, bytes) else value
