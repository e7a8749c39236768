"""The fields of a table of one's own: their names, units and ranges, and what holds where a table does not have one."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from kernels.terms import TERMS
from mcsim.conventions import DAY_COUNTS
from mcsim.tapes.checks import LEAST_LTV, LEAST_RATE, MOST_BALANCE, MOST_FEE, MOST_LTV, MOST_RATE, MOST_TERM, PROPERTY_TYPES

_SHARE_UNITS = {"per_unit": (1, 1), "percent": (1, 100), "basis_points": (1, 10_000)}
UNITS: dict[str, dict[str, tuple[int, int]]] = {
    "rate": _SHARE_UNITS,
    "ratio": _SHARE_UNITS,
    "money": {"usd": (1, 1), "thousands": (1_000, 1), "millions": (1_000_000, 1)},
    "months": {"months": (1, 1), "years": (12, 1)},
}
"""Kind of a field → its units, the own one first → (times, divided by): a percentage divided by 100 is the nearest number."""
_UNIT_WORDS = {
    "%": "percent", "pct": "percent", "percentage": "percent", "bp": "basis_points", "bps": "basis_points",
    "decimal": "per_unit", "fraction": "per_unit", "unit": "per_unit", "$": "usd", "dollars": "usd", "k": "thousands",
    "thousand": "thousands", "mm": "millions", "million": "millions", "month": "months", "year": "years",
}  # fmt: skip

STATUSES = ("performing", "delinquent", "defaulted", "paid_off")
NO_LIMIT = math.nextafter(1.0, 0.0)
"""A cap of 100 points, or a floor of none, binds no rate that a mortgage can have; no table writes this number, so that a cap of
``1``, in percent among rates per unit, is not taken for none."""
LEAST = {**dict.fromkeys(("note_rate", "margin", "periodic_cap", "initial_cap", "life_cap", "life_floor"), LEAST_RATE),
         "ltv": LEAST_LTV, "original_ltv": LEAST_LTV}  # fmt: skip
"""Field → the least that it is where others of its column are a hundred times as much."""
LOWEST_SCORE, HIGHEST_SCORE = 300, 850  # of the FICO scale


@dataclass(frozen=True)
class Field:
    """One field.

    Attributes
    ----------
    kind : str
        ``text``, ``money``, ``rate``, ``ratio``, ``months``, ``number``, ``date``, ``flag`` or ``choice``.
    meaning : str
        What it is, in the words of the documentation.
    without : str
        What holds where the table, or a cell, has none; empty: the row cannot be read without it (or one of ``instead``).
    low, high : float
        Range of a number, in the own unit.
    instead : tuple of str
        Fields from which it follows, in the order in which they are asked.
    called : tuple of str
        What others call it: named in messages, never read by guess.
    choices : tuple of str
        Of a ``choice``.
    """

    kind: str
    meaning: str
    without: str = ""
    low: float = 0.0
    high: float = 0.0
    instead: tuple[str, ...] = ()
    called: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()

    @property
    def bounded(self) -> bool:
        """Whether a number has a range."""
        return self.low < self.high

    @property
    def expected(self) -> str:
        """The range in words."""
        if math.isinf(self.low) or math.isinf(self.high):
            ends = (("at least", self.low), ("at most", self.high))
            return " and ".join(f"{word} {end:g}" for word, end in ends if math.isfinite(end)) or "a number"
        return f"{self.low:g} to {self.high:g}" if self.bounded else "a number"


def _rate(meaning: str, without: str = "", high: float = MOST_RATE, low: float = 0.0, called: tuple[str, ...] = ()) -> Field:
    return Field("rate", meaning, without, low, high, called=called)


def _months(
    meaning: str, without: str = "", low: float = 0.0, instead: tuple[str, ...] = (), called: str = "", high: float = MOST_TERM
) -> Field:
    return Field("months", meaning, without, low, high, instead, tuple(called.split()))


# Of adjustable loans: subprime margins went to 12 points; 15/15 is the longest hybrid; the index is read 45 days before, or of
# some months before where it is published late; notes round to an eighth, some to a quarter.
_MOST_MARGIN, _MOST_RESET, _MOST_LOOKBACK, _MOST_ROUNDING = 0.15, 180, 12, 0.01


FIELDS: dict[str, Field] = {
    "loan_id": Field("text", "name of the loan, once in the table", called=("id", "loan", "loan_number", "loan_no", "account")),
    "balance": Field(
        "money", "balance at the cut-off; of a repline, of all its loans", "", 0, MOST_BALANCE, ("average_balance",),
        ("upb", "current_balance", "curr_bal", "current_upb", "unpaid_principal_balance", "principal", "bal"),
    ),
    "average_balance": Field("money", "balance of one loan of a repline; times `count`", "not used", 0, MOST_BALANCE),
    "count": Field("number", "loans that a row stands for (a repline)", "1", 1, 10_000_000, called=("loan_count", "loans")),
    "original_balance": Field(
        "money", "balance at origination", "the balance at the cut-off", 0, MOST_BALANCE,
        called=("orig_upb", "original_upb", "loan_amount", "orig_balance"),
    ),
    "note_rate": _rate(
        "note rate at the cut-off, annual", called=("rate", "coupon", "wac", "interest_rate", "gross_coupon", "current_rate")
    ),
    "servicing_rate": _rate("servicing and trustee fee, annual", "`portfolio.servicing_rate`", MOST_FEE, called=("fee",)),
    "remaining_term": _months(
        "payments left", "", 1, ("maturity_date", "original_term"), "wam rem_term term remaining_months months_to_maturity"
    ),
    "original_term": _months("payments from the first to the last", "not used", 1, called="orig_term"),
    "maturity_date": Field("date", "due date of the last payment", "not used", called=("maturity",)),
    "age": _months("payments due since origination", "", 0, ("first_payment", "original_term"), "wala loan_age seasoning"),
    "first_payment": Field("date", "due date of the first payment", "not used", called=("first_payment_date", "first_pay")),
    "origination": Field("date", "date of the loan", "not used", called=("origination_date", "orig_date", "note_date")),
    "amortisation": _months(
        "months in which level payments bring the balance to zero, counted from the cut-off, interest-only months included",
        "the remaining term: no balloon", 1, ("amortisation_term",),
    ),
    "amortisation_term": _months(
        "likewise as agreed at origination, from the end of the interest-only months; 0 is interest only for life", "not used"
    ),
    "interest_only": _months(
        "interest-only payments left", "0", 0, ("interest_only_term",), "io io_months io_remaining remaining_io"
    ),
    "interest_only_term": _months("interest-only payments from the first one", "not used", called="io_term original_io_term"),
    "payment": Field(
        "money", "level payment a month, without taxes and insurance", "computed", 0, MOST_BALANCE, called=("p_and_i", "pmt", "pi")
    ),
    "day_count": Field("choice", "how interest accrues", "30/360", choices=DAY_COUNTS, called=("accrual", "basis")),
    "status": Field("choice", "where the loan stands", "performing", choices=STATUSES, called=("loan_status", "delinquency")),
    "state": Field("text", "state of the property, two letters or its name", called=("st", "property_state", "state_code")),
    "property_type": Field(
        "choice", "kind of property", "other", choices=PROPERTY_TYPES, called=("prop_type", "property", "type")
    ),
    "ltv": Field(
        "ratio", "balance at the cut-off over the property's value then", "", 0, MOST_LTV, ("property_value", "original_ltv"),
        ("cltv", "current_ltv", "mark_to_market_ltv", "mtmltv"),
    ),
    "property_value": Field("money", "value of the property at the cut-off", "not used", 0, 1e3 * MOST_BALANCE),
    "original_ltv": Field(
        "ratio", "loan-to-value ratio at origination; marked to the cut-off by the balance and the state's home-price index",
        "not used", 0, MOST_LTV, called=("oltv", "orig_ltv"),
    ),
    "score": Field("number", "credit score, 300 to 850", "not known", called=("fico", "credit_score", "vantage")),
    "adjustable": Field(
        "flag", "whether the rate adjusts", "true where there is a margin, else false", called=("arm", "rate_type", "is_arm")
    ),
    "terms": Field(
        "choice", "how the note rate moves", "`adjustable` where the rate adjusts, else `level`", choices=(*TERMS,),
        called=("rate_terms",),
    ),
    "margin": _rate("over the index, annual", high=_MOST_MARGIN, called=("gross_margin",)),
    "periodic_cap": _rate("largest change at a reset, annual, or `none`", called=("per_cap", "reset_cap")),
    "initial_cap": _rate(
        "largest change at the next reset, annual, or `none`", "`periodic_cap`", called=("first_cap", "initial_reset_cap")
    ),
    "life_cap": _rate("highest note rate, annual, or `none`", called=("max_rate", "lifetime_cap", "ceiling")),
    "life_floor": _rate("lowest note rate, annual, or `none`", called=("min_rate", "floor")),
    "rate_rounding": _rate(
        "index plus margin is rounded to a multiple of it, annual: 0.00125 is an eighth", "0: not rounded", _MOST_ROUNDING,
        called=("rounding",),
    ),
    "first_reset": _months("month of the next reset, counted from the cut-off", "", 1, ("next_reset_date",), "months_to_reset"),
    "next_reset_date": Field("date", "date of the next reset", "not used", called=("next_rate_change", "reset_date")),
    "reset_period": _months("months between resets", "", 1, called="reset_frequency", high=_MOST_RESET),
    "lookback": _months("months before the reset at which the index is read", high=_MOST_LOOKBACK),
}  # fmt: skip

ARM_FIELDS = ("margin", "periodic_cap", "life_cap", "life_floor", "first_reset", "reset_period", "lookback")
"""What an adjustable-rate loan cannot be read without."""
ARM_OPTIONS = ("initial_cap", "rate_rounding")
"""What else may be said of one."""
LIMITS = {"periodic_cap": NO_LIMIT, "initial_cap": NO_LIMIT, "life_cap": NO_LIMIT, "life_floor": -NO_LIMIT}
"""What the word ``none`` stands for."""
REQUIRED = ("loan_id", "balance", "note_rate", "remaining_term", "age", "ltv", "state")
"""What no row can be read without."""

_BRITISH = ((re.compile(r"amortiz"), "amortis"), (re.compile(r"[^a-z0-9]+"), "_"))


def own_name(name: str) -> str:
    """A name as ours are written: small letters, underscores, British spelling."""
    text = name.strip().casefold()
    for pattern, ours in _BRITISH:
        text = pattern.sub(ours, text)
    return text.strip("_")


def unit_called(name: str) -> str:
    """The unit that others call ``name``; what is none of ours stays as it is."""
    return _UNIT_WORDS.get(name.casefold(), name)


def field_called(name: str) -> str:
    """The field that others call ``name``, or begin with what they call it; empty if none."""
    plain = own_name(name)
    for starts in (False, True):
        for field, spec in FIELDS.items():
            if any(plain == word or (starts and plain.startswith(f"{word}_")) for word in (field, *spec.called)):
                return field
    return ""


STATE_NAMES = {
    "alabama": "AL", "alaska": "AK", "arizona": "AZ", "arkansas": "AR", "california": "CA", "colorado": "CO", "connecticut": "CT",
    "delaware": "DE", "district_of_columbia": "DC", "florida": "FL", "georgia": "GA", "hawaii": "HI", "idaho": "ID",
    "illinois": "IL", "indiana": "IN", "iowa": "IA", "kansas": "KS", "kentucky": "KY", "louisiana": "LA", "maine": "ME",
    "maryland": "MD", "massachusetts": "MA", "michigan": "MI", "minnesota": "MN", "mississippi": "MS", "missouri": "MO",
    "montana": "MT", "nebraska": "NE", "nevada": "NV", "new_hampshire": "NH", "new_jersey": "NJ", "new_mexico": "NM",
    "new_york": "NY", "north_carolina": "NC", "north_dakota": "ND", "ohio": "OH", "oklahoma": "OK", "oregon": "OR",
    "pennsylvania": "PA", "rhode_island": "RI", "south_carolina": "SC", "south_dakota": "SD", "tennessee": "TN", "texas": "TX",
    "utah": "UT", "vermont": "VT", "virginia": "VA", "washington": "WA", "west_virginia": "WV", "wisconsin": "WI",
    "wyoming": "WY",
}  # fmt: skip
TRUE, FALSE = ("true", "yes", "y", "t", "1"), ("false", "no", "n", "f", "0")
MISSING = frozenset({"", "na", "n/a", "#n/a", "nan", "null", "none", "nat", "<na>", "-", "."})
"""Cells that hold nothing, in small letters; ``none`` is a value of a cap or floor."""
