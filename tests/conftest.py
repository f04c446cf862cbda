"""All tests run with the conformance suite's own set-up: its libraries, fixtures and markers."""

pytest_plugins = ["tests.conformance.plugin"]
