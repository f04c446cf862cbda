"""The benchmark's arithmetic: medians, ratios within turns, aims, and joining parts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import aims
import pytest
from figures import best, make_case, merge, ratio, spread
from plan import MIB, ONE_THREAD, Library, Race, Selection, races, sockets

ABOUT = {
    "library": "zmq",
    "measure": "throughput",
    "transport": "tcp",
    "size": 100,
    "mode": "one",
    "peers": 1,
}


def case(values: dict[str, list[float]], unit: str = "messages/s", **about: Any) -> dict[str, Any]:
    return make_case({**ABOUT, **about}, values, {}, unit)


def test_spread_is_median_low_and_high() -> None:
    assert spread([5.0, 1.0, 3.0]) == {"median": 3.0, "low": 1.0, "high": 5.0}
    assert spread([1.0, 2.0])["median"] == 1.5


def test_a_ratio_is_taken_within_each_turn() -> None:
    # The medians' own ratio would be 20 / 10: what slowed a turn slowed both.
    assert ratio([10.0, 20.0, 90.0], [10.0, 4.0, 30.0]) == {"median": 3.0, "low": 1.0, "high": 5.0}


def test_no_ratio_without_figures() -> None:
    assert ratio([], [1.0]) is None
    assert ratio([1.0], [0.0]) is None


def test_ratios_are_anymq_over_the_other_for_times_too() -> None:
    made = case({"anymq": [10.0], "pyzmq": [40.0]}, unit="us", measure="round_trip")
    assert made["ratios"] == {"pyzmq": {"median": 0.25, "low": 0.25, "high": 0.25}}
    assert made["higher_is_better"] is False
    assert made["results"]["pyzmq"] == {"values": [40.0], "median": 40.0, "low": 40.0, "high": 40.0}


def test_who_has_no_figures_is_not_among_the_results() -> None:
    made = make_case(ABOUT, {"anymq": [1.0], "pyzmq": []}, {"pyzmq": "broke"}, "messages/s")
    assert list(made["results"]) == ["anymq"]
    assert made["ratios"] == {}
    assert made["skipped"] == {"pyzmq": "broke"}


def test_best_of_a_contestants_ways() -> None:
    values = {"pyzmq": [1.0], "pyzmq copy=False": [3.0], "pyzmqish": [9.0]}
    assert best(case(values), "pyzmq") == [3.0]
    assert best(case(values, unit="us"), "pyzmq") == [1.0]
    assert best(case(values), "nng") == []


@pytest.mark.parametrize(("ours", "reached"), [(12.0, True), (11.9, False)])
def test_an_aim_is_filled_from_its_case(ours: float, reached: bool) -> None:
    records = aims.fill([case({"anymq": [ours], "pyzmq": [10.0]})])
    assert len(records) == 1
    assert records[0]["against"] == "pyzmq"
    assert records[0]["ratio"] == ours / 10
    assert records[0]["reached"] is reached


def test_aims_that_are_at_most() -> None:
    trip = case({"anymq": [11.0], "pyzmq": [10.0]}, unit="us", measure="round_trip")
    assert [record["reached"] for record in aims.fill([trip])] == [False]


def test_the_best_of_each_side_is_compared_for_large_messages() -> None:
    values = {
        "anymq": [2.0],
        "anymq recv_message": [5.0],
        "pyzmq": [1.0],
        "pyzmq copy=False": [4.0],
    }
    (record,) = aims.fill([case(values, size=MIB)])
    assert record["ratio"] == 1.25


def test_memory_is_compared_with_what_there_was_and_with_the_message() -> None:
    grown = case({"anymq": [10.0]}, unit="MiB", measure="memory")
    grown["before"] = {"anymq": [40.0]}
    (record,) = aims.fill([grown])
    assert record["ratio"] == 1.25
    sent = case({"anymq": [128.0]}, unit="MiB", measure="memory", size=256 * MIB)
    (record,) = aims.fill([sent])
    assert record["ratio"] == 0.5


def test_an_aim_whose_other_side_is_missing_is_left_out() -> None:
    assert aims.fill([case({"anymq": [1.0]})]) == []


def part(values: dict[str, list[float]], **changed: Any) -> dict[str, Any]:
    return {
        "schema": 1,
        "date": "2026-01-01",
        "machine": {"cpu": "one", "cores": 2, "python": "3.11.0", "load_before": 0.0},
        "rounds": 3,
        "seconds": 10.0,
        "libraries": {"zmq": {"sha256": "aa"}},
        "contestants": {},
        "cases": [case(values, **changed)],
    }


def test_parts_are_joined_and_the_later_case_counts() -> None:
    joined = merge(part({"anymq": [1.0]}), part({"anymq": [2.0]}))
    assert [one["results"]["anymq"]["values"] for one in joined["cases"]] == [[2.0]]
    assert joined["seconds"] == 20.0
    later = part({"anymq": [2.0]}, transport="ipc")
    later["machine"] = {**later["machine"], "load_before": 2.0}
    joined = merge(part({"anymq": [1.0]}), later)
    assert len(joined["cases"]) == 2
    assert joined["machine"]["load_before"] == 0.0


def test_what_was_written_down_of_each_part_is_kept() -> None:
    told = [
        {"date": "2026-01-01", "load_before": load, "rounds": 3, "seconds": 9.0} for load in (0, 1)
    ]
    first, later = ({**part({"anymq": [1.0]}), "parts": [one]} for one in told)
    assert merge(first, later)["parts"] == told
    del first["parts"]
    assert "parts" not in merge(first, later), "nobody knows how many the first were"


@pytest.mark.parametrize(
    "change",
    [
        {"machine": {"cpu": "other", "cores": 2, "python": "3.11.0"}},
        {"machine": {"cpu": "one", "cores": 2, "python": "3.12.0"}},
        {"libraries": {"zmq": {"sha256": "bb"}}},
    ],
)
def test_parts_that_cannot_be_compared_are_not_joined(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="do not belong together"):
        merge(part({"anymq": [1.0]}), {**part({"anymq": [2.0]}), **change})


# The plan

LIBRARY = Library("zmq", "zmq", "zmq", "/no/file", (), ("tcp", "ipc"))


def test_only_what_was_asked_for_is_planned() -> None:
    chosen = Selection(measures=("throughput",), transports=("tcp",), sizes=(100,), modes=("one",))
    (race,) = races([LIBRARY], chosen)
    assert [entrant.label for entrant in race.entrants] == ["anymq", "C"]
    assert list(race.absent) == ["one"]


def test_transports_that_the_library_lacks_are_not_planned() -> None:
    assert {race.transport for race in races([LIBRARY], Selection())} == {"tcp", "ipc", None}


def test_what_cannot_take_part_is_named_with_the_reason() -> None:
    library = Library("zmq", "zmq", "zmq", "/no/file", ("a package",), ("tcp",))
    chosen = Selection(measures=("throughput",), sizes=(100,), modes=("trio",))
    (race,) = races([library], chosen)
    assert race.absent["trio"] == {"a package": "is not installed"}


def threads_of(kind: str, package: str, monkeypatch: pytest.MonkeyPatch) -> dict[int, Race]:
    """The races of threads, by how many sockets these share."""
    monkeypatch.setattr("plan.installed", lambda package: True)
    library = Library(kind, kind, kind, "/no/file", (package,), ("tcp", "ipc"))
    return {race.peers: race for race in races([library], Selection(measures=("threads",)))}


@pytest.mark.parametrize(
    ("kind", "package"), [("zmq", "pyzmq"), ("nng", "pynng"), ("nanomsg", "nnpy")]
)
def test_threads_share_one_socket_or_have_one_each(
    kind: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = threads_of(kind, package, monkeypatch)
    assert set(found) == {1, 4}
    for race in found.values():
        assert (race.transport, race.size, list(race.absent)) == ("tcp", 100, ["one"])
        assert race.title.endswith(f"4 threads on {sockets(race.peers)}")
    assert [(e.label, e.threads) for e in found[4].entrants] == [
        ("anymq", 4),
        ("C", 4),
        (package, 4),
    ]
    assert {e.label for e in found[1].entrants if e.threads == 1} == {
        "anymq one thread",
        "C one thread",
    }
    sharing = [e.label for e in found[1].entrants if e.threads == 4]
    if kind == "zmq":
        assert sharing == ["anymq"]
        assert found[1].absent["one"] == {"C": ONE_THREAD, package: ONE_THREAD}
    else:
        assert sharing == ["anymq", "C", package]
        assert found[1].absent["one"] == {}


def test_every_aim_is_about_a_case_that_the_whole_plan_has() -> None:
    ids = ("zmq", "nng", "nng (pynng's)", "nng (package's)", "nanomsg")
    transports = ("inproc", "ipc", "tcp", "ws")
    every = [
        Library(each, each, each.split()[0], "/no/file", ("a package",), transports) for each in ids
    ]
    planned = [
        {
            "library": race.library.id,
            "measure": race.measure,
            "transport": race.transport,
            "size": race.size,
            "mode": mode,
        }
        for race in races(every, Selection())
        for mode in race.absent
    ]
    for aim in aims.AIMS:
        assert any(aim.is_about(about) for about in planned), aim.name


def test_large_messages_have_a_low_high_water_mark() -> None:
    chosen = Selection(measures=("throughput",), transports=("tcp",), modes=("one",))
    marks = {race.size: race.mark for race in races([LIBRARY], chosen)}
    assert marks[100] == 0
    assert marks[MIB] == 256
    assert marks[64 * MIB] == 4


def test_no_path_of_this_machine_is_in_a_library_record(tmp_path: Path) -> None:
    file = tmp_path / "libx.so"
    file.write_bytes(b"x")

    class Known(Library):
        @property
        def version(self) -> str:
            return "1.0"

    record = Known("zmq", "zmq", "zmq", str(file), (), ()).record()
    assert record["file"] == "libx.so"
    assert str(tmp_path) not in str(record)
