"""Lets pytest run the suite wherever it lies, as part of this project's tests or installed.

The folder has two names: `tests.conformance` in the checkout, where pytest names modules after the
folders that they lie in, and `anymq_conformance` where it is installed. The plugin is registered
under the name that the tests around it have, so that both share one `support` module.
"""

from __future__ import annotations

from importlib import import_module

import pytest


def pytest_configure(config: pytest.Config) -> None:
    plugin = import_module(f"{__package__}.plugin")
    if not config.pluginmanager.is_registered(plugin):
        config.pluginmanager.register(plugin)
