# Everything here sets itself up first; a second run finds the set-up done and is quick.
# PYTHON=/path/to/python chooses the interpreter (3.11 or later).

RUN = sh tools/run

.PHONY: help test demo develop lint wheel matrix lab bench bench-environment guard baseline clean

help:
	@echo 'make test     set up, then run all checks and all tests, on every Python found'
	@echo 'make demo     set up, then ship a tree of files over every backend and check it'
	@echo 'make develop  an editable install in .venv, with the tools for tests and lint'
	@echo 'make lint     ruff, mypy, and a build with the compiler warnings as errors'
	@echo 'make wheel    the wheel and the source archive, in dist/'
	@echo 'make matrix   write compat_matrix.md and .html anew from the recorded results'
	@echo 'make lab      fetch many builds of the libraries, test all of them, and record the results'
	@echo 'make bench    races against other packages and C on the same libraries (bench/README.md)'
	@echo 'make bench-environment   only set up what bench/run.py runs in, .venvs/bench'
	@echo 'make guard    count instructions, and compare with tools/guard/baseline.json'
	@echo 'make baseline write what is counted now into that file'
	@echo 'make clean    remove all that these commands made'

test:
	@$(RUN) test

demo:
	@$(RUN) demo

develop:
	@$(RUN) develop

lint:
	@$(RUN) lint

wheel:
	@$(RUN) wheel

matrix:
	@$(RUN) matrix

lab:
	@$(RUN) lab

bench:
	@$(RUN) bench

bench-environment:
	@$(RUN) bench-environment

guard:
	@$(RUN) guard

baseline:
	@$(RUN) baseline

clean:
	rm -rf build dist .venvs .lab .mypy_cache .ruff_cache .pytest_cache bench/build
	find src backends tests tools bench -name __pycache__ -prune -exec rm -rf {} +
