"""Functions of named fields, written out field by field: neither numba nor libNVVM loops over a tuple of them.

``collections.namedtuple`` makes its own methods the same way. What is written out is an expression of this package with a field's
name in it, never a text from outside.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from kernels.ops import Ops


def named_tuple(name: str, fields: Sequence[str], module: str = __name__) -> Any:
    """A named tuple whose fields a table names; one that a module keeps under its ``name`` can be pickled."""
    return namedtuple(name, fields, module=module)  # type: ignore[misc]


def build_tuple(ops: Ops, cls: Any, arguments: str, each: str | Sequence[str], **known: Any) -> Callable[..., Any]:
    """``make(arguments)``: a ``cls`` whose every field is the expression ``each``.

    Parameters
    ----------
    cls : type
        A named tuple.
    arguments : str
        Names of the function's arguments: ``"a, b"``.
    each : str, or one a field
        The expression of a field, with ``{name}`` for its name and ``{i}`` for its position: ``"a.{name} + b.{name}"``.
    **known
        What else the expression names.

    Examples
    --------
    >>> from kernels.ops import make_ops
    >>> pair = named_tuple("Pair", ["x", "y"])
    >>> build_tuple(make_ops("numpy", "float64"), pair, "a, b", "a.{name} + b.{name}")(pair(1, 2), pair(10, 20))
    Pair(x=11, y=22)
    """
    expressions = [each] * len(cls._fields) if isinstance(each, str) else each
    fields = zip(expressions, enumerate(cls._fields), strict=True)
    values = ", ".join(expression.format(name=name, i=i) for expression, (i, name) in fields)
    return _made(ops, arguments, [f"return cls({values})"], {"cls": cls, **known})


def build_expression(ops: Ops, arguments: str, expression: str, **known: Any) -> Callable[..., Any]:
    """``value(arguments)``: one expression in which a field's name stands."""
    return _made(ops, arguments, [f"return {expression}"], known)


def build_each(ops: Ops, names: Sequence[str], arguments: str, each: str, **known: Any) -> Callable[..., None]:
    """``do(arguments)``: the statement ``each`` for every one of ``names``, in order; otherwise as :func:`build_tuple`."""
    return _made(ops, arguments, [each.format(name=name, i=i) for i, name in enumerate(names)], known)


def build_choice(
    ops: Ops, cases: Mapping[Any, Callable[..., None]], which: str, arguments: str, otherwise: Callable[..., None]
) -> Callable[..., None]:
    """``do(arguments)``: of ``cases`` the one of the number that the expression ``which`` is, else ``otherwise``.

    Examples
    --------
    >>> from kernels.ops import make_ops
    >>> said = []
    >>> cases = {3: lambda code: said.append("three")}
    >>> choose = build_choice(make_ops("numpy", "float64"), cases, "code", "code", lambda code: said.append("another"))
    >>> choose(3), choose(4), said
    (None, None, ['three', 'another'])
    """
    known = {f"case_{int(number)}": case for number, case in cases.items()} | {"otherwise": otherwise}
    lines = [f"if {which} == {int(number)}: return case_{int(number)}({arguments})" for number in cases]
    return _made(ops, arguments, [*lines, f"otherwise({arguments})"], known)


def _made(ops: Ops, arguments: str, lines: list[str], known: dict[str, Any]) -> Callable[..., Any]:
    """A closure over what is ``known``, as the functions that are written by hand are."""
    body = "\n        ".join(lines)
    text = f"def factory({', '.join(known)}):\n    def written_out({arguments}):\n        {body}\n    return written_out\n"
    namespace: dict[str, Any] = {}
    exec(compile(text, __file__, "exec"), namespace)
    return ops.function(namespace["factory"](**known))  # type: ignore[no-any-return]
