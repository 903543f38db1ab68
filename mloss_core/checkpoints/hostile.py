"""Names that no checkpoint needs. Reading is safe without this list; it tells the user what kind of file this is."""

from collections.abc import Iterable

from mloss_core.checkpoints.pickle_data import Global
from mloss_core.errors import CheckpointError

_MODULES = (
    "os",
    "posix",
    "nt",
    "subprocess",
    "sys",
    "importlib",
    "runpy",
    "shutil",
    "socket",
    "ctypes",
    "pickle",
    "_pickle",
    "marshal",
    "code",
    "pty",
    "webbrowser",
    "asyncio",
    "multiprocessing",
    "commands",
    "platform",
    "pip",
)
_TORCH_MODULES = ("torch.hub", "torch.jit", "torch.serialization", "torch.utils.cpp_extension", "torch.package")
_HARMLESS = {Global("torch.serialization", "_get_layout")}
"""What sparse tensors name below a module that has no place in a checkpoint otherwise."""
_BUILTINS = {
    "set",
    "frozenset",
    "complex",
    "slice",
    "range",
    "bytearray",
    "object",
    "list",
    "dict",
    "tuple",
    "int",
    "float",
    "str",
    "bool",
    "bytes",
    "getattr",
    "print",
}


def refuse_hostile(names: Iterable[Global], file: str) -> None:
    """Refuse a file that mentions a name no checkpoint needs, even in an unused attribute.

    Raises:
        CheckpointError: naming what was found; nothing of the file was run.
    """
    for name in sorted(names, key=str):
        saver = name.module.split(".")[0]
        if saver in {"dill", "cloudpickle"}:
            raise CheckpointError(f"{file} was saved with {saver}; re-save its state_dict with torch.save.")
        if _is_hostile(name):
            raise CheckpointError(
                f"{file} names {name}, which no checkpoint needs. Refused; nothing was run. "
                "Do not open this file with torch.load(weights_only=False)."
            )


def _is_hostile(name: Global) -> bool:
    module, first = name.module, name.module.split(".")[0]
    if name in _HARMLESS:
        return False
    if first in _MODULES or module.startswith(_TORCH_MODULES):
        return True
    if module in {"builtins", "__builtin__"}:
        return name.name not in _BUILTINS
    return first == "torch" and "." in name.name
