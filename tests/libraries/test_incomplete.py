"""Libraries that lack some of their functions: refused where nothing works without them, and told
by name; else only what rests on them is absent."""

from __future__ import annotations

import pytest

from .conftest import Look, Make, real_library
from .making import PREFIXES, exported

IDENTITY = {"nanomsg": "nn_symbol_info", "nng": "nng_version", "zmq": "zmq_version"}
"""Without it a library is not taken for an incomplete one, but for another."""

ESSENTIAL = {
    "nanomsg": ["nn_socket", "nn_close", "nn_sendmsg", "nn_recvmsg", "nn_errno", "nn_bind"],
    "nng": ["nng_dialer_create", "nng_aio_alloc", "nng_msg_alloc", "nng_strerror"],
    "zmq": ["zmq_ctx_new", "zmq_socket", "zmq_msg_send", "zmq_msg_recv", "zmq_errno", "zmq_bind"],
}

OPTIONAL = {
    "nanomsg": {"nn_get_statistic": ["statistics", "peers", "peer_events", "flush"]},
    "nng": {
        "nng_pipe_notify": ["peers", "peer_events"],
        "nng_stats_get": ["statistics", "flush"],
        "nng_pair1_open": ["protocol.pair1"],
        "nng_bus0_open": ["protocol.bus"],
        "nng_surveyor0_open": ["protocol.surveyor"],
        "nng_req0_open_raw": ["raw"],
    },
    "zmq": {"zmq_curve_keypair": ["curve", "option.curve"]},
}
"""Functions of which a build may do without, and the features that go with each."""

CALLS = {
    "statistics": ["statistics"],
    "peers": ["peers", "wait_for_peers", "awaiting wait_for_peers", "dial", "awaiting dial"],
    "peer_events": ["events", "awaiting events"],
}
"""What a program cannot call without each."""


def cases(table: dict[str, list[str]] | dict[str, dict[str, list[str]]]) -> list[tuple[str, str]]:
    return [(name, function) for name, functions in table.items() for function in functions]


@pytest.mark.parametrize(("name", "function"), cases(ESSENTIAL))
def test_one_that_nothing_works_without(name: str, function: str, make: Make, look: Look) -> None:
    report = look(name, make(name, without=[function]))
    assert function in report.refused
    assert "incomplete" in report.refused


@pytest.mark.parametrize("which", [0, 1], ids=["even", "odd"])
def test_half_of_all(name: str, which: int, make: Make, look: Look) -> None:
    """Every other one; the refusal names all that are missed."""
    functions = [f for f in exported(real_library(name)) if f.startswith(PREFIXES[name])]
    lost = {*functions[which::2]} - {IDENTITY[name]}
    report = look(name, make(name, without=lost))
    named = [f for f in lost & {*ESSENTIAL[name]} if f in report.refused]
    assert sorted(named) == sorted(lost & {*ESSENTIAL[name]}), report.refused


def test_what_tells_the_library(name: str, make: Make, look: Look) -> None:
    report = look(name, make(name, without=[IDENTITY[name]]))
    assert IDENTITY[name] in report.refused


@pytest.mark.parametrize(("name", "function"), cases(OPTIONAL))
def test_one_that_a_feature_rests_on(name: str, function: str, make: Make, look: Look) -> None:
    """The feature is absent, for the reason, and refused; the rest works."""
    report = look(name, make(name, without=[function]))
    assert report.received
    lost = OPTIONAL[name][function]
    for feature in lost:
        assert report.absent(feature)
        evidence = report.features[feature][2]
        assert function in evidence or feature.startswith("option."), evidence
        for call in CALLS.get(feature, ()):
            assert report.calls[call].startswith("UnsupportedFeature")
            assert feature in report.calls[call]
    refused = {call for feature in lost for call in CALLS.get(feature, ())}
    assert report.calls.keys() == refused


@pytest.mark.parametrize("name", list(OPTIONAL))
def test_all_that_can_be_done_without(name: str, make: Make, look: Look) -> None:
    report = look(name, make(name, without=OPTIONAL[name]))
    assert report.received
    for features in OPTIONAL[name].values():
        for feature in features:
            assert report.absent(feature)
