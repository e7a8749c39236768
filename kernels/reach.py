"""What a compiled function is made of: the functions that it reaches, the values closed over, the files that these stand in.

A function is compiled with all that it closes over, so the first two are read off its objects. What stands in a file besides (the
constants of a module, what a function was built from, what is registered with the compiler) is covered by the file's text and by
the text of every file that it imports, within this package: too many rather than one too few (docs/adr/0006).
"""

from __future__ import annotations

import ast
import hashlib
import re
import sys
import sysconfig
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent
"""Of this package."""

_OTHERS = tuple(Path(folder).resolve() for folder in (sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")))
"""Whose code is known by its version."""
_ADDRESS = re.compile(r" at 0x[0-9a-f]+")


def reach_digest(function: Callable[..., Any], compiled_by: Path) -> str:
    """Digest of all that the compiled ``function`` follows from, arguments, processor and versions apart.

    It is the same in every process and wherever the package lies. An edit of a file that is not reached leaves it as it is.

    Parameters
    ----------
    function : callable
        Plain Python, or compiled.
    compiled_by : Path
        The file that says how: it counts as reached.
    """
    files, values = _walk(function)
    files.add(compiled_by)
    digest = hashlib.sha256("\n".join(values).encode("utf-8", "surrogatepass"))
    for path in sorted(with_imports(files), key=_name):
        digest.update(f"\n{_name(path)} ".encode() + _text(path))
    return digest.hexdigest()


def reached_files(function: Callable[..., Any]) -> set[Path]:
    """Files of the functions and classes that ``function`` calls or closes over, its own among them; numba's and Python's apart."""
    return _walk(function)[0]


def with_imports(files: set[Path]) -> set[Path]:
    """``files`` and every file of this package that one of them imports, or is imported by one of those, at any depth."""
    found, left = set[Path](), set(files)
    while left:
        path = left.pop()
        found.add(path)
        left |= _imports(path) - found
    return found


def _walk(function: Callable[..., Any]) -> tuple[set[Path], list[str]]:
    """Files of what is reached, and its code and plain values in a fixed order."""
    files, values = set[Path](), list[str]()
    seen: dict[int, Any] = {}  # the objects too: an id is given again once its object is gone
    left: list[Any] = [function]
    while left:
        one = left.pop()
        inner = list(_inside(one))
        if inner and id(one) in seen:
            continue
        seen[id(one)] = one
        files |= _own_file(one)
        values.append(_shown(one))
        left.extend(reversed(inner))
    return files, values


def _inside(one: Any) -> Iterator[Any]:
    """What an object holds that can end up in compiled code, in a fixed order."""
    if isinstance(one, FunctionType):
        yield one.__code__
        yield from (cell.cell_contents for cell in one.__closure__ or () if _filled(cell))
        yield from (one.__defaults__ or ())
        yield from (one.__kwdefaults__ or {}).values()
        yield from _globals_read(one)
    elif isinstance(one, tuple | list):
        yield from one
    elif isinstance(one, Mapping):
        yield from (part for item in one.items() for part in item)
    elif isinstance(one, CodeType):
        yield from (part for part in one.co_consts if isinstance(part, CodeType))
    elif not isinstance(one, ModuleType) and isinstance(getattr(one, "py_func", None), FunctionType):
        yield one.py_func  # of numba's dispatcher


def _globals_read(function: FunctionType) -> Iterator[Any]:
    """Globals that a function names, and what it names of modules that are our own."""
    names = list(_names(function.__code__))
    for name in names:
        if name not in function.__globals__:
            continue
        value = function.__globals__[name]
        yield value
        if isinstance(value, ModuleType) and _own_file(value):
            yield from (getattr(value, other) for other in names if hasattr(value, other))


def _names(code: CodeType) -> Iterator[str]:
    """Globals and attributes that a code object names, with those of functions within it."""
    yield from code.co_names
    for part in code.co_consts:
        if isinstance(part, CodeType):
            yield from _names(part)


def _filled(cell: Any) -> bool:
    """Whether a name closed over has a value: that of a function that never came to its assignment has none."""
    try:
        return cell.cell_contents is not None or True
    except ValueError:
        return False


def _own_file(one: Any) -> set[Path]:
    """File of a function's code, a class or a module, where it is neither Python's nor an installed package's."""
    if isinstance(one, CodeType):
        name: str | None = one.co_filename
    elif isinstance(one, ModuleType):
        name = getattr(one, "__file__", None)
    elif isinstance(one, type):
        name = getattr(sys.modules.get(one.__module__), "__file__", None)
    else:
        return set()
    path = Path(name).resolve() if name else None
    if path is None or not path.is_file():
        return set()
    within = path.is_relative_to(ROOT) or not any(path.is_relative_to(folder) for folder in _OTHERS)
    return {path} if within else set()


def _shown(one: Any) -> str:
    """An object as text that is the same in every process."""
    if isinstance(one, CodeType):
        # With what was loaded, too: a file may have been edited since.
        constants = [_shown(part) for part in one.co_consts if not isinstance(part, CodeType)]
        return f"{one.co_name} {one.co_code.hex()} {one.co_names} {constants}"
    if isinstance(one, np.ndarray):
        return f"{one.dtype} {one.shape} {hashlib.sha256(one.tobytes()).hexdigest()}"
    if isinstance(one, frozenset | set):
        return f"{sorted(_shown(part) for part in one)}"
    if isinstance(one, type | ModuleType):
        return f"{getattr(one, '__module__', '')}.{one.__name__} {getattr(one, '_fields', '')}"
    if isinstance(one, FunctionType | tuple | list | Mapping):
        return type(one).__name__  # what is inside comes by itself
    return f"{type(one).__name__} {_ADDRESS.sub('', repr(one))}"


@lru_cache(maxsize=None)
def _imports(path: Path) -> frozenset[Path]:
    """Files of this package that a file imports, anywhere in it, with the packages that hold them."""
    found = set[Path]()
    if not path.is_relative_to(ROOT):
        return frozenset()
    for node in ast.walk(ast.parse(_text(path))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = ".".join([*_package(path, node.level), *([node.module] if node.module else [])])
            names = [base, *(f"{base}.{alias.name}" for alias in node.names)]
        else:
            continue
        found |= {file for name in names for file in _files_of(name)}
    return frozenset(found)


def _package(path: Path, level: int) -> list[str]:
    """The package that an import of ``level`` dots starts from."""
    within = path.relative_to(ROOT.parent).parts
    return list(within[: len(within) - level]) if level else []


def _files_of(name: str) -> Iterator[Path]:
    """Files of a module and of the packages around it; of what is no module of this package, none."""
    head, *rest = name.split(".")
    if head != ROOT.name:
        return
    at = ROOT
    yield from (path for path in (at / "__init__.py",) if path.is_file())
    for part in rest:
        at = at / part
        yield from (path for path in (at / "__init__.py", at.with_suffix(".py")) if path.is_file())


def _name(path: Path) -> str:
    """The same wherever the package lies."""
    return path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else path.name


@lru_cache(maxsize=None)
def _text(path: Path) -> bytes:
    return path.read_bytes()
