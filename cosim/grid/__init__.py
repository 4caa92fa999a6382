"""The distribution network: islands, microgrids, dispatch and power flow. Only this room imports pandapower."""
