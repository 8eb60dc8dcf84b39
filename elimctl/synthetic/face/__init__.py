"""Room face."""
