# The commands of CONTRIBUTING.md. uv is installed into .venv if it is not there yet.
UV = .venv/bin/uv

.PHONY: setup fast test lint docs bench demo

setup: $(UV)
	$(UV) sync --inexact

$(UV):
	python3 -m venv .venv
	.venv/bin/pip install --quiet uv

fast: $(UV)
	$(UV) run pytest -n 2 --fast

test: $(UV)
	$(UV) run pytest -n 4

lint: $(UV)
	$(UV) run ruff check .
	$(UV) run ruff format --check .
	$(UV) run mypy
	$(UV) run lint-imports

docs: $(UV)
	$(UV) run python tools/reference.py

# ARGS are its options: make bench ARGS='--only upload --size 64MiB'
bench: $(UV)
	$(UV) run --group bench python -m bench $(ARGS)

demo: $(UV)
	$(UV) run --no-dev entrepot demo
