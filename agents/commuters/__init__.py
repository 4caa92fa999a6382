"""EVs that commute: what they see, how they decide and learn, and what their digital twins predict."""
