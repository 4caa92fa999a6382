"""An engine of ours as a HELICS federate, for our scenarios or somebody else's federation; an example of one, too.

python -m cosim.couplings.helics_grid ENGINE HOST:PORT [--federate NAME] [--core TYPE]
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from typing import Any, Final

import helics as h
import numpy as np

from cosim.couplings.grid_interface import feeder_of
from cosim.grid.power_flow import NotConvergedError, find_engine, open_engine
from cosim.scenario.schema import on_this_machine

#: Whose feeder it solves.
SENDER: Final = "ev-cosim"


def main(engine: str, address: str, federate: str, core: str) -> None:
    """Solve what is published, until whoever publishes it leaves.

    Args:
        engine: Name of the engine.
        address: HOST:PORT of the broker.
        federate: Name of the federate.
        core: Core type of HELICS.
    """
    # A name that is none is told before anybody waits.
    find_engine(engine)
    info = h.helicsCreateFederateInfo()
    h.helicsFederateInfoSetCoreTypeFromString(info, core)
    url = f"tcp://{address}" if core.startswith("zmq") else address
    # Nobody but this machine can reach us either, if the broker is on it.
    local = "--local_interface=127.0.0.1" if on_this_machine(address) else ""
    h.helicsFederateInfoSetCoreInitString(info, f"--broker={url} --loglevel=error {local}")
    fed = h.helicsCreateValueFederate(federate, info)

    feeder, p_mw, q_mvar = (
        h.helicsFederateRegisterSubscription(fed, f"{SENDER}/{name}", unit)
        for name, unit in (("feeder", ""), ("p_mw", "MW"), ("q_mvar", "Mvar"))
    )
    ports = {
        name: h.helicsFederateRegisterPublication(fed, name, h.HELICS_DATA_TYPE_VECTOR, unit)
        for name, unit in (("vm_pu", "pu"), ("slack_p_mw", "MW"), ("slack_q_mvar", "Mvar"))
    }
    converged = h.helicsFederateRegisterPublication(fed, "converged", h.HELICS_DATA_TYPE_BOOLEAN, "")

    h.helicsFederateEnterExecutingMode(fed)
    flow = open_engine(engine, feeder_of(json.loads(h.helicsInputGetString(feeder))))
    # It is woken by each case; when nobody publishes any more, it is granted the end of time.
    while h.helicsFederateRequestTime(fed, h.HELICS_TIME_MAXTIME) < h.HELICS_TIME_MAXTIME:
        drawn: list[Any] = [np.array([h.helicsInputGetVector(port)]) for port in (p_mw, q_mvar)]
        try:
            found = flow.solve(*drawn)
        except NotConvergedError:
            h.helicsPublicationPublishBoolean(converged, False)
            continue
        h.helicsPublicationPublishBoolean(converged, True)
        for name, port in ports.items():
            h.helicsPublicationPublishVector(port, getattr(found, name)[0].tolist())
    h.helicsFederateDisconnect(fed)
    h.helicsCloseLibrary()


def _words(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m cosim.couplings.helics_grid", description=__doc__)
    parser.add_argument("engine", help="name of an engine, e.g. power-grid-model")
    parser.add_argument("broker", help="address of the broker, HOST:PORT")
    parser.add_argument("--federate", default="grid", help="name of this federate")
    parser.add_argument("--core", default="zmq", help="core type of HELICS")
    return parser.parse_args(argv)


if __name__ == "__main__":
    given = _words()
    main(given.engine, given.broker, given.federate, given.core)
