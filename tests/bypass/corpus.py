"""The corpus: all families of attempts, one module each kind."""

import importlib
import pathlib

NAMES = sorted(
    path.stem
    for path in (pathlib.Path(__file__).parent / "families").glob("*.py")
    if path.stem != "__init__"
)


def families():
    """Every Family of every module, in the order of the modules' names."""
    return [family for name in NAMES for family in importlib.import_module(name).FAMILIES]


def cases():
    return [case for family in families() for case in family.cases]
