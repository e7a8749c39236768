"""Lines of an ABS-EE exhibit: which are loans, which say what a property of a loan is, and which loan that is.

Sources: 17 CFR 229.1125 (Regulation AB, Schedule AL, item 2); SEC, *EDGAR ABS XML Technical Specification*, version 1.7 (2017).
"""

from __future__ import annotations

import datetime
import math
import re
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from mcsim.errors import InputError
from mcsim.tapes.containers import shorten
from mcsim.tapes.recognise import Recognised, recognise
from mcsim.tapes.rejects import Reject

if TYPE_CHECKING:
    from lxml.etree import _Element

NAMESPACE = "http://www.sec.gov/edgar/document/absee/cmbs/assetdata"
MOST_BYTES = 64 * 2**20  # a conduit of 100 loans is under 1 MiB; a file beyond this is no CMBS exhibit
EXPECTED = "exhibit 102 of SEC Form ABS-EE, commercial mortgages (XML)"
_ASSET_CLASSES = {"rmbs": "residential mortgages", "autoloan": "auto loans", "autolease": "auto leases",
                  "debtsecurity": "debt securities"}  # fmt: skip

# What Schedule AL, item 2, asks of every loan and of no property line.
LOAN_FIELDS = (
    "originalLoanAmount", "originationDate", "originalTermLoanNumber", "maturityDate", "firstLoanPaymentDueDate",
    "interestAccrualMethodCode", "originalInterestRateTypeCode", "reportPeriodInterestRatePercentage",
    "reportPeriodEndScheduledLoanBalanceAmount", "paymentStatusLoanCode",
)  # fmt: skip
_AMOUNTS = ("originalLoanAmount", "reportPeriodEndScheduledLoanBalanceAmount")
PERIOD_END = "reportingPeriodEndDate"
_SAME = (*_AMOUNTS, "maturityDate", "reportPeriodInterestRatePercentage")  # what one loan on two lines has in common
_PART = re.compile(r"^(.+?)[._/-]([0-9]+)$")  # 2.01, 2-001, 2_1, 2/1; the loan itself may be 2.00
_LETTERS = re.compile(r"^([0-9]+)[._/-]?[A-Za-z]+$")  # 2A
_BLANK_BETWEEN = re.compile(r"(?<=[0-9])\s+(?=[0-9])")  # 2 01: a part as well


@dataclass(frozen=True)
class Asset:
    """One ``<assets>`` element: its texts by element name, those of its ``<property>`` elements apart.

    ``twice`` are the elements, of it or of one of its properties, that stand there twice with different contents → both.
    """

    row: int
    texts: dict[str, str]
    properties: tuple[dict[str, str], ...]
    twice: dict[str, str] = field(default_factory=dict)

    @property
    def number(self) -> str:
        return self.texts.get("assetNumber", "")

    @property
    def is_loan(self) -> bool:
        """Whether at least half of what every loan must say is said: one field more or less does not make or break a loan."""
        return 2 * sum(bool(self.texts.get(name)) for name in LOAN_FIELDS) >= len(LOAN_FIELDS)


_Line = tuple[str, tuple[tuple[tuple[str, str], ...], ...]]
"""Number and properties of a line: what tells a line that stands twice from that of another property."""


@dataclass
class Loan:
    """A loan and the properties that other lines give of it; ``companion`` is another note on the same property (1 of 1A).

    ``twice`` is that of the other lines, ``balances`` what they give as theirs, ``said`` the lines that were met.
    """

    asset: Asset
    lines: list[dict[str, str]] = field(default_factory=list)
    companion: Loan | None = None
    twice: dict[str, str] = field(default_factory=dict)
    balances: list[float] = field(default_factory=list)
    said: set[_Line] = field(default_factory=set)

    @property
    def divided(self) -> bool:
        """Whether the balances of its lines are the loan's: each of them, or their sum, to a dollar a line: rounding."""
        return not self.balances or _divided(number_of(self.asset.texts.get(_AMOUNTS[-1])), self.balances)


@dataclass
class Exhibit:
    """What the lines are: ``joined`` counts those that went to a loan, ``repeated`` are those of them that say what another says,
    ``orphans`` join none and take no balance with them."""

    n_assets: int
    loans: list[Loan]
    joined: int
    orphans: list[Asset]
    rejects: list[Reject]
    repeated: list[Asset] = field(default_factory=list)


def number_of(text: str | None) -> float:
    """A number as filings write it: ``1234.5``, ``1,234.50``, ``$1,234.50``, ``6.25%``; NaN for anything else.

    ``float`` alone also takes ``1_000``, ``nan`` and ``infinity``.
    """
    found = _NUMBER.match(text or "")
    if not found:
        return math.nan
    value = float(found["sign"] + found["digits"].replace(",", "")) / (100 if found["percent"] else 1)
    return value if math.isfinite(value) else math.nan


_NUMBER = re.compile(
    r"\A\s*(?P<sign>[-+]?)\s*\$?\s*(?P<digits>(?:[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]*)?|[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]{1,4})?)"
    r"\s*(?P<percent>%?)\s*\Z"
)

_TIME = re.compile(r"(?<=-[0-9]{2})(?:T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?)?(?:Z|[-+][0-9]{2}:[0-9]{2})?\Z")


def date_of(text: str | None) -> datetime.date | None:
    """A date, MM-DD-YYYY as EDGAR asks, MM/DD/YYYY or YYYY-MM-DD, a time and zone of XML read over; None for anything else."""
    text = _TIME.sub("", text or "")
    for form in ("%m-%d-%Y", "%m/%d/%Y", "%Y-%m-%d"):
        try:
            return datetime.datetime.strptime(text, form).date()
        except ValueError:
            continue
    return None


def read_assets(path: Path) -> list[Asset]:
    """Every ``<assets>`` element of the file, in its order.

    Raises
    ------
    InputError
        If the file is no exhibit 102 of commercial mortgages in XML, is damaged, too large, or declares a document type.
    """
    found = recognise(path, EXPECTED, MOST_BYTES)
    if found.layout != "xml":
        raise found.refusal(EXPECTED)
    # Before the parser sees it: an entity can only be declared in a document type declaration, and no exhibit has one.
    if b"<!DOCTYPE" in found.content or b"<!ENTITY" in found.content:
        raise InputError(f"{path}: declares a document type or entities; these are refused: expected plain XML")
    root = _parse(found)
    _check_layout(found, root)
    assets = []
    for row, element in enumerate((e for e in root.iterchildren() if _name(e) == "assets"), start=1):
        twice: dict[str, str] = {}
        properties = tuple(_texts(p, twice) for p in element.iterchildren() if _name(p) == "property")
        assets.append(Asset(row, _texts(element, twice), properties, twice))
    return assets


def _check_layout(found: Recognised, root: _Element) -> None:
    space, _, name = str(root.tag).rpartition("}")
    if space == f"{{{NAMESPACE}" and name == "assetData":
        return
    other = re.search(r"/absee/([a-z]+)/", space)
    if name == "assetData" and other:
        words = _ASSET_CLASSES.get(other[1], other[1])
        raise InputError(
            f"{found.path}: wrong layout: an ABS-EE exhibit of {words} (namespace .../{other[1]}/...); expected {EXPECTED}; "
            "give the exhibit of a CMBS trust"
        )
    at = f"in {shorten(space.lstrip('{'))!r}" if space else "in no namespace"
    raise InputError(
        f"{found.path}: wrong layout: the root element is {shorten(name)!r} {at}; expected 'assetData' in {NAMESPACE!r}; "
        f"give {EXPECTED}"
    )


def _parse(found: Recognised) -> _Element:
    from lxml import etree

    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True, remove_pis=True,
        encoding="utf-8",
    )  # fmt: skip
    try:
        root = etree.fromstring(found.content, parser)
    except (etree.XMLSyntaxError, ValueError, LookupError) as error:
        raise InputError(f"{found.path}: not well-formed XML, perhaps truncated: {shorten(str(error), 200)}") from None
    if root.getroottree().docinfo.internalDTD is not None:
        raise InputError(f"{found.path}: declares a document type; this is refused: expected plain XML")
    return root


def _name(element: _Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _texts(element: _Element, twice: dict[str, str]) -> dict[str, str]:
    """Text by name of the child elements; of several of one name the first that is not blank, and where they differ ``twice``."""
    texts: dict[str, str] = {}
    for child in element.iterchildren():  # the parser drops comments and instructions: every child is an element
        name, text = _name(child), (child.text or "").strip()
        first = texts.setdefault(name, text) or text
        if text and text != first and number_of(text) != number_of(first):
            twice.setdefault(name, f"{shorten(first)}, {shorten(text)}")
        texts[name] = first
    return texts


def arrange(assets: list[Asset]) -> Exhibit:
    """Loans, with the properties that other lines give of them, and what joins none."""
    exhibit = Exhibit(len(assets), [], 0, [], [])
    loans: dict[str, Loan] = {}
    parts: dict[str, list[Asset]] = defaultdict(list)
    for asset in assets:
        if not asset.is_loan:
            continue
        parent, part = _split(asset.number)
        if part:
            parts[parent].append(asset)
        elif parent in loans and _same(loans[parent].asset, asset):
            _join(exhibit, loans[parent], asset)
        else:
            exhibit.loans.append(Loan(asset))
            loans.setdefault(parent, exhibit.loans[-1])
    for parent, lines in parts.items():
        _place_parts(exhibit, loans, loans.get(parent), parent, lines)
    for asset in assets:
        if not asset.is_loan:
            _place_property(exhibit, loans, asset)
    _name_companions(exhibit.loans, loans)
    exhibit.loans.sort(key=lambda loan: loan.asset.row)
    return exhibit


def _name_companions(all_loans: list[Loan], loans: dict[str, Loan]) -> None:
    """The first note of each (1 of 1A), or, where the notes have letters alone, the first of them that has a property (1A of 1B)."""
    notes = [(found[1], loan) for loan in all_loans if (found := _LETTERS.match(_key(loan.asset.number)))]
    placed: dict[str, Loan] = {}
    for number, loan in notes:
        if any(text for texts in (*loan.asset.properties, *loan.lines) for text in texts.values()):
            placed.setdefault(number, loan)
    for number, loan in notes:
        loan.companion = loans.get(number) or placed.get(number)


def _key(number: str) -> str:
    """A number without what does not tell loans apart: blanks (2 A, 2 - 01) and zeros before it."""
    plain = "".join(_BLANK_BETWEEN.sub("-", number.strip()).split())
    return plain.lstrip("0") or plain


def _split(number: str) -> tuple[str, int]:
    """Number of the loan and of its part, 0 for the loan itself: 2 and 2.00 are loan 2, 2.01 and 2-001 its first part."""
    found = _PART.match(_key(number))
    return (_key(found[1]), int(found[2])) if found else (_key(number), 0)


def _line(asset: Asset) -> _Line:
    return _key(asset.number), tuple(tuple(sorted(texts.items())) for texts in asset.properties)


def _join(exhibit: Exhibit, loan: Loan, line: Asset) -> None:
    exhibit.joined += 1
    if _line(line) in loan.said | {_line(loan.asset)}:
        exhibit.repeated.append(line)  # its value counts once
        return
    loan.said.add(_line(line))
    loan.lines.extend(line.properties)
    loan.twice.update(line.twice)
    balance = number_of(line.texts.get(_AMOUNTS[-1]))
    loan.balances += [balance] if balance > 0 else []


def _same(one: Asset, other: Asset) -> bool:
    """Whether two lines repeat one loan, at one date."""
    ends = {asset.texts.get(PERIOD_END) or "" for asset in (one, other)} - {""}
    return len(ends) < 2 and all(one.texts.get(name, "") == other.texts.get(name, "") for name in _SAME)


def _place_parts(exhibit: Exhibit, loans: dict[str, Loan], loan: Loan | None, parent: str, lines: list[Asset]) -> None:
    """Lines numbered as parts of a loan that hold a loan's data: the loan repeated, or its amounts divided among its properties."""
    if loan is None and (len(lines) == 1 or len({tuple(a.texts.get(n, "") for n in _SAME) for a in lines}) == len(lines)):
        for line in lines:  # loans of their own, whatever their number looks like
            exhibit.loans.append(Loan(line))
            loans.setdefault(_key(line.number), exhibit.loans[-1])
        return
    divided = loan is not None and _divides(loan.asset, lines)
    for line in lines:
        if loan is not None and (divided or _same(loan.asset, line)):
            _join(exhibit, loan, line)
            continue
        what = (
            f"is numbered as a part of loan {parent} and has terms of its own" if loan else f"repeats a part of loan {parent}"
        )
        reason = f"{what}; expected the loan on one line, and lines of its properties that repeat or divide it"
        exhibit.rejects.append(Reject(line.row, line.number, "assetNumber", line.number, reason))


def _divides(loan: Asset, lines: list[Asset]) -> bool:
    """Whether the amounts on ``lines`` are the loan's, as :func:`_divided` says."""
    given = [name for name in _AMOUNTS if any(line.texts.get(name) for line in lines)]
    for name in given:
        whole, parts = number_of(loan.texts.get(name)), [number_of(line.texts.get(name)) for line in lines]
        if not _divided(whole, parts):
            return False
    return bool(given)


def _divided(whole: float, parts: list[float]) -> bool:
    """Whether each of the parts is the whole, or they sum to it, to a dollar a part: rounding."""
    return abs(math.fsum(parts) - whole) <= len(parts) or all(part == whole for part in parts)


def _place_property(exhibit: Exhibit, loans: dict[str, Loan], line: Asset) -> None:
    parent, _ = _split(line.number)
    letters = _LETTERS.match(parent)
    for key in (_key(line.number), parent, *(letters.groups() if letters else ())):
        if key in loans:
            _join(exhibit, loans[key], line)
            return
    amounts = [name for name in _AMOUNTS if number_of(line.texts.get(name)) > 0]
    if not amounts or number_of(line.texts.get(_AMOUNTS[-1])) == 0:
        exhibit.orphans.append(line)
        return
    said = sum(bool(line.texts.get(name)) for name in LOAN_FIELDS)
    reason = f"neither a loan ({said} of {len(LOAN_FIELDS)} fields of one) nor a line of a loan in the file; expected either"
    exhibit.rejects.append(Reject(line.row, line.number, amounts[0], line.texts[amounts[0]], reason))
