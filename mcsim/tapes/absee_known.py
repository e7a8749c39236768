"""Codes that the lists of Schedule AL, item 2, do not have: counted by element, since what they mean is not known.

Code lists: SEC, *EDGAR ABS XML Technical Specification*, version 1.7 (2017), section 4.3; CREFC, *Investor Reporting Package*,
from which they were taken. Codes without which no loan can be read are refused by :mod:`mcsim.tapes.absee_codes` instead.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from mcsim.errors import first_of
from mcsim.tapes.absee_lines import Loan
from mcsim.tapes.absee_terms import NOT_GIVEN

WORKOUTS = {"1": "modification", "2": "foreclosure", "3": "bankruptcy", "4": "extension", "5": "note sale", "6": "discounted payoff",
            "7": "real estate owned", "8": "resolved", "9": "pending return to master servicer", "10": "deed in lieu of foreclosure",
            "11": "full payoff", "12": "representations and warranties", "13": "to be determined", "98": "other"}  # fmt: skip
"""``workoutStrategyCode``"""
PREPAYMENTS = {"1": "partial liquidation (curtailment)", "2": "payoff before maturity", "3": "disposition or liquidation",
               "4": "repurchase or substitution", "5": "payoff at maturity", "6": "discounted payoff", "7": "liquidation",
               "8": "payoff with penalty", "9": "payoff with yield maintenance", "10": "curtailment with penalty",
               "11": "curtailment with yield maintenance"}  # fmt: skip
"""``liquidationPrepaymentCode``"""
MODIFICATIONS = {"1": "maturity extended", "2": "amortisation changed", "3": "principal written off", "5": "rate reduced for a time",
                 "6": "interest capitalised", "7": "taxes capitalised", "8": "combination", "98": "other"}  # fmt: skip
"""``modificationCode``"""
_FLAG = frozenset({"TRUE", "FALSE", "1", "0", "Y", "N", "YES", "NO"})
_OF_LOANS = {
    "workoutStrategyCode": frozenset(WORKOUTS),
    "liquidationPrepaymentCode": frozenset({"0", *PREPAYMENTS}),
    "modificationCode": frozenset({"0", "4", "9", "10", *MODIFICATIONS}),
    "assetSubjectDemandStatusCode": frozenset({"0", "1", "2", "3", "4", "5", "6", "7", "98"}),
    "loanStructureCode": frozenset({"WL", "PP", "A1", "A2", "A3", "B1", "B2", "C1", "C2", "MZ"}),
    "lienPositionSecuritizationCode": frozenset({"1", "2", "3"}),
    "modifiedIndicator": _FLAG,
    "reportPeriodModificationIndicator": _FLAG,
    "nonRecoverabilityIndicator": _FLAG,
    "negativeAmortizationIndicator": _FLAG,
}
# Defeasance: full, part, none, in process, and X, not allowed by the contract.
_DEFEASANCE = frozenset({"F", "P", "N", "IP", "X"})
_OF_PROPERTIES = {
    "propertyStatusCode": frozenset({"1", "2", "3", "4", "5", "6", "98"}),
    "DefeasedStatusCode": _DEFEASANCE,
    "defeasedStatusCode": _DEFEASANCE,
}


def unknown_codes(loan: Loan) -> dict[str, set[str]]:
    """Element → codes of the loan, or of its properties, that its list does not have."""
    found: dict[str, set[str]] = {}
    properties = [*loan.asset.properties, *loan.lines]
    for lists, lines in ((_OF_LOANS, [loan.asset.texts]), (_OF_PROPERTIES, properties)):
        for name, known in lists.items():
            codes = _unknown(lines, name, known)
            if codes:
                found[name] = codes
    return found


def unknown_text(name: str, codes: Iterable[str]) -> str:
    """What the note of an element says."""
    return f"{name} {first_of(sorted(codes), 5)}: not in the list of codes; read as if it were not given"


def _unknown(lines: Iterable[Mapping[str, str]], name: str, known: frozenset[str]) -> set[str]:
    codes = {line.get(name, "") for line in lines}
    return {code for code in codes if code.upper() not in known and code.upper() not in NOT_GIVEN}
