"""Classes of somebody else, loaded by name: only where it was allowed, which who calls this has checked."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cosim.errors import CouplingError


@contextmanager
def importable(folder: Path) -> Iterator[None]:
    """Let modules of a folder be imported for a while.

    Args:
        folder: That of a scenario.
    """
    entry = str(folder.resolve())
    known = set(sys.modules)
    sys.path.insert(0, entry)
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path.remove(entry)
        # Another scenario's folder may hold a module of the same name.
        for name in set(sys.modules) - known:
            file = Path(getattr(sys.modules[name], "__file__", None) or os.devnull)
            # Packages of an environment that lies in the folder stay.
            if file.is_relative_to(entry) and "site-packages" not in file.parts:
                del sys.modules[name]


def is_foreign(name: str) -> bool:
    """Whether a name is `module:Class`."""
    return ":" in name


def foreign_file(name: str, folder: Path) -> Path:
    """The file of a class from outside; one that is no file if it cannot be found.

    Args:
        name: Its name, `module:Class`.
        folder: Where its module may lie, besides where modules are.
    """
    with importable(folder):
        try:
            found = importlib.util.find_spec(name.partition(":")[0])
        except (ImportError, ValueError):
            found = None
    return Path(found.origin if found is not None and found.origin else os.devnull)


def foreign_class(name: str, what: str, folder: Path) -> type:
    """Load a class.

    Args:
        name: Its name, `module:Class`.
        what: What it is, for messages.
        folder: Where its module may lie, besides where modules are.

    Raises:
        CouplingError: If it cannot be loaded.
    """
    module_name, _, class_name = name.partition(":")
    try:
        with importable(folder):
            module = importlib.import_module(module_name)
    except (Exception, SystemExit) as error:
        # Whatever a module of somebody else does when it is imported: a syntax error, a failing line, an exit.
        problem = str(error) if isinstance(error, ImportError) else f"{type(error).__name__}: {error}"
        raise CouplingError(f"{what} {name!r}: module {module_name!r} cannot be imported ({problem})") from error
    cls = getattr(module, class_name, None)
    if not inspect.isclass(cls):
        raise CouplingError(f"{what} {name!r}: module {module_name!r} has no class {class_name!r}")
    return cls
