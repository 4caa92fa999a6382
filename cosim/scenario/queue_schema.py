"""What a queueing study may say: stations, and who comes to them. Units stand in each key or description.

As `cosim.scenario.schema`, this file is the single source of types, defaults, JSON Schema and reference.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from cosim.scenario.section import Name, Positive, Section, TimeOfDay
from cosim.scenario.station_schema import CustomerSection, StationFeatures


class QueueStationSection(StationFeatures):
    """A station, and who is served first."""

    power_kw: Positive = Field(50.0, description="Highest power of each of these chargers [kW].")


class StudyClock(Section):
    """The time that is simulated."""

    start: TimeOfDay = Field("00:00", description="Time of day at which the study begins, HH:MM.")
    hours: Annotated[float, Field(ge=1e-3, le=1e6)] = Field(
        24.0, description="Time in which customers come [h]; those who are there then are still served."
    )


class QueueStudy(Section):
    """A queueing study, completely described."""

    version: int = Field(ge=1, le=1, description="Version of this format.")
    kind: Literal["queue"] = Field(description="Says that this file is a queueing study.")
    name: Name = Field(description="Name of the study.")
    description: str = Field("", description="What the study is about.")
    seed: int = Field(0, ge=0, lt=2**63, description="Seed of all random streams.")
    clock: StudyClock = Field(default_factory=lambda: StudyClock(), description="The time that is simulated.")
    stations: list[QueueStationSection] = Field(min_length=1, description="The stations.")
    customers: list[CustomerSection] = Field(min_length=1, description="Who comes to them.")
