"""What a fleet can do at best, and good plans for it: pure functions of arrays, without simulator or agent."""
