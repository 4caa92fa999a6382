import grid_cases
import pandapower.networks
import pytest


@pytest.fixture(autouse=True)
def feeder_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading the feeder takes a third of a second; the tests of this room read it once."""
    monkeypatch.setattr(pandapower.networks, "case33bw", grid_cases.case33bw)
