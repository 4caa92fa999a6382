"""Sections on stations and their customers, of queueing studies and of outages alike.

Units stand in each key or description.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from cosim.scenario.section import FilePath, Name, NonNegative, Positive, PositiveShare, Section, Share

Hours = Annotated[float, Field(ge=0, le=8784)]
Scv = Annotated[float, Field(ge=1e-3, le=100)]

# ------------------------------------------------------------------------------------------------ distributions


class Exponential(Section):
    """Exponential distribution."""

    kind: Literal["exponential"] = Field(description="Exponential distribution.")
    mean: Positive = Field(description="Mean, in the unit of the key that holds it.")


class Constant(Section):
    """Always the same."""

    kind: Literal["constant"] = Field(description="Always the same.")
    value: NonNegative = Field(description="The value, in the unit of the key that holds it.")


class Uniform(Section):
    """Uniform distribution."""

    kind: Literal["uniform"] = Field(description="Uniform distribution.")
    low: NonNegative = Field(description="Lowest value, in the unit of the key that holds it.")
    high: Positive = Field(description="Highest value.")


class Gamma(Section):
    """Gamma distribution: Erlang where 1 / scv is a whole number."""

    kind: Literal["gamma"] = Field(description="Gamma distribution.")
    mean: Positive = Field(description="Mean, in the unit of the key that holds it.")
    scv: Scv = Field(description="Variance over the square of the mean.")


class Lognormal(Section):
    """Lognormal distribution."""

    kind: Literal["lognormal"] = Field(description="Lognormal distribution.")
    mean: Positive = Field(description="Mean, in the unit of the key that holds it.")
    scv: Scv = Field(description="Variance over the square of the mean.")


class Listed(Section):
    """Values drawn before, one per customer, in the order of their coming."""

    kind: Literal["listed"] = Field(description="Values drawn before, one per customer.")
    values: list[NonNegative] = Field(min_length=1, description="The values, in the unit of the key that holds them.")


Distribution = Annotated[
    Exponential | Constant | Uniform | Gamma | Lognormal | Listed,
    Field(discriminator="kind"),
]

# --------------------------------------------------------------------------------------------------- arrivals


class PoissonArrivals(Section):
    """Customers come independently of each other, at any time alike."""

    kind: Literal["poisson"] = Field(description="At any time alike.")
    per_h: Positive = Field(description="Customers per hour.")


class HourlyArrivals(Section):
    """Customers come independently of each other, at a rate that changes by the hour."""

    kind: Literal["hourly"] = Field(description="At a rate that changes by the hour.")
    hours: list[Hours] = Field(
        min_length=1,
        description="Hours since midnight from which on a rate holds, increasing; past 24 for the next day.",
    )
    per_h: list[NonNegative] = Field(min_length=1, description="Customers per hour from each of them on.")


class RenewalArrivals(Section):
    """Times between customers are drawn one by one."""

    kind: Literal["renewal"] = Field(description="Times between customers are drawn one by one.")
    between_h: Distribution = Field(description="Time between two customers [h].")


class ListedArrivals(Section):
    """Customers come at times that are listed."""

    kind: Literal["listed"] = Field(description="At times that are listed.")
    at_h: list[Hours] = Field(min_length=1, description="Times since the study begins, in order [h].")


class FileArrivals(Section):
    """Real customers, one per row of a CSV file; what they want and how long they stay is in the file."""

    kind: Literal["csv"] = Field(description="A row of a CSV file per customer.")
    file: FilePath = Field(
        description="CSV file, relative to this one, with the columns `id`, `arrival` (ISO 8601), `energy_kwh` and "
        "`stay_h`."
    )


Arrivals = Annotated[
    PoissonArrivals | HourlyArrivals | RenewalArrivals | ListedArrivals | FileArrivals,
    Field(discriminator="kind"),
]

# --------------------------------------------------------------------------------------------------- stations


class ChargerSection(Section):
    """Chargers of one kind."""

    name: Name = Field(description="What they are called.")
    count: int = Field(ge=1, le=10_000, description="How many.")
    power_kw: Positive = Field(50.0, description="Highest power of each [kW].")
    plugs: list[Name] = Field(default_factory=list, description="Plugs that they have; none: they fit everybody.")


class RandomFaults(Section):
    """Each charger fails and is repaired at random, independently of the others and of its use."""

    kind: Literal["random"] = Field(description="At random.")
    until_failure_h: Distribution = Field(description="Time from working to failing [h].")
    repair_h: Distribution = Field(description="Time from failing to working [h].")


class ListedFault(Section):
    """A charger that does not work for a while."""

    charger: int = Field(ge=0, description="Number of the charger, counted from 0 over all kinds.")
    from_h: Hours = Field(description="Time since the study begins at which it fails [h].")
    until_h: Hours = Field(description="Time at which it works again [h].")


class ListedFaults(Section):
    """Faults that are listed."""

    kind: Literal["listed"] = Field(description="As listed.")
    faults: list[ListedFault] = Field(min_length=1, description="The faults.")


Faults = Annotated[RandomFaults | ListedFaults, Field(discriminator="kind")]


class StationFeatures(Section):
    """What a station is like, and who is served first."""

    name: Name = Field(description="Name of the station.")
    chargers: int | None = Field(None, ge=1, le=10_000, description="Number of chargers, all alike; or `kinds`.")
    power_kw: Positive | None = Field(None, description="Highest power of each of these chargers [kW].")
    kinds: list[ChargerSection] | None = Field(
        None, min_length=1, description="Kinds of chargers, of which vehicles take the first that fits; or `chargers`."
    )
    site_limit_kw: Positive | None = Field(None, description="Power of all vehicles together, at most [kW].")
    sharing: Literal["max_min", "priority"] = Field(
        "max_min",
        description="How power is shared that is not enough: the same for all as far as they can take it; or in order "
        "of class, then of plugging in.",
    )
    waiting_places: int | None = Field(None, ge=0, le=1_000_000, description="Places to wait; no limit if left out.")
    discipline: Literal["first_come", "lowest_soc", "earliest_departure", "priority"] = Field(
        "first_come", description="Who is served first."
    )
    preemptive: bool = Field(
        False, description="Whether a vehicle of a lower class takes the charger of one of a higher class."
    )
    faults: Faults | None = Field(None, description="Faults of its chargers, if any.")

    @property
    def charger_count(self) -> int:
        """Number of its chargers, of all kinds."""
        return sum(kind.count for kind in self.kinds) if self.kinds else self.chargers or 0


# -------------------------------------------------------------------------------------------------- customers


class CurveSection(Section):
    """Highest charging power over the state of charge, linear between corners."""

    soc: list[Share] = Field(min_length=2, description="State of charge at each corner, increasing.")
    power_kw: list[Positive] = Field(min_length=2, description="Highest power at each [kW].")


class CustomerSection(Section):
    """Customers who are alike. They hold a charger for a time, or charge an energy, or stay for a time."""

    name: Name = Field(description="Name of the group.")
    station: Name = Field(description="Station that they come to.")
    arrivals: Arrivals = Field(description="When they come.")
    service_h: Distribution | None = Field(None, description="Time that each holds a charger [h].")
    energy_kwh: Distribution | None = Field(None, description="Energy that each wants stored [kWh].")
    stay_h: Distribution | None = Field(
        None,
        description="Time after its arrival at which each leaves, charged or not [h]; it holds its charger until then.",
    )
    patience_h: Distribution | None = Field(
        None, description="Time after which each leaves the queue [h]; never if left out."
    )
    balks_at: int | None = Field(None, ge=0, description="They go on if so many wait already; never if left out.")
    priority: int = Field(0, ge=0, le=100, description="Their class; lower ones are served first.")
    plug: str = Field("", max_length=80, description="Plug that they need; any if empty.")
    battery_kwh: Positive = Field(60.0, description="Battery capacity [kWh].")
    arrival_soc: Distribution | None = Field(None, description="State of charge at the arrival; 0.2 if left out.")
    curve: CurveSection | None = Field(
        None, description="Highest power over the state of charge; no limit if left out."
    )
    charge_efficiency: PositiveShare = Field(1.0, description="Energy stored per energy drawn.")
