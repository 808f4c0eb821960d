"""The fixed-point operators: one file each, one contract, one table."""

from importlib import import_module
from pkgutil import iter_modules

from zkinfer.ops.contract import Operator

_NAMES = sorted(module.name for module in iter_modules(__path__))
_MODULES = {name: import_module(f"{__name__}.{name}") for name in _NAMES}

OPS: dict[str, Operator] = {
    name: module.OP for name, module in _MODULES.items() if hasattr(module, "OP")
}
"""By name: every file of this folder that makes one."""
