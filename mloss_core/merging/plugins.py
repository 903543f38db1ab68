"""Merging methods of the user's own: Python entry points, and files that the operator names."""

import dataclasses
import hashlib
import importlib.metadata
import os
import re
import sys
import threading
import types
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from mloss_core.caching import digest_of
from mloss_core.errors import InvalidOptionError
from mloss_core.merging.record import FLAT, NEEDS, Method, Origin
from mloss_core.options import option

GROUP = "mloss_core.methods"
"""Entry-point group of installed packages that bring methods."""
VARIABLE = "MLOSS_PLUGINS"
"""Environment variable with .py files, separated as in PATH. Set by whoever starts the program, never from a page."""
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_OPTION = frozenset(option(None, label="", help="").metadata)
"""What `option` writes down of a field."""
_FORM = "a plugin gives METHODS, a list of mloss_core.merging.Method records"


@dataclasses.dataclass(frozen=True)
class Loaded:
    """The registry with plugins, and a sentence for every plugin that could not be used."""

    methods: Mapping[str, Method]
    problems: tuple[str, ...] = ()


class MethodTable(Mapping[str, Method]):
    """Built-in methods and, from the first use on, those of plugins. A changed plugin file is read again.

    Args:
        builtin: records that plugins may add to but not replace.
    """

    def __init__(self, builtin: Mapping[str, Method]) -> None:
        self._builtin = builtin
        self._lock = threading.RLock()
        self._stamp: tuple[Any, ...] | None = None
        self._loading = False
        self._loaded = Loaded(builtin)

    @property
    def problems(self) -> tuple[str, ...]:
        """A sentence for every plugin that could not be used."""
        return self._now().problems

    def __getitem__(self, name: str) -> Method:
        return self._now().methods[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._now().methods)

    def __len__(self) -> int:
        return len(self._now().methods)

    def _now(self) -> Loaded:
        stamp = _stamp()
        if stamp != self._stamp:
            with self._lock:
                # A plugin that looks at the registry while it is imported finds what was there before.
                if stamp != self._stamp and not self._loading:
                    self._loading = True
                    try:
                        self._loaded = load(self._builtin)
                        self._stamp = stamp
                    finally:
                        self._loading = False
        return self._loaded


def load(builtin: Mapping[str, Method]) -> Loaded:
    """The built-in methods with those of all plugins; a plugin with a fault is left out whole, the rest works."""
    methods, problems = dict(builtin), []
    for where, read in _plugins():
        try:
            found, digest = read()
            records: dict[str, Method] = {}
            for method in _guarded(lambda found=found: _listed(found), "listing its METHODS"):
                _check_new(_checked(method), methods | records)
                records[method.name] = dataclasses.replace(method, origin=Origin(where, digest))
        except InvalidOptionError as error:
            problems.append(f"the plugin {where} cannot be used: {error}")
            continue
        methods |= records
    return Loaded(MappingProxyType(methods), tuple(problems))


def plugin_files() -> tuple[Path, ...]:
    """The files that the environment names, absolute, each once."""
    named = (part.strip() for part in os.environ.get(VARIABLE, "").split(os.pathsep))
    return tuple(dict.fromkeys(Path(part).expanduser().absolute() for part in named if part))


def _stamp() -> tuple[Any, ...]:
    stamp: list[Any] = []
    for path in plugin_files():
        try:
            found = path.stat()
            stamp.append((str(path), found.st_mtime_ns, found.st_size))
        except OSError:
            stamp.append((str(path), None))
    return tuple(stamp)


def _plugins() -> Iterator[tuple[str, Any]]:
    """Where each plugin is, and what reads it: () -> (what it gives, its digest)."""
    for point in sorted(importlib.metadata.entry_points(group=GROUP), key=lambda point: (point.name, point.value)):
        yield f"{point.name} ({point.value})", lambda point=point: _from_entry_point(point)
    for path in plugin_files():
        yield str(path), lambda path=path: _from_file(path)


def _from_entry_point(point: importlib.metadata.EntryPoint) -> tuple[Any, str]:
    """What an installed package offers; its digest is of the module's file and the package's version."""
    found = _guarded(point.load)
    module = sys.modules.get(point.module)
    source = Path(getattr(module, "__file__", None) or "")
    content = hashlib.sha256(source.read_bytes()).hexdigest() if source.is_file() else ""
    return found, digest_of(point.value, point.dist.version if point.dist else "", content)


def _from_file(path: Path) -> tuple[Any, str]:
    """What a file offers; exactly the bytes that are digested are run, never a compiled copy of them."""
    if path.suffix != ".py":
        raise InvalidOptionError(f"{VARIABLE} must name .py files.")
    try:
        source = path.read_bytes()
    except OSError as error:
        raise InvalidOptionError(f"it cannot be read: {error.strerror}.") from error
    digest = hashlib.sha256(source).hexdigest()
    module = types.ModuleType(f"mloss_plugin_{re.sub(r'[^0-9A-Za-z_]', '_', path.stem)}_{digest[:12]}")
    module.__file__ = str(path)
    # Dataclasses look up their own module by name.
    sys.modules[module.__name__] = module
    _guarded(lambda: exec(compile(source, str(path), "exec"), module.__dict__))
    return module, digest


def _guarded(run: Any, what: str = "importing it") -> Any:
    """Run foreign code. Whatever it raises must not take the built-in methods with it, so everything is caught here."""
    try:
        return run()
    except InvalidOptionError:
        raise
    except (Exception, SystemExit) as error:
        words = " ".join(str(error).split()) or "no message"
        raise InvalidOptionError(f"{what} fails with {type(error).__name__}: {words}.") from error


def _listed(found: Any) -> tuple[Any, ...]:
    if isinstance(found, types.ModuleType):
        found = getattr(found, "METHODS", None)
    if isinstance(found, Method):
        return (found,)
    if not isinstance(found, Iterable) or isinstance(found, (str, bytes, Mapping)):
        raise InvalidOptionError(f"{_FORM}; found {found!r:.60}.")
    return tuple(found)


def _checked(method: Any) -> Method:
    """A record that forms, the command line and merges can use."""
    if not isinstance(method, Method):
        raise InvalidOptionError(f"{_FORM}; found {method!r:.60} among them.")
    if not isinstance(method.name, str) or not _NAME.fullmatch(method.name):
        raise InvalidOptionError(f"a method's name is lower-case letters, digits and _; found {method.name!r:.60}.")
    _check_fields(method)
    _check_options(method)
    if method.target == FLAT and not hasattr(method.options_type, "plan"):
        raise InvalidOptionError(f"{method.name} needs a target, or options with a plan() as flat methods have.")
    guided = {"span", "ranking"} <= {field.name for field in dataclasses.fields(method.options_type)}
    if ("mloss" in method.needs) != method.uses_blocks or (method.uses_blocks and not guided):
        raise InvalidOptionError(
            f"{method.name}: needs 'mloss' goes with uses_blocks and the options span and ranking."
        )
    return method


def _check_fields(method: Method) -> None:
    for field in ("title", "family", "summary"):
        value = getattr(method, field)
        if not isinstance(value, str) or not value:
            raise InvalidOptionError(f"{field} of {method.name} must be a text; found {value!r:.60}.")
    if not isinstance(method.needs, (frozenset, set)) or not method.needs <= NEEDS:
        listed = ", ".join(sorted(NEEDS))
        raise InvalidOptionError(f"needs of {method.name} must be a set of {listed}; found {method.needs!r:.60}.")
    if method.output not in ("single", "per_task"):
        raise InvalidOptionError(f"output of {method.name} must be single or per_task; found {method.output!r:.60}.")
    if not callable(method.target) and not (isinstance(method.target, str) and method.target.count(":") == 1):
        raise InvalidOptionError(
            f"target of {method.name} must be a function or 'module:function'; found {method.target!r:.60}."
        )


def _check_options(method: Method) -> None:
    options_type = method.options_type
    if not (isinstance(options_type, type) and dataclasses.is_dataclass(options_type)):
        raise InvalidOptionError(f"options_type of {method.name} must be a dataclass; found {options_type!r:.60}.")
    plain = [field.name for field in dataclasses.fields(options_type) if not set(field.metadata) >= _OPTION]
    if plain:
        raise InvalidOptionError(
            f"options of {method.name} must be made by mloss_core.options.option; {plain[0]} is not."
        )
    _guarded(options_type, f"making the options of {method.name}")


def _check_new(method: Method, methods: Mapping[str, Method]) -> None:
    for other in methods.values():
        if other.name == method.name or (other.family, other.title) == (method.family, method.title):
            same = f"name {method.name!r}" if other.name == method.name else f"title {method.title!r}"
            owner = f"the plugin {other.origin.where}" if other.origin else "a built-in method"
            raise InvalidOptionError(f"a method's name and title must be its own; the {same} is that of {owner}.")
