.PHONY: check check-all format lint types layers test bench-gpu

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

# what a GPU trains and matches, as one JSON table; a few minutes
bench-gpu:
	@train=$$(python -m elimctl bench train --json --device cuda --backbone r18 --batch-size 256 \
		--precision bf16 --set train.channels_last=true --compile) && \
	transport=$$(python -m elimctl bench transport --json --device cuda) && \
	printf '{"train": %s,\n"transport": %s}\n' "$$train" "$$transport" | python -m json.tool
