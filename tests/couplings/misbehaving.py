"""A simulator that speaks mosaik's protocol by hand, and does one thing wrong: python misbehaving.py WHAT HOST:PORT.

Where its answers must be right it solves the power flow with an engine of ours; else it says that nothing happens, and
takes no time to import.
"""

import json
import os
import signal
import socket
import sys
import time
from typing import Any

what, address = sys.argv[1:3]
if what == "starts slowly":
    time.sleep(60)
if what == "ends at once":
    sys.stderr.write("no licence found\n")
    sys.exit(7)

ATTRS = ["p_mw", "q_mvar", "vm_pu", "slack_p_mw", "slack_q_mvar", "converged"]
META = {"api_version": "3.0", "type": "time-based", "models": {"Grid": {"public": True, "attrs": ATTRS}}}


class Nothing:
    """Answers in the right form."""

    def init(self, *args: object, **kwargs: object) -> object:
        return META

    def create(self, *args: object, **kwargs: object) -> object:
        return [{"eid": "Grid", "type": "Grid"}]

    def setup_done(self) -> None:
        pass

    def step(self, time: int, *args: object) -> object:
        return time + 1

    def get_data(self, *args: object) -> dict[str, dict[str, Any]]:
        slack = {"slack_p_mw": [0.0] * 5, "slack_q_mvar": [0.0] * 5}
        return {"Grid": {"vm_pu": [1.0] * 33, **slack, "converged": True}}


def solver() -> Any:
    """What answers."""
    if what not in ("nothing", "asks us", "does not stop"):
        return Nothing()
    from cosim.couplings.grid_simulator import GridSimulator

    return GridSimulator("power-grid-model")


host, port = address.split(":")
connection = socket.create_connection((host, int(port)))


def read(count: int) -> bytes:
    data = b""
    while len(data) < count:
        part = connection.recv(count - len(data))
        if not part:
            sys.exit(0)
        data += part
    return data


def send(message: object) -> None:
    data = message if isinstance(message, bytes) else json.dumps(message).encode()
    connection.sendall(len(data).to_bytes(4, "big") + data)


simulator = solver()
steps = 0
while True:
    kind, number, (function, args, kwargs) = json.loads(read(int.from_bytes(read(4), "big")))
    if function == "stop":
        send([1, number, None])
        if what == "does not stop":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            time.sleep(600)
        break
    if function == "init" and what == "wrong version":
        send([1, number, {**META, "api_version": "2.5"}])
        continue
    if function == "init" and what == "no such model":
        send([1, number, {**META, "models": {"Net": META["models"]["Grid"]}}])
        continue
    if function == "init" and what == "lacks a port":
        grid = {**META["models"]["Grid"], "attrs": ["p_mw", "q_mvar", "vm_pu", "converged"]}
        send([1, number, {**META, "models": {"Grid": grid}}])
        continue
    if function == "create" and what == "creates nothing":
        send([1, number, []])
        continue
    if function == "step":
        steps += 1
        if steps == 7:
            sys.stderr.write("about to do it\n")
            sys.stderr.flush()
            if what == "raises":
                send([2, number, ["ValueError", "bus 7 is on fire", "Traceback ..."]])
                continue
            if what == "hangs":
                time.sleep(600)
            if what == "is killed":
                os.kill(os.getpid(), signal.SIGKILL)
            if what == "hangs up":
                connection.close()
                sys.exit(0)
            if what == "talks nonsense":
                send(b"hello?")
                continue
            if what == "answers another":
                send([1, number + 5, None])
                continue
            if what == "is no simulator":
                connection.sendall(b"HTTP/1.1 400 Bad Request")
                continue
        if what == "asks us" and steps == 2:
            send([0, 99, ["get_progress", [], {}]])
            assert json.loads(read(int.from_bytes(read(4), "big")))[:2] == [2, 99]
    answer = getattr(simulator, function)(*args, **kwargs)
    if function == "get_data" and steps == 7:
        data = answer["Grid"]
        if what == "wrong shape":
            data["vm_pu"] = data["vm_pu"][:-1]
        elif what == "not a number":
            data["slack_p_mw"][2] = float("nan")
        elif what == "text":
            data["slack_q_mvar"] = "a lot"
        elif what == "gives nothing":
            answer = {}
        elif what == "forgets one":
            del data["vm_pu"]
        elif what == "does not converge":
            answer = {"Grid": {"converged": False}}
    send([1, number, answer])
