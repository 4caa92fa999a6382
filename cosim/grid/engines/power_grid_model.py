"""AC power flow by power-grid-model: a compiled Newton-Raphson over batches."""

from __future__ import annotations

from typing import Any

import numpy as np
from power_grid_model import (
    CalculationMethod,
    ComponentType,
    DatasetType,
    LoadGenType,
    PowerGridModel,
    initialize_array,
)
from power_grid_model.errors import PowerGridBatchError, PowerGridError  # type: ignore[attr-defined]

from cosim.grid.feeder import Feeder
from cosim.grid.power_flow import NotConvergedError, PowerFlowResult
from cosim.interface import Floats

W_PER_MW = 1e6
V_PER_KV = 1e3
F_PER_NF = 1e-9
#: Short-circuit power of a slack source [VA]: high enough for an ideal voltage source.
IDEAL_SK_VA = 1e20


class PowerGridModelFlow:
    """Solves batches with power-grid-model; every slack bus is an ideal voltage source."""

    def open(self, feeder: Feeder) -> None:
        """Build the model of a feeder."""
        buses, lines, slacks = feeder.buses, len(feeder.line_from), len(feeder.slack)
        node = initialize_array(DatasetType.input, ComponentType.node, buses)
        node["id"] = np.arange(buses)
        node["u_rated"] = feeder.vn_kv * V_PER_KV
        line = initialize_array(DatasetType.input, ComponentType.line, lines)
        line["id"] = buses + np.arange(lines)
        line["from_node"], line["to_node"] = feeder.line_from, feeder.line_to
        line["from_status"] = line["to_status"] = 1
        line["r1"], line["x1"] = feeder.line_r_ohm, feeder.line_x_ohm
        line["c1"], line["tan1"], line["i_n"] = feeder.line_c_nf * F_PER_NF, 0.0, 1e6
        source = initialize_array(DatasetType.input, ComponentType.source, slacks)
        source["id"] = buses + lines + np.arange(slacks)
        source["node"], source["status"] = feeder.slack, 1
        source["u_ref"], source["sk"] = feeder.slack_vm_pu, IDEAL_SK_VA
        load = initialize_array(DatasetType.input, ComponentType.sym_load, buses)
        self._load_id = buses + lines + slacks + np.arange(buses)
        load["id"], load["node"], load["status"] = self._load_id, np.arange(buses), 1
        load["type"] = LoadGenType.const_power
        load["p_specified"] = load["q_specified"] = 0.0
        self._model = PowerGridModel(
            {
                ComponentType.node: node,
                ComponentType.line: line,
                ComponentType.source: source,
                ComponentType.sym_load: load,
            },
            system_frequency=feeder.f_hz,
        )

        self._update = initialize_array(DatasetType.update, ComponentType.sym_load, (0, buses))

    def solve(self, p_mw: Floats, q_mvar: Floats) -> PowerFlowResult:
        """Solve N cases; one thread, so that a run uses the cores it was given."""
        update = self._update_of(p_mw.shape)
        update["p_specified"] = p_mw * W_PER_MW
        update["q_specified"] = q_mvar * W_PER_MW
        try:
            output: dict[Any, Any] = self._model.calculate_power_flow(
                update_data={ComponentType.sym_load: update},
                output_component_types=[ComponentType.node, ComponentType.source],
                calculation_method=CalculationMethod.newton_raphson,
                threading=-1,
            )
        except PowerGridBatchError as error:
            raise NotConvergedError(int(error.failed_scenarios[0])) from error
        except PowerGridError as error:
            raise NotConvergedError(0) from error
        source = output[ComponentType.source]
        return PowerFlowResult(
            output[ComponentType.node]["u_pu"].copy(), source["p"] / W_PER_MW, source["q"] / W_PER_MW
        )

    def _update_of(self, shape: Any) -> Any:
        """Room for the loads of N cases; made once for each N."""
        if self._update.shape != shape:
            self._update = initialize_array(DatasetType.update, ComponentType.sym_load, shape)
            self._update["id"] = self._load_id
        return self._update
