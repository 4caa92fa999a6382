"""What chance or a list decides at stations: who comes when and wants what, and what fails."""
