"""Read raw files: archives, CSV, JSON, arrays, points and videos."""
