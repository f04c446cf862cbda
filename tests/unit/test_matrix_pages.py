"""The pages of recorded results show what was recorded, all of it, and nothing else."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest

from anymq.cli.matrix import markdown, page
from anymq.cli.matrix.results import read_results
from anymq.features import known_features

from .made_results import BUILDS, REFUSED, MadeResults


@pytest.fixture
def made(tmp_path: Path) -> MadeResults:
    return MadeResults(tmp_path / "results")


def as_markdown(made: MadeResults) -> str:
    return markdown.render(read_results(made.folder), "compat_matrix", "compat_matrix.html")


def as_html(made: MadeResults) -> str:
    return page.render(read_results(made.folder), "compat_matrix")


def section(text: str, title: str) -> str:
    """A section of the Markdown, up to the next one of its level."""
    level = "#" * (len(title) - len(title.lstrip("#")))
    rest = text.partition(f"\n{title}\n")[2]
    assert rest, title
    return re.split(rf"\n{level} ", rest)[0]


# Markdown


def test_features_by_library(made: MadeResults) -> None:
    text = as_markdown(made)
    protocols = section(text, "### Protocols of one")
    assert "| protocol | 1.0-deb | 2.0-whl |" in protocols
    assert "| push | native | native |" in protocols
    assert "| pull |" not in protocols, "what no build has is in the notes"
    assert "pull, req, rep" in protocols
    assert "left out (needs 9.9)" in protocols
    assert "| pull | native |" in section(text, "### Protocols of two")
    capabilities = section(text, "### Capabilities of one")
    assert "program's own | – | emulated |" in capabilities
    assert "- `raw` (in 2.0-whl): anymq | &lt;parses> it" in capabilities


def test_every_feature_of_every_library_is_told(made: MadeResults) -> None:
    text = as_markdown(made)
    for library in set(BUILDS.values()):
        told = "".join(
            section(text, f"### {title} of {library}")
            for title in ("Protocols", "Transports", "Options", "Capabilities")
        )
        for feature in known_features():
            assert re.search(rf"\b{re.escape(feature.partition('.')[2] or feature)}\b", told)


def test_what_did_not_run_says_so(made: MadeResults) -> None:
    document = made.features("one-1.0-deb")
    del document["features"]["protocol.push"]
    made.write("features/one-1.0-deb.json", document)
    made.remove("features/two-7-deb.json")
    text = as_markdown(made)
    assert "| push | not run | native |" in section(text, "### Protocols of one")
    assert "| push | not run |" in section(text, "### Protocols of two")
    assert "| two-7-deb | not run |" in section(text, "## Conformance")
    html = as_html(made)
    row = re.search(r'<tr data-protocol="push">.*', html)
    assert row
    assert re.findall(r">([a-z ]+)</td>", row[0]) == ["not run", "native", "not run"]
    assert html.count('<td class="dim">not run</td>') == 2, "in builds and in conformance"


def test_a_build_that_cannot_be_loaded_is_listed_with_the_reason(made: MadeResults) -> None:
    text = section(as_markdown(made), "## Builds")
    assert f"| {REFUSED} | Debian sid, libone 1.0-1 | undefined symbol: nope |" in text
    assert '<td class="bad">no: undefined symbol: nope</td>' in as_html(made)


def test_pairs(made: MadeResults) -> None:
    text = section(as_markdown(made), "## Interoperation over SP")
    assert "| push-pull | 17/17, 1 not run |" in text
    assert "| pair-pair | not run | **15/16** |" in text
    assert "| 1 | one-1.0-deb | 4/4 | 4/4 | 2/2 |" in text
    assert "| 2 | one-2.0-whl | 4/4 | 4/4 | **2/3, 1 not run** |" in text
    assert "### pair-pair over ws (SP)" in text
    assert "### push-pull over tcp" not in text, "nothing failed there"
    assert "| one-2.0-whl | ok / **timeout** |" in text
    assert (
        "- timeout: the receiver: 3 of 15 &lt;/script> came (`pair-pair/ws/one-2.0-whl/two-7-deb/re"
        in text
    )


def test_no_run_is_no_success(made: MadeResults) -> None:
    document = made.interop()
    document["runs"] = [run for run in document["runs"] if "two-7-deb" not in run["id"]]
    made.write("interop/sp.json", document)
    text = section(as_markdown(made), "## Interoperation over SP")
    assert "| 3 | two-7-deb | not run | not run | not run |" in text
    assert as_html(made).count('<td class="none">not run</td>') == 5


def test_behaviour(made: MadeResults) -> None:
    text = as_markdown(made)
    differing = section(text, "## Differences in behaviour")
    assert "| D3 | not dialled | one-1.0-deb, one-2.0-whl | `test_small` |" in differing
    assert "docs/semantics.md" in differing
    assert "| slow-start | it begins \\| &lt;late> | one-1.0-deb, one-2.0-whl |" in differing
    quirks = as_html(made).partition('<section id="quirks"')[2].partition("</section>")[0]
    assert '<tr data-builds="one-1.0-deb one-2.0-whl"><th scope="row">slow-start</th>' in quirks
    assert "it begins | &lt;late&gt;" in quirks
    outcomes = section(text, "## Conformance")
    assert "| one-1.0-deb | [passed](" in outcomes
    assert "| one-2.0-whl | [**crashed**](compat_matrix/conformance/one-2.0-whl.json) |" in outcomes
    assert "- ended by signal 11 in test_end" in outcomes
    assert "- failed: `test_exit.py::test_end[tcp]`: signal 11" in outcomes
    assert "- skipped, 1: needs two processors" in outcomes


def test_every_table_is_whole(made: MadeResults) -> None:
    """A cell with a bar in it, or one too few, would shift a column."""
    widths = [
        len(re.findall(r"(?<!\\)\|", line)) if line.startswith("|") else None
        for line in as_markdown(made).splitlines()
    ]
    for before, after in pairwise(widths):
        assert before is None or after is None or before == after


# HTML


class Reader(HTMLParser):
    """Checks that elements nest, and keeps what refers to something."""

    VOID = frozenset({"meta", "input", "br", "link", "img"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.targets: list[str] = []
        self.ids: list[str] = []
        self.cells: list[dict[str, str | None]] = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in self.VOID:
            self.open.append(tag)
        found = dict(attrs)
        assert not {key for key in found if key.startswith("on")}
        self.targets += [value or "" for key, value in attrs if key in ("href", "src", "action")]
        self.ids += [value or "" for key, value in attrs if key == "id"]
        if tag == "td":
            self.cells.append(found)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_well_formed_and_needs_nothing_else(made: MadeResults) -> None:
    html = as_html(made)
    reader = Reader(html)
    assert len(set(reader.ids)) == len(reader.ids)
    for target in reader.targets:
        if target.startswith("#"):
            assert target[1:] in reader.ids
        else:
            assert target.startswith(("compat_matrix/", "docs/semantics.md")), target
    for remote in ("http:", "https:", "@import", "url(", "fetch("):
        assert remote not in html


def test_every_cell_names_the_file_that_filled_it(made: MadeResults) -> None:
    cells = [c for c in Reader(as_html(made)).cells if c.get("class") in ("native", "absent")]
    told = [c.get("title") or "" for c in cells]
    assert len(told) >= len(known_features()) * len(BUILDS) - 1
    for name in BUILDS:
        of_build = [t for t in told if t.endswith(f"from compat_matrix/features/{name}.json")]
        assert len(of_build) >= len(known_features()) - 1


def test_the_page_has_every_run(made: MadeResults) -> None:
    interop = made.interop()
    interop["runs"][3]["id"] = "the fourth"
    made.write("interop/sp.json", interop)
    html = as_html(made)
    data = html.partition('id="runs-sp">')[2].partition("</script>")[0]
    document = json.loads(data)
    runs = document["runs"]
    words = document["words"]
    sides = ("sender", "receiver")
    keys = ["/".join([*(words[n] for n in run[1:5]), sides[run[5]]]) for run in runs]
    ids = [run[0] or key for run, key in zip(runs, keys, strict=True)]
    assert ids == [run["id"] for run in interop["runs"]]
    timeouts = [run for run in runs if words[run[6]] == "timeout"]
    assert [words[run[12]] for run in timeouts] == ["two-7-deb: 3 of 15 </script> came"]
    assert [run[7] for run in timeouts] == [3]


def test_what_was_recorded_is_not_taken_for_markup(made: MadeResults) -> None:
    html = as_html(made)
    assert "anymq | &lt;parses&gt; it" in html
    assert "<parses>" not in html


def test_pages_are_the_same_each_time(made: MadeResults) -> None:
    assert as_markdown(made) == as_markdown(made)
    assert as_html(made) == as_html(made)
