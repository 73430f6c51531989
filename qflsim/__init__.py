"""qflsim: a discrete-event simulator of quantum federated learning over 6G radio networks.

`load` a scenario, `run` it, and ask its `Trace`. They are imported when first asked for, so that the command line
answers at once.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qflsim.scenario.load import load
    from qflsim.study.run import run
    from qflsim.trace.reader import Trace

__all__ = ["Trace", "load", "run"]

_HOMES = {"Trace": "qflsim.trace.reader", "load": "qflsim.scenario.load", "run": "qflsim.study.run"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'qflsim' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
