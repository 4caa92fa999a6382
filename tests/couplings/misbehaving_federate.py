"""A HELICS federate that solves the power flow, one thing otherwise: python misbehaving_federate.py WHAT HOST:PORT."""

import json
import os
import signal
import sys
import time

import helics as h
import numpy as np
from fixed_point import FixedPoint

what, address = sys.argv[1:3]
if what == "starts slowly":
    time.sleep(60)
if what == "ends at once":
    sys.stderr.write("no licence found\n")
    sys.exit(7)
if what == "does not stop":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)

info = h.helicsCreateFederateInfo()
core = sys.argv[3] if len(sys.argv) > 3 else "zmq"
h.helicsFederateInfoSetCoreTypeFromString(info, core)
url = f"tcp://{address}" if core.startswith("zmq") else address
h.helicsFederateInfoSetCoreInitString(info, f"--broker={url} --loglevel=no_print")
# Period and offset of those that step by a clock; the others wait for news.
clock = {
    "steps by period": (1.0, 0.0),
    "steps twice": (0.5, 0.0),
    "steps between": (1.0, 0.5),
    "is too slow": (3.0, 0.0),
    "does not stop": (1.0, 0.0),
}.get(what)
if clock:
    h.helicsFederateInfoSetTimeProperty(info, h.HELICS_PROPERTY_TIME_PERIOD, clock[0])
    h.helicsFederateInfoSetTimeProperty(info, h.HELICS_PROPERTY_TIME_OFFSET, clock[1])
if what == "waits too":
    h.helicsFederateInfoSetFlagOption(info, h.HELICS_FLAG_WAIT_FOR_CURRENT_TIME_UPDATE, True)
fed = h.helicsCreateValueFederate("net" if what == "has another name" else "grid", info)
units = {"vm_pu": "pu", "slack_p_mw": "MW", "slack_q_mvar": "Mvar"}
if what == "has other units":
    units = {"vm_pu": "%", "slack_p_mw": "kW", "slack_q_mvar": "var"}
if what == "has wrong units":
    units["slack_q_mvar"] = "kW"
if what == "lacks a port":
    del units["slack_p_mw"]
feeder, p_mw, q_mvar = (
    h.helicsFederateRegisterSubscription(fed, f"ev-cosim/{name}", unit)
    for name, unit in (("feeder", ""), ("p_mw", "kV" if what == "reads otherwise" else "MW"), ("q_mvar", "Mvar"))
)
kind = h.HELICS_DATA_TYPE_STRING if what == "text" else h.HELICS_DATA_TYPE_VECTOR
ports = {name: h.helicsFederateRegisterPublication(fed, name, kind, unit) for name, unit in units.items()}
converged = h.helicsFederateRegisterPublication(fed, "converged", h.HELICS_DATA_TYPE_BOOLEAN, "")
h.helicsFederateEnterExecutingMode(fed)
flow = FixedPoint(json.loads(h.helicsInputGetString(feeder)))
factor = {"%": 100.0, "kW": 1e3, "var": 1e6}
now, cases, last = 0.0, 0, None
fault = 31 if what.endswith("later") else 7
while True:
    now = h.helicsFederateRequestTime(fed, now + 1e-6 if clock else h.HELICS_TIME_MAXTIME)
    if now >= h.HELICS_TIME_MAXTIME:
        break
    drawn = h.helicsInputGetVector(p_mw), h.helicsInputGetVector(q_mvar)
    cases += drawn != last
    last = drawn
    if cases == fault:
        sys.stderr.write("about to do it\n")
        sys.stderr.flush()
        if what == "raises":
            raise ValueError("bus 7 is on fire")
        if what == "hangs":
            time.sleep(600)
        if what == "is stopped":
            os.kill(os.getpid(), signal.SIGSTOP)
        if what in ("is killed", "is killed later"):
            os.kill(os.getpid(), signal.SIGKILL)
        if what == "leaves":
            h.helicsFederateDisconnect(fed)
            time.sleep(600)
        if what == "ends it for all":
            h.helicsFederateGlobalError(fed, 3, "bus 7 is on fire")
            time.sleep(600)
        if what == "gives nothing":
            continue
    found = flow.solve(*drawn)
    if cases == fault:
        if what == "does not converge":
            found = None
        elif what == "wrong shape":
            found["vm_pu"] = found["vm_pu"][:-1]
        elif what == "not a number":
            found["slack_p_mw"][2] = np.nan
        elif what == "forgets one":
            del found["vm_pu"]
    h.helicsPublicationPublishBoolean(converged, found is not None)
    for name, values in (found or {}).items():
        if what == "text":
            h.helicsPublicationPublishString(ports[name], "a lot" if cases == fault else str(values.tolist()))
        else:
            h.helicsPublicationPublishVector(ports[name], (values * factor.get(units[name], 1.0)).tolist())
h.helicsFederateDisconnect(fed)
