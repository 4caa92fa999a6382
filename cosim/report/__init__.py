"""Pages and reports generated from schemas and records."""
