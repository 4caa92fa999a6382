"""What a run leaves behind: the tables, their columns, and the folder that holds them."""
