"""Power flow engines, one file each; `cosim.grid.power_flow` lists them."""
