"""What is public is said to be: in `__all__`, in order, and with a docstring."""

from __future__ import annotations

import ast
import inspect
import re
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import eventproto

if TYPE_CHECKING:
    from types import ModuleType


def modules() -> list[str]:
    """By file name: importing is for the tests, so that one broken module fails only its own."""
    root = Path(eventproto.__path__[0])
    files = [file.relative_to(root.parent) for file in sorted(root.rglob("*.py"))]
    names = [".".join(file.with_suffix("").parts).removesuffix(".__init__") for file in files]
    return [name for name in names if not name.endswith("__main__")]


MODULES = modules()
PUBLIC = [name for name in MODULES if not any(part.startswith("_") for part in name.split("."))]


@pytest.fixture
def module(request: pytest.FixtureRequest) -> ModuleType:
    return import_module(request.param)


@pytest.mark.parametrize("module", PUBLIC, indirect=True)
def test_public_module_has_a_docstring_and_all(module: ModuleType) -> None:
    assert module.__doc__, "no docstring"
    assert hasattr(module, "__all__"), "no __all__"


@pytest.mark.parametrize("module", MODULES, indirect=True)
def test_names_in_all_exist_once_and_in_order(module: ModuleType) -> None:
    names = list(getattr(module, "__all__", []))
    assert [name for name in names if not hasattr(module, name)] == []
    assert names == sorted(set(names), key=order_of_ruff)


@pytest.mark.parametrize("module", PUBLIC, indirect=True)
def test_public_names_have_docstrings(module: ModuleType) -> None:
    assert [name for name in module.__all__ if not is_documented(module, name)] == []


def order_of_ruff(name: str) -> tuple[int, list[tuple[int, str]]]:
    """The order of RUF022: constants, classes, the rest; and numbers as numbers in each."""
    rank = 0 if name.isupper() else 1 if name[0].isupper() else 2
    parts = re.findall(r"\d+|\D+", name)
    return rank, [(int(part), "") if part.isdigit() else (-1, part) for part in parts]


def is_documented(module: ModuleType, name: str) -> bool:
    thing = getattr(module, name)
    if inspect.isclass(thing):
        # Not an inherited one, and not the signature that dataclasses puts in its place.
        own = thing.__dict__.get("__doc__") or ""
        return own != "" and not own.startswith(f"{thing.__name__}(")
    if inspect.isroutine(thing) or inspect.ismodule(thing):
        return bool(inspect.getdoc(thing))
    return is_documented_assignment(module.__name__, name)


def is_documented_assignment(module: str, name: str) -> bool:
    """Constants and aliases have no docstring at run time: look for the string below them."""
    body = ast.parse(inspect.getsource(import_module(module))).body
    for statement, below in pairwise([*body, ast.Pass()]):
        match statement:
            case ast.ImportFrom(module=str(origin), names=aliases):
                for alias in aliases:
                    if name == (alias.asname or alias.name):
                        return is_documented_assignment(origin, alias.name)
            case ast.AnnAssign(target=target) | ast.Assign(targets=[target]):
                if ast.unparse(target) == name:
                    return isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant)
            case _:
                pass
    return False
