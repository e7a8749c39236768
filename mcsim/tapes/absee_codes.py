"""Codes of an ABS-EE exhibit that change a contract: each is applied, rejected by its name, or noted.

Code lists: SEC, *EDGAR ABS XML Technical Specification*, version 1.7 (2017), section 4.3. What becomes of each code stands in
docs/theory/tapes.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mcsim.tapes.absee_known import MODIFICATIONS, PREPAYMENTS, WORKOUTS, unknown_codes, unknown_text
from mcsim.tapes.absee_lines import Asset, Exhibit, Loan, date_of, number_of
from mcsim.tapes.absee_property import STATUSES, Properties
from mcsim.tapes.absee_terms import (
    ACCRUALS,
    BALANCE,
    NEW_AMORTISATION,
    NEW_PAYMENT,
    NEW_RATE,
    NOT_GIVEN,
    is_modified,
    is_true,
)
from mcsim.tapes.containers import shorten
from mcsim.tapes.notes import LINES_WITHOUT_A_LOAN, Note
from mcsim.tapes.rejects import Reject

# Element → codes that are carried, names of those that are not, what was expected. A blank code is not carried either, but for
# the payment type, which the months say as well.
_CARRIED: dict[str, tuple[frozenset[str], dict[str, str], str]] = {
    "interestAccrualMethodCode": (
        frozenset(ACCRUALS),
        {"4": "actual/actual", "5": "actual/366", "6": "simple interest", "7": "rule of 78", "98": "another accrual method"},
        "accrual method not carried; expected 1 (30/360), 2 (actual/365) or 3 (actual/360)",
    ),
    "originalInterestRateTypeCode": (
        frozenset({"1"}),
        {"2": "adjustable rate", "3": "step rate", "4": "another type of rate", "98": "another type of rate"},
        "rate type not carried; expected 1 (fixed)",
    ),
    "paymentFrequencyCode": (
        frozenset({"1"}),
        {"2": "quarterly", "3": "half-yearly", "12": "yearly", "365": "daily"},
        "payment frequency not carried; expected 1 (monthly)",
    ),
    "paymentTypeCode": (
        frozenset({"", "1", "2", "3", "4", "5", "7"}),
        {"6": "principal only", "98": "another type of payment"},
        "payment type not carried; expected 1 to 5 or 7",
    ),
    "paymentStatusLoanCode": (
        frozenset({"0", "A", "B", "1", "2"}),
        {"3": "90 or more days delinquent", "4": "matured balloon, performing", "5": "matured balloon, not performing"},
        "not a performing loan; expected 0, A, B, 1 or 2 (less than 90 days delinquent, not matured)",
    ),
}
# Ends of a loan; modification, extension and the like go on, and are noted.
_WORKOUTS = {code: WORKOUTS[code] for code in ("2", "3", "5", "6", "7", "10")}
_PARTLY = frozenset({"1", "10", "11"})
_PAID_OFF = frozenset({"2", "4", "5", "8", "9"})
_LIQUIDATED = frozenset({"3", "6", "7"})
_ENDED = _PAID_OFF | _LIQUIDATED
_ACTUAL = "reportPeriodEndActualBalanceAmount"
_APART = 0.05  # scheduled from actual balance: two months of any level payment, and rounding
_SUBORDINATE = frozenset({"B1", "B2", "C2", "MZ"})
_GONE = frozenset({"", "NA", "N/A", "0", "99"})

REMARKS = {
    "parts do not sum": "the balances on the lines of its properties are not the loan's: the loan's own is read",
    "actual balance": "more than 5% from the scheduled one (advances, a curtailment, a slip): the scheduled one is read",
    "defeased": "government securities stand behind it: no default, and no part in the pool's loan-to-value ratio",
    "partly defeased": "read as not defeased",
    "modified": "payment, maturity and amortisation as modified, where filed; a rate reduced for a time holds to maturity",
    "modified rate": "the rate agreed is not the period's, and no payment says that it is in force: the period's is read",
    "extended again": "the maturity agreed has passed, and the maturity was moved since: that is read",
    "no modification": "terms after modification or a code of one, and nothing that says modified: read as not modified",
    "interest only as modified": "the payment agreed is interest: interest only to maturity",
    "delinquent": "30 to 89 days late (paymentStatusLoanCode 1 or 2): read as performing",
    "specially serviced": "transferred and not returned: read as performing, by the payment status",
    "workout": "a workout code, and no transfer to the special servicer: read as performing, by the payment status",
    "workout ended": "a workout code of the time before the loan returned to its master servicer: read as performing",
    "not recoverable": "advances deemed not recoverable: read as advanced like the others",
    "realised loss": "a loss was realised before: the balance is what is left",
    "deferred interest": "interest deferred before is not carried",
    "negative amortisation": "allowed by the contract, not carried: a payment covers interest",
    "repurchase demanded": "held by the trust still: read as the others",
    "curtailed": "prepaid in part before: the balance is what is left",
    "subordinate": "a note or lien behind another, outside the trust: read as of equal rank",
    "anticipated repayment": "repaid at the anticipated date, before it hyper-amortises",
    "payment not given": "no payment filed for a loan that amortises: the level payment is computed",
    "payment is interest": "the payment filed is a month's interest (28 to 31 days): the level payment is computed",
    "payment before amortisation": "interest only still, and the payment filed is not the level payment: that is computed",
    "own schedule": "the payment filed is more than 2% from the level payment: read as filed",
    "rate of the contract": "no rate filed for the period: the contract's is read",
    "other rate": "the period's rate is not the original one, and no modification is filed: read as filed",
    "fee not given": "servicer and trustee fee not filed: portfolio.servicing_rate is read",
    "value": "no value at securitisation filed: the most recent one is read",
    "property partly released": "the value at securitisation is read",
    "property substituted": "the value at securitisation is read",
    "several states": "properties in several states: read as in the largest one's",
    "outside the states": "no property in the 50 states or DC: home prices of the nation (US)",
    "unknown type": "property type missing or unknown: read as other",
}
"""What a loan may be remarked for → what was done, in the order of the notes."""


def refuse(asset: Asset, properties: Properties) -> list[Reject]:
    """What this loan's codes say that a performing, fixed-rate loan with monthly payments cannot be."""
    texts = asset.texts
    found: list[Reject] = []

    def reject(name: str, reason: str, value: str | None = None) -> None:
        found.append(Reject(asset.row, asset.number, name, texts.get(name, "") if value is None else value, reason))

    for name, (carried, names, reason) in _CARRIED.items():
        code = texts.get(name, "")
        if code not in carried:
            what = "missing" if code.upper() in NOT_GIVEN else names.get(code, "not in the list of codes")
            reject(name, f"{what}: {reason}")
    workout = texts.get("workoutStrategyCode", "")
    if workout in _WORKOUTS and not _returned(texts):
        reject("workoutStrategyCode", f"{_WORKOUTS[workout]}: not a performing loan; expected none of {', '.join(_WORKOUTS)}")
    for code in sorted(properties.statuses & STATUSES.keys()):
        reject("propertyStatusCode", f"a property is {STATUSES[code]}: not a performing loan; expected 3 to 6", code)
    ended = texts.get("liquidationPrepaymentCode", "")
    if ended in _ENDED:
        reject(
            "liquidationPrepaymentCode",
            f"{PREPAYMENTS[ended]}, with a balance of {texts.get(BALANCE)}; expected a balance of 0",
        )
    if texts.get("assetSubjectDemandStatusCode") == "1":
        reject("assetSubjectDemandStatusCode", f"repurchased or replaced, with a balance of {texts.get(BALANCE)}; expected 0")
    return found


def _returned(texts: Mapping[str, str]) -> bool:
    """Whether a loan that went to the special servicer came back."""
    sent, back = (
        date_of(texts.get(name)) for name in ("mostRecentSpecialServicerTransferDate", "mostRecentMasterServicerReturnDate")
    )
    return back is not None and (sent is None or back >= sent)


def has_ended(asset: Asset) -> bool:
    """Whether nothing is owed any more: a balance of zero, or none with a code that says why; never while one stands unpaid."""
    balance, code = asset.texts.get(BALANCE, ""), asset.texts.get("liquidationPrepaymentCode", "")
    if code not in _ENDED and number_of(asset.texts.get(_ACTUAL)) > 0:
        return False  # scheduled payments reached the end and the borrower's did not: rejected for its balance
    return number_of(balance) == 0 or (balance.upper() in _GONE and code in _ENDED)


def remarks_of(loan: Loan, properties: Properties) -> set[str]:
    """Keys of :data:`REMARKS` that the codes and lines of a loan give."""
    texts = loan.asset.texts
    true = {name for name, text in texts.items() if is_true(text)}
    workout, demand = texts.get("workoutStrategyCode", ""), texts.get("assetSubjectDemandStatusCode", "").upper()
    changed = any(number_of(texts.get(name)) > 0 for name in (NEW_RATE, NEW_PAYMENT, NEW_AMORTISATION))
    sent = date_of(texts.get("mostRecentSpecialServicerTransferDate")) is not None
    actual = number_of(texts.get(_ACTUAL))
    said = {
        "parts do not sum": not loan.divided,
        "actual balance": actual > 0 and abs(number_of(texts.get(BALANCE)) / actual - 1) > _APART,
        "defeased": properties.defeased,
        "modified": is_modified(texts),
        "no modification": not is_modified(texts) and (changed or texts.get("modificationCode") == "98"),
        "delinquent": texts.get("paymentStatusLoanCode") in ("1", "2"),
        "specially serviced": sent and not _returned(texts),
        "workout": workout in WORKOUTS.keys() - _WORKOUTS.keys() and not (sent and not _returned(texts)),
        "workout ended": workout in _WORKOUTS and _returned(texts),
        "not recoverable": "nonRecoverabilityIndicator" in true,
        "realised loss": number_of(texts.get("realizedLossToTrustAmount")) > 0,
        "deferred interest": number_of(texts.get("deferredInterestCumulativeAmount")) > 0,
        "negative amortisation": "negativeAmortizationIndicator" in true,
        "repurchase demanded": demand not in _GONE | {"1"},
        "curtailed": texts.get("liquidationPrepaymentCode", "") in _PARTLY,
        "subordinate": texts.get("loanStructureCode", "") in _SUBORDINATE
        or texts.get("lienPositionSecuritizationCode", "") in ("2", "3"),
        "fee not given": texts.get("servicerTrusteeFeeRatePercentage", "").upper() in NOT_GIVEN,
    }
    return {name for name, holds in said.items() if holds} | set(properties.remarks)


def notes_of(exhibit: Exhibit, running: Sequence[Loan], remarks: Sequence[set[str]], ended: Sequence[Asset]) -> list[Note]:
    """What was done with the exhibit: its lines reconciled, loans that have ended, remarks on those that run."""
    loans = [loan.asset for loan in running]
    return [
        _reconciled(exhibit, loans, ended),
        *_ended(ended),
        *_orphans(exhibit),
        *_repeated(exhibit),
        *_groups(loans),
        *_remarked(loans, remarks),
        *_unknown(running),
    ]


def _note(subject: str, text: str, assets: Sequence[Asset]) -> Note:
    balance = sum(b for b in (number_of(a.texts.get(BALANCE)) for a in assets) if b > 0)
    return Note(subject, text, len(assets), balance, tuple(shorten(a.number) for a in assets))


def _reconciled(exhibit: Exhibit, loans: Sequence[Asset], ended: Sequence[Asset]) -> Note:
    balance = sum(b for b in (number_of(a.texts.get(BALANCE)) for a in loans) if b > 0)
    left = len(exhibit.orphans) + len(exhibit.rejects)
    text = (
        f"assets of the exhibit, and the balance of its loans: {len(loans)} loans, {len(ended)} of no balance, "
        f"{exhibit.joined} lines of their properties, {left} that join no loan"
    )
    return Note("lines", text, exhibit.n_assets, balance)


def _ended(ended: Sequence[Asset]) -> list[Note]:
    by_subject: dict[str, list[str]] = {"paid off": [], "liquidated": [], "no balance": []}
    for asset in ended:
        code = asset.texts.get("liquidationPrepaymentCode", "")
        subject = "paid off" if code in _PAID_OFF else "liquidated" if code in _LIQUIDATED else "no balance"
        by_subject[subject].append(shorten(asset.number))
    return [Note(s, "left out: nothing is owed", len(ids), None, tuple(ids)) for s, ids in by_subject.items() if ids]


def _orphans(exhibit: Exhibit) -> list[Note]:
    if not exhibit.orphans:
        return []
    ids = tuple(shorten(asset.number) for asset in exhibit.orphans)
    return [Note(LINES_WITHOUT_A_LOAN, "property lines of no loan in the file: left out", len(ids), None, ids)]


def _repeated(exhibit: Exhibit) -> list[Note]:
    ids = tuple(shorten(asset.number) for asset in exhibit.repeated)
    return (
        [
            Note(
                "lines that stand twice",
                "loans or properties that another line says word for word: read once",
                len(ids),
                None,
                ids,
            )
        ]
        if ids
        else []
    )


def _groups(loans: Sequence[Asset]) -> list[Note]:
    groups = sorted({shorten(group) for asset in loans if (group := asset.texts.get("GroupID", "")) not in _GONE})
    return [Note("loan groups", "read as one pool", len(groups), None, tuple(groups))] if len(groups) > 1 else []


def _remarked(loans: Sequence[Asset], remarks: Sequence[set[str]]) -> list[Note]:
    notes = []
    for subject, text in REMARKS.items():
        assets = [asset for asset, said in zip(loans, remarks, strict=True) if subject in said]
        if assets:
            notes.append(_note(subject, text + _detail(subject, assets), assets))
    return notes


def _unknown(running: Sequence[Loan]) -> list[Note]:
    """Codes that no list has, by element."""
    found = [(loan.asset, unknown_codes(loan)) for loan in running]
    notes = []
    for name in dict.fromkeys(name for _, codes in found for name in codes):
        codes = {shorten(code) for _, unknown in found for code in unknown.get(name, ())}
        notes.append(
            _note("codes not known", unknown_text(name, codes), [asset for asset, unknown in found if name in unknown])
        )
    return notes


def _detail(subject: str, assets: Sequence[Asset]) -> str:
    """The codes behind a remark, where one word does not say which."""
    name, names = {
        "modified": ("modificationCode", MODIFICATIONS),
        "specially serviced": ("workoutStrategyCode", WORKOUTS),
        "workout": ("workoutStrategyCode", WORKOUTS),
    }.get(subject, ("", {}))
    codes = sorted({asset.texts.get(name, "") for asset in assets} & names.keys())
    return f" ({', '.join(f'{code} {names[code]}' for code in codes)})" if codes else ""
