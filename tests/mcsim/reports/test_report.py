"""The page: complete, self-contained, safe, the same every time."""

from __future__ import annotations

import hashlib
import json
import logging
import math
import re
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lxml import etree

from mcsim import store
from mcsim.errors import IncompleteRunError, StoreError
from mcsim.reports import charts, facts
from mcsim.reports.assumptions import price_assumptions
from mcsim.reports.digits import decimals
from mcsim.reports.formats import FIGURE_SPACE, FORMATS
from mcsim.reports.report import write_report
from mcsim.reports.seal import report_problem
from mcsim.reports.statistics import opening_balance, value_paths
from tests.mcsim.reports.conftest import NOTE_SAID

VOID = {"meta", "link", "br", "img", "hr", "input"}


class Reader(HTMLParser):
    """Collects attributes, ids and rows; fails on a tag that is not closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("style", "title"):
            self.text.append(data)


def read(path: Path) -> tuple[Reader, str]:
    html = path.read_text(encoding="utf-8")
    reader = Reader()
    reader.feed(html)
    reader.close()
    assert reader.open == []
    return reader, html


@pytest.fixture(scope="module")
def sound_run(make_run: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return make_run(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def page(sound_run: Any) -> tuple[Reader, str]:
    return read(write_report(sound_run))


def test_the_page_asks_for_nothing(page: tuple[Reader, str]) -> None:
    reader, html = page
    for tag, name, value in reader.attributes:
        if name in ("src", "href", "xlink:href", "action", "srcset"):
            assert value.startswith("#"), f"{tag} {name}={value}"
    assert "<script" not in html
    assert "@import" not in html
    assert not re.search(r"url\((?!#)", html)
    addresses = set(re.findall(r"https?://[^\"'\s<]+", html))
    assert addresses <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}  # names of vocabularies


def test_the_same_run_gives_the_same_bytes(sound_run: Any, page: tuple[Reader, str]) -> None:
    assert write_report(sound_run).read_text(encoding="utf-8") == page[1]
    assert not list(Path(sound_run.path).glob("*.part*"))


def test_ids_are_unique_and_references_resolve(page: tuple[Reader, str]) -> None:
    reader, html = page
    ids = [value for _, name, value in reader.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    references = {v[1:] for _, n, v in reader.attributes if n in ("href", "xlink:href")} | set(
        re.findall(r"url\(#([^)]+)\)", html)
    )
    references |= {v for _, n, v in reader.attributes if n == "aria-labelledby"}
    assert references <= set(ids)


def test_every_chart_is_sound_xml_with_a_text_for_those_who_cannot_see_it(page: tuple[Reader, str]) -> None:
    _, html = page
    pictures = re.findall(r"<svg.*?</svg>", html, flags=re.S)
    assert len(pictures) == 7
    for picture in pictures:
        root = etree.fromstring(picture.encode())
        assert root.get("role") == "img"
        assert root.get("viewBox")
        assert len(root[0].text or "") > 30
        assert "nan" not in picture.lower().split()


def test_numbers_of_the_price_table(sound_run: Any, page: tuple[Reader, str]) -> None:
    _, html = page
    row = re.search(r"<tr><th scope=\"row\">A-2</th>(.*?)</tr>", html, flags=re.S)
    assert row is not None
    cells = re.findall(r"<td[^>]*>(.*?)</td>", row.group(1))
    c = {name: float(sound_run.prices[name].sel(tranche="A-2")) for name in sound_run.prices.data_vars}
    price, life = (decimals(c[name]) for name in ("price_standard_error", "wal_standard_error"))
    assert [cell.rstrip("\N{FIGURE SPACE}") for cell in cells] == [
        f"{c['original_balance']:,.0f}", f"{c['price']:.{price}f}", f"{c['price_standard_error']:.{price}f}",
        f"{c['value']:,.0f}", f"{c['value_standard_error']:,.0f}", f"{c['wal']:.{life}f}",
        f"{c['wal_standard_error']:.{life}f}", "140", f"{100 * c['principal_loss']:.3f}", f"{100 * c['interest_share']:.1f}",
    ]  # fmt: skip
    assert "NaN" not in html
    assert ">nan<" not in html


def test_the_price_table_says_what_it_assumes(sound_run: Any, page: tuple[Reader, str]) -> None:
    section = page[1].split("<h2>Prices</h2>")[1].split("</section>")[0]
    said = [unescape(line) for line in re.findall(r"<li>(.*?)</li>", section)]
    assert said == price_assumptions(sound_run.config, sound_run.attributes) and len(said) >= 2


def test_a_residual_has_a_value_and_no_dash(sound_run: Any, page: tuple[Reader, str]) -> None:
    row = re.search(r"<tr><th scope=\"row\">R</th>(.*?)</tr>", page[1], flags=re.S)
    assert row is not None
    cells = re.findall(r"<td[^>]*>(.*?)</td>", row.group(1))
    value, error = (float(sound_run.prices[v].sel(tranche="R")) for v in ("value", "value_standard_error"))
    assert cells == ["", "", "", f"{value:,.0f}", f"{error:,.0f}", "", "", "1,200", "", "100.0"]


def test_the_title_is_the_portfolios(synthetic_run: Any) -> None:
    synthetic_run.config["campaign"] = "another_name"
    synthetic_run.config["portfolio"] = {"name": "my_pool", "file": "a/folder/tape <1>.xml"}
    html = read(write_report(synthetic_run))[1]
    assert "<title>My pool (tape &lt;1&gt;.xml) – valuation report</title>" in html
    assert "<h1>My pool <small>tape &lt;1&gt;.xml</small></h1>" in html
    assert "Another name" not in html


def test_every_warning_and_note_is_on_the_page(page: tuple[Reader, str]) -> None:
    """Every warning above the prices, a note of the tape with its loan ids among them; the note's figures with the pool too."""
    html = page[1]
    assert html.index("<li>the curve is of 1999: &lt;i&gt;old&lt;/i&gt;</li>") < html.index("<h2>Prices</h2>")
    assert html.index(f"<li>{NOTE_SAID}</li>") < html.index("<h2>Prices</h2>") and html.count(">paid off<") == 1
    assert re.search(r">paid off</th><td[^>]*>2</td><td[^>]*>1,500,000</td><td>left out</td>", html)


def test_the_last_line_vouches_for_the_page(synthetic_run: Any, make_run: Any, tmp_path: Path) -> None:
    """A changed byte, a lost line, the page of another run: each is seen. sha256sum agrees."""
    folder, path = synthetic_run.path, write_report(synthetic_run)
    page = path.read_bytes()
    assert report_problem(folder) is None
    body, _, last = page.rstrip(b"\n").rpartition(b"\n")
    assert hashlib.sha256(body + b"\n").hexdigest().encode() in last
    for changed in (page.replace(b"99", b"98", 1), page[: len(page) // 2], body, b"", page + b"\n", page[:-2]):
        path.write_bytes(changed)
        assert report_problem(folder), len(changed)
    (tmp_path / "other").mkdir()
    other = write_report(make_run(tmp_path / "other", balance=1e9))
    path.write_bytes(other.read_bytes())
    assert report_problem(folder)
    path.unlink()
    assert report_problem(folder) is None


@pytest.mark.parametrize(
    "what", ["20201231", "richard_roll", "5f5f5f", "0123abcd", "no CUDA device", "hydra-core", "sigma: 0.0065"]
)
def test_what_went_in_is_on_the_page(page: tuple[Reader, str], what: str) -> None:
    assert what in page[1]


def test_where_the_scenarios_start_is_on_the_page(page: tuple[Reader, str]) -> None:
    row = r"Home prices: log index above its trend</th><td class=\"number\">−5.623 %</td><td>derived: index of 2020Q4</td>"
    assert re.search(row, page[1])


def test_text_from_a_tape_is_escaped(page: tuple[Reader, str]) -> None:
    assert "L&lt;b&gt;17&lt;/b&gt;" in page[1]


def test_a_broken_identity_is_shown(synthetic_run: Any, page: tuple[Reader, str], caplog: pytest.LogCaptureFixture) -> None:
    """In the table of checks, above everything else on the page, and in the log."""
    assert page[1].count(">fails<") == 0
    assert 'role="alert"' not in page[1]
    synthetic_run.tranches["fee_paid"][0, 3, 5] += 1.0
    with caplog.at_level(logging.WARNING, logger="mcsim"):
        html = read(write_report(synthetic_run))[1]
    assert html.count(">fails<") == 1
    assert html.index('role="alert"') < html.index("<header>")
    assert re.search(r"<p>1 of 9 checks fails.*?<li>Cash in = cash out: .*?off by USD 1\.00, allowed 0\.005</li>", html, re.S)
    [record] = caplog.records
    assert (record.name, record.levelname) == ("mcsim", "WARNING")
    assert "'Cash in = cash out'" in record.getMessage()


def test_a_sound_run_warns_of_nothing(synthetic_run: Any, caplog: pytest.LogCaptureFixture) -> None:
    write_report(synthetic_run)
    assert not caplog.records


def test_one_path_has_no_error_bar(synthetic_run: Any) -> None:
    for group in ("scenarios", "pool", "tranches"):
        setattr(synthetic_run, group, getattr(synthetic_run, group).isel(path=slice(0, 1)))
    assert "no error bar" in read(write_report(synthetic_run))[1]


def test_headlines_show_errors_with_two_digits(sound_run: Any, page: tuple[Reader, str]) -> None:
    """As the store has them: not an error of 0.00052 % as 0.001 %."""
    tiles = re.findall(r"<b>(?:<small>USD</small> )?([\d,.]+) [m%]</b><em>± ([\d.]+) [m%]", page[1])
    total = sum(np.asarray(v) for v in value_paths(sound_run).values())
    losses = sound_run.pool["loss"].values.sum(axis=(0, 1)) / opening_balance(sound_run.pool)
    for (number, error), paths, scale in zip(tiles, (total, losses), (1e-6, 100), strict=True):
        expected = scale * paths.std(ddof=1) / math.sqrt(paths.size)
        assert abs(float(error) / expected - 1) < 0.05  # two digits: half a unit of the second is a twentieth at most
        assert len(number.partition(".")[2]) == len(error.partition(".")[2])
        assert abs(float(number.replace(",", "")) - scale * paths.mean()) < expected


def test_totals_stand_below_their_columns(synthetic_run: Any) -> None:
    """Where a class has cents, dollars of the rows and of the total lie below one another all the same."""
    for name, cents in (("value", 0.03), ("value_standard_error", 0.0)):
        synthetic_run.prices[name][{"tranche": -1}] = cents
    html = read(write_report(synthetic_run))[1]
    rows = re.findall(r"<tr><th scope=\"row\">(R|A|All classes)</th>(.*?)</tr>", html, flags=re.S)
    values = {name: re.findall(r"<td[^>]*>(.*?)</td>", cells)[3] for name, cells in rows if cells.count("<td") == 10}
    assert (
        values["R"] == "0.03" and len({len(value) - len(value.rstrip(FIGURE_SPACE)) for value in values.values()} - {0}) == 1
    )
    assert values["All classes"].endswith(3 * FIGURE_SPACE)


def test_dust_has_no_chart_and_no_share(synthetic_run: Any, page: tuple[Reader, str]) -> None:
    for flow in ("interest_paid", "principal_paid"):
        synthetic_run.tranches[flow][{"tranche": -1}] *= 1e-17
    for name in ("value", "value_standard_error"):
        synthetic_run.prices[name][{"tranche": -1}] *= 1e-17
    html = read(write_report(synthetic_run))[1]
    row = re.search(r"<tr><th scope=\"row\">R</th>(.*?)</tr>", html, flags=re.S)
    assert row and re.findall(r"<td[^>]*>(.*?)</td>", row[1]) == ["", "", "", "0", "0", "", "", "1,200", "", ""]
    assert page[1].count(">R</text>") == 2 and ">R</text>" not in html


def test_what_has_no_count_is_left_blank(page: tuple[Reader, str]) -> None:
    assert ">–<" not in page[1].split("<h2>What went in</h2>")[1]


def test_a_bare_folder_still_reports(synthetic_run: Any) -> None:
    for name in ("inputs.json", "env.json", "rejects.csv", "warnings.json"):
        (Path(synthetic_run.path) / name).unlink()
    store.mark_complete(synthetic_run.path)
    del synthetic_run.attributes
    assert "All classes" in read(write_report(synthetic_run))[1]


def test_a_damaged_record_is_named(synthetic_run: Any) -> None:
    (Path(synthetic_run.path) / "env.json").write_text("{")
    with pytest.raises(StoreError, match=r"env\.json"):
        write_report(synthetic_run)


def test_an_unfinished_run_gets_no_report(synthetic_run: Any) -> None:
    (Path(synthetic_run.path) / store.MARKER_NAME).unlink()
    with pytest.raises(IncompleteRunError):
        write_report(synthetic_run)


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("usd", 1234567.4, "1,234,567"), ("usd", -1234.0, "−1,234"), ("number4", math.nan, "–"), ("number2", -0.001, "0.00"),
        ("percent1", 0.652, "65.2 %"), ("basis_points", 0.014, "140"), ("compact", 1988.4e6, "1,988.4 m"),
        ("difference", 0.0, "0"), ("difference", 7.5e-9, "7.5e−9"), ("difference", 240.4, "240.40"),
        ("title", "sec_cmbs", "SEC CMBS"), ("title", "prime_jumbo", "Prime jumbo"), ("share", None, "–"),
    ],
)  # fmt: skip
def test_formats(name: str, value: Any, text: str) -> None:
    assert FORMATS[name](value) == text


def test_states_are_shares_of_the_whole() -> None:
    regions = {f"S{i:02d}": float(i + 1) for i in range(20)}
    rows, shares = facts.pool_summary({"portfolio": json.dumps({"loans": 3, "regions": regions})})
    assert rows == [("Loans", 3, "count")]
    assert shares[0][0] == "S19"
    assert shares[-1][0] == "12 others"
    assert sum(v for _, v in shares) == pytest.approx(1, abs=1e-12)


def test_portfolio_record() -> None:
    class Loans:
        region = np.array(["NY", "CA", "CA"])
        balance = np.array([1.0, 1.0, 2.0])

        def summary(self) -> dict[str, float]:
            return {"loans": 3}

    assert facts.portfolio_record(Loans()) == {"loans": 3, "regions": {"CA": 0.75, "NY": 0.25}}


def test_a_chart_is_drawn_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """savefig by itself draws a chart with a layout twice, the first time unseen."""
    from matplotlib.figure import Figure

    drawn: list[Any] = []
    draw = Figure.draw
    monkeypatch.setattr(Figure, "draw", lambda figure, renderer: (drawn.append(figure), draw(figure, renderer))[1])
    charts.distribution_chart("d", {"A": np.arange(100.0)}, {"A": "USD"}, "a chart")
    assert len(drawn) == 1
