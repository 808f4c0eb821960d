"""The float operators: one file each, one contract (zkinfer.layers.contract), one table."""

from importlib import import_module
from pkgutil import iter_modules

from zkinfer.layers.contract import Attrs, Layer

_NAMES = sorted(module.name for module in iter_modules(__path__))
_MODULES = {name: import_module(f"{__name__}.{name}") for name in _NAMES}

LAYERS: dict[str, Layer] = {
    name: module.LAYER for name, module in _MODULES.items() if hasattr(module, "LAYER")
}
"""By name: every file of this folder that makes one."""

PRODUCT = "mul"
"""The layer of products entry by entry."""

COPY = "clip"
COPY_ATTRS: Attrs = {"low": float("-inf"), "high": float("inf")}
"""The layer whose output, with these attributes, is its operand in a format of its own."""
