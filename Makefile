.PHONY: check check-all format lint types layers test

check: lint types layers test

lint:
	ruff check .
	ruff format --check .

types:
	mypy

layers:
	lint-imports

test:
	pytest

# everything, the slow tests too
check-all: lint types layers
	pytest -m "not gpu"

format:
	ruff check --fix .
	ruff format .
