.PHONY: help check check-all format lint types layers test docs prose bench-gpu

# what can be made
help:
	@awk '/^# /{text=substr($$0,3)} /^[a-z-]+:/{split($$1,name,":"); printf "%-10s %s\n", name[1], text; text=""} /^$$/{text=""}' Makefile

# what every change has to pass
check: lint types layers test

# style of the code, spelling of everything
lint:
	ruff check .
	ruff format --check .
	codespell

# types, with mypy
types:
	mypy

# which room may import which
layers:
	lint-imports

# all tests but the slow ones
test:
	pytest

# all checks, with the slow tests
check-all: lint types layers
	pytest -m "not gpu"

# sort imports, format
format:
	ruff check --fix .
	ruff format .

# what a GPU trains and matches, as one JSON table; a few minutes
bench-gpu:
	@train=$$(python -m elimctl bench train --json --device cuda --backbone r18 --batch-size 256 \
		--precision bf16 --set train.channels_last=true --compile) && \
	transport=$$(python -m elimctl bench transport --json --device cuda) && \
	printf '{"train": %s,\n"transport": %s}\n' "$$train" "$$transport" | python -m json.tool

# the documentation site, in docs/_build/html; any warning fails
docs:
	sphinx-build -W --keep-going -q -b html docs docs/_build/html

# sentences that the style guide forbids, in docs, help texts and messages
prose:
	python tests/docs/prose.py
