.PHONY: help check check-all quick format lint types layers test docs prose bench-gpu

# tests of one room or file each, without models, videos and training
UNIT = tests/unit
QUICK = $(wildcard $(UNIT)/test_*.py) $(UNIT)/cli $(UNIT)/experiments $(UNIT)/faces \
	$(addprefix $(UNIT)/loader/test_, crop.py dataset.py groups.py sampler.py subset.py) \
	$(UNIT)/manifest $(UNIT)/predict $(UNIT)/store tests/contracts/test_losses.py \
	tests/contracts/test_metrics.py --deselect $(UNIT)/cli/test_main.py::test_models_prints_the_counts_of_the_documentation

# what can be made
help:
	@awk '/^# /{text=substr($$0,3)} /^[a-z-]+:/{split($$1,name,":"); printf "%-10s %s\n", name[1], text; text=""} /^$$/{text=""}' Makefile

# what every change has to pass
check: lint types layers test

# style of the code, spelling and sentences
lint:
	ruff check .
	ruff format --check .
	codespell
	python tests/docs/prose.py

# types, with mypy
types:
	mypy

# which room may import which
layers:
	lint-imports

# the tests to run while coding, in less than a minute
quick:
	HYPOTHESIS_PROFILE=quick OMP_NUM_THREADS=1 pytest -q -n 2 $(QUICK)

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
