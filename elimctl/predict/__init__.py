"""Room predict."""
