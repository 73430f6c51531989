"""Which `kind` of a scenario file is which model. One table, one function that reads it."""

import importlib
from typing import Any

from pydantic import GetCoreSchemaHandler, ValidationError, ValidationInfo
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from qflsim.learning.aggregation import (
    Async,
    Buffered,
    Constant,
    Deadline,
    Hinge,
    Mean,
    Polynomial,
    Quorum,
    Threshold,
    WaitAll,
)  # fmt: skip
from qflsim.learning.classification import Classification
from qflsim.learning.estimators import Exact, ParameterShift, Spsa
from qflsim.learning.graphs import (
    CompleteGraphs,
    ErdosRenyiGraphs,
    RegularGraphs,
    SherringtonKirkpatrick,
    WattsStrogatzGraphs,
)  # fmt: skip
from qflsim.learning.graphs_files import FileGraphs
from qflsim.learning.interference import InterferenceGraphs
from qflsim.learning.mixtures import MixedGraphs
from qflsim.learning.optimizers import Adam, GradientSteps
from qflsim.learning.qaoa_task import Qaoa
from qflsim.model import Model
from qflsim.radio.fading import Nakagami, NoFading, Rayleigh, Rician
from qflsim.radio.handover import A3
from qflsim.radio.pathloss_city import Uma, UmiStreetCanyon
from qflsim.radio.pathloss_country import Rma, Sma
from qflsim.radio.pathloss_indoor import IndoorFactory, IndoorHotspot
from qflsim.radio.pathloss_power_law import CloseIn, FreeSpace, LogDistance
from qflsim.radio.pathloss_roadside import Roadside
from qflsim.radio.penetration import Building, Car, FixedPenetration, NoPenetration
from qflsim.radio.rate import GapRate, Shannon, TruncatedShannon
from qflsim.radio.rate_schemes import McsRate
from qflsim.radio.sharing import AlphaFair
from qflsim.world.backhaul import IdealBackhaul, LinkedBackhaul, PatternBackhaul
from qflsim.world.blockage import Blockage, GilbertElliott
from qflsim.world.compute import IonTrap, Simulator, Superconducting
from qflsim.world.mobility import RandomWaypoint, Static
from qflsim.world.mobility_files_bonnmotion import BonnMotion
from qflsim.world.mobility_files_csv import CsvFile
from qflsim.world.mobility_files_gpx import Gpx
from qflsim.world.mobility_files_ns2 import Ns2
from qflsim.world.mobility_files_sumo import SumoFcd
from qflsim.world.mobility_groups import Group
from qflsim.world.mobility_open import GaussMarkov, RandomDirection
from qflsim.world.mobility_streets import Highway, Manhattan
from qflsim.world.outages import CalendarOutage, RegionalOutage, RenewalOutage
from qflsim.world.split import SplitProcessor

CATALOGUE: dict[str, dict[str, type[Model]]] = {
    "mobility": {
        "static": Static,
        "random-waypoint": RandomWaypoint,
        "random-direction": RandomDirection,
        "gauss-markov": GaussMarkov,
        "manhattan": Manhattan,
        "highway": Highway,
        "group": Group,
        "sumo-fcd": SumoFcd,
        "ns2": Ns2,
        "bonnmotion": BonnMotion,
        "csv": CsvFile,
        "gpx": Gpx,
    },
    "outage": {"renewal": RenewalOutage, "calendar": CalendarOutage, "regional": RegionalOutage},
    "link outage": {"blockage": Blockage, "gilbert-elliott": GilbertElliott},
    "processor": {
        "superconducting": Superconducting,
        "ion-trap": IonTrap,
        "simulator": Simulator,
        "split": SplitProcessor,
    },
    "path loss": {
        "umi-street-canyon": UmiStreetCanyon,
        "uma": Uma,
        "rma": Rma,
        "sma": Sma,
        "indoor-hotspot": IndoorHotspot,
        "indoor-factory": IndoorFactory,
        "roadside": Roadside,
        "free-space": FreeSpace,
        "log-distance": LogDistance,
        "close-in": CloseIn,
    },
    "penetration": {"none": NoPenetration, "fixed": FixedPenetration, "car": Car, "building": Building},
    "fading": {"none": NoFading, "rayleigh": Rayleigh, "rician": Rician, "nakagami": Nakagami},
    "rate": {"gap": GapRate, "shannon": Shannon, "truncated-shannon": TruncatedShannon, "mcs": McsRate},
    "handover": {"a3": A3},
    "sharing": {"alpha-fair": AlphaFair},
    "backhaul": {"ideal": IdealBackhaul, "pattern": PatternBackhaul, "links": LinkedBackhaul},
    "graphs": {
        "regular": RegularGraphs,
        "complete": CompleteGraphs,
        "erdos-renyi": ErdosRenyiGraphs,
        "watts-strogatz": WattsStrogatzGraphs,
        "sherrington-kirkpatrick": SherringtonKirkpatrick,
        "mixture": MixedGraphs,
        "file": FileGraphs,
        "interference": InterferenceGraphs,
    },
    "task": {"qaoa": Qaoa, "classification": Classification},
    "gradient": {"exact": Exact, "spsa": Spsa, "parameter-shift": ParameterShift},
    "optimizer": {"gradient-steps": GradientSteps, "adam": Adam},
    "when": {"wait-all": WaitAll, "quorum": Quorum, "deadline": Deadline, "async": Async, "buffered": Buffered},
    "weight": {"constant": Constant, "polynomial": Polynomial, "hinge": Hinge, "threshold": Threshold},
    "combine": {"mean": Mean},
}


class OfKind:
    """Marks a field of a `Model` whose section chooses its own model by `kind`, and reads such sections.

    With a `default`, a section that names no kind is of that one.
    """

    def __init__(self, family: str, default: str | None = None) -> None:
        self.family, self.default = family, default

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """A plain validator, and a serializer by the model found."""
        as_data = core_schema.plain_serializer_function_ser_schema(lambda model: model.model_dump(mode="json"))
        return core_schema.with_info_plain_validator_function(self.read, serialization=as_data)

    def read(self, value: Any, info: ValidationInfo) -> Any:
        """The model that `value` describes; a `kind` of the user's own, `package.module:Class`, needs permission."""
        if isinstance(value, Model):
            return value
        if not isinstance(value, dict):
            raise PydanticCustomError("section", "a section with a kind: {known}", {"known": self._known()})
        if self.default is not None:
            value = {"kind": self.default, **value}
        if "kind" not in value:
            raise PydanticCustomError("no_kind", "kind = {known}", {"known": self._known()})
        model = self.model(value["kind"], bool(info.context and info.context.get("plugins")))
        try:
            return model.model_validate(value, context=info.context)
        except ValidationError as error:
            raise PydanticCustomError("inside", "see inside", {"errors": error.errors(), "model": model}) from None

    def model(self, kind: Any, plugins: bool) -> type[Model]:
        """The class that a kind names."""
        known = CATALOGUE[self.family]
        if isinstance(kind, str) and kind in known:
            return known[kind]
        if isinstance(kind, str) and ":" in kind:
            if not plugins:
                raise PydanticCustomError(
                    "plugin", "--allow-plugins, since a model of your own is code that will run, or {known}",
                    {"known": self._known(), "at": "kind"})  # fmt: skip
            return self._plugin(kind)
        raise PydanticCustomError("kind", "{known}", {"known": self._known(), "at": "kind", "names": list(known)})

    def _plugin(self, kind: str) -> type[Model]:
        module, _, name = kind.partition(":")
        try:
            found = getattr(importlib.import_module(module), name)
        except Exception as error:  # whatever the user's module does
            message = "a class that can be imported ({error})"
            raise PydanticCustomError("plugin", message, {"error": str(error), "at": "kind"}) from None
        if not (isinstance(found, type) and issubclass(found, Model)):
            raise PydanticCustomError("plugin", "a class derived from qflsim.model.Model", {"at": "kind"})
        return found

    def _known(self) -> str:
        return " or ".join(f'"{kind}"' for kind in CATALOGUE[self.family])
