"""Units that the other side of a coupling may use, and what they are of ours: MW, Mvar and p.u."""

from __future__ import annotations

from typing import Final

#: Of each quantity, what one of a unit is in ours; the first is ours, and what no unit stands for.
UNITS: Final[dict[str, dict[str, float]]] = {
    "p_mw": {"MW": 1.0, "kW": 1e-3, "W": 1e-6},
    "q_mvar": {
        "Mvar": 1.0, "MVar": 1.0, "MVAr": 1.0, "MVAR": 1.0,
        "kvar": 1e-3, "kVar": 1e-3, "kVAr": 1e-3, "kVAR": 1e-3,
        "var": 1e-6, "Var": 1e-6, "VAr": 1e-6, "VAR": 1e-6,
    },
    "vm_pu": {"pu": 1.0, "p.u.": 1.0, "1": 1.0, "%": 1e-2},
}  # fmt: skip
UNITS["slack_p_mw"], UNITS["slack_q_mvar"] = UNITS["p_mw"], UNITS["q_mvar"]


def unit_factor(quantity: str, unit: str | None) -> float:
    """What one of a unit is in ours.

    Args:
        quantity: Name of a port, e.g. `p_mw`.
        unit: The unit as the other side writes it; None or nothing if it does not say, which means ours.

    Returns:
        The factor on its values.

    Raises:
        ValueError: If the unit is none of this quantity; says which are.
    """
    units = UNITS[quantity]
    if not unit:
        return 1.0
    if unit not in units:
        raise ValueError(f"must be in one of {', '.join(units)}, got {unit!r}")
    return units[unit]
