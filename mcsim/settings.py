"""Settings of a run, checked and typed: what the configuration means once it has been read.

One dataclass a section of ``conf/``, one field a key. A run is a book; a configuration of one portfolio and one deal makes a book
of one entry each. :func:`mcsim.validation.build_settings` builds them and collects every
problem before raising one :class:`~mcsim.errors.InputError`; ranges and choices stand there.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any

from mcsim.errors import InputError, first_of

PathText = Annotated[str, "path"]
"""Text that is a path: taken as it stands, whatever its characters, ``~`` expanded. The type of every setting that is one."""


@dataclass(frozen=True)
class Generator:
    """A stratified pool drawn by :mod:`mcsim.tapes.generator`; rates per unit, money in USD."""

    loans: int
    seed: int
    """Of the pool alone: the run's ``seed`` draws other paths for the same loans."""
    average_balance: float
    balance_spread: float
    note_rate_mean: float
    note_rate_spread: float
    ltv_mean: float
    ltv_spread: float
    term: int
    age_mean: float
    regions: dict[str, float]
    adjustable_share: float = 0.0
    interest_only_share: float = 0.0


@dataclass(frozen=True)
class Portfolio:
    """Where the loans come from and what the tape does not say.

    ``source`` is ``absee``, ``fannie_acquisition``, ``table`` or ``generator``; ``file`` as :func:`mcsim.data_files.find_file` reads
    it.
    """

    name: str
    source: str
    file: PathText | None
    cut_off: str
    max_reject_share: float
    servicing_rate: float
    liquidation_lag: int
    advances: str
    """``none``, ``interest`` or ``principal_and_interest``."""
    generator: Generator | None = None
    mapping: PathText | dict[str, Any] | None = None
    """Of a ``table``: the path of its mapping, or the mapping itself."""


@dataclass(frozen=True)
class Rates:
    """Hull-White one factor on a curve; primary mortgage rate and adjustable index."""

    curve: str
    """Date of a par curve, ``YYYY-MM-DD``, or ``flat``."""
    flat_rate: float | None
    """Continuously compounded zero rate of a flat curve, annual."""
    mean_reversion: float
    """Annual."""
    sigma: float
    """Annual standard deviation of the short rate."""
    index_tenor_years: float
    """Tenor of the par rate that adjustable loans follow."""
    mortgage_constant: float
    mortgage_on_10y: float
    mortgage_on_10y_lagged: float
    mortgage_on_2y: float
    mortgage_residual: float | None
    """Residual of the rule at the curve's date, annual rate; decays. None: the observed mortgage rate less the rule."""
    mortgage_residual_half_life_months: float
    mortgage_floor: float
    curve_file: PathText | None = None
    """File of par yields in the Treasury's layout; None is the one that ships."""
    mortgage_rate: float | None = None
    """Primary mortgage rate observed at the curve's date, annual; None takes it from the table that ships."""


@dataclass(frozen=True)
class HomePrices:
    """National error correction with momentum, quarterly; regions by beta and an AR(1) residual."""

    constant: float
    momentum: float
    reversion: float
    sigma_quarterly: float
    trend_annual: float
    initial_growth_quarterly: float | None
    """Log growth of the quarter before the first. None: from the history at the market date, as ``initial_gap``."""
    initial_gap: float | None
    """Log index less its trend."""
    correlation_with_rates: float
    """Of the national quarterly innovation with the quarter's Hull-White innovation."""
    region_file: PathText
    """Table of the regions' betas and residuals."""
    history_file: PathText
    """History of the states' indices, in FHFA's layout."""
    trend_from: int
    """First year of the linear trend from which the gap is measured."""
    trend_to: int
    """Its last year."""


@dataclass(frozen=True)
class ModelChoice:
    """A behavioural model by name, and its parameters by name.

    ``model`` is a name of ``kernels.behaviour.KINDS[kind]``, ``parameters`` exactly those of the model's own table. A table is a
    list.
    """

    model: str
    parameters: dict[str, Any]


@dataclass(frozen=True)
class Behaviour:
    """Which models move the loans, and how shares leave: ``expected`` or ``sampled``."""

    prepayment: ModelChoice
    default: ModelChoice
    severity: ModelChoice
    decrement: str


@dataclass(frozen=True)
class Pricing:
    """Discounting."""

    spreads: dict[str, float]
    """Spread over the path's short rate by class, annual, continuously compounded; ``default`` for the rest."""


@dataclass(frozen=True)
class Output:
    """What is kept."""

    runs_dir: PathText
    loans: str
    """``none``, ``mean`` (over paths) or ``paths`` (every path: small pools only)."""
    report: bool = True
    flows: bool = True
    """Scenarios, pool and class flows on every path; without them prices and the classes' values by path alone."""


@dataclass(frozen=True)
class Engine:
    """How work items run: ``serial`` or ``threads`` over path blocks."""

    name: str
    path_block: int
    """Paths of a work item, a multiple of 256."""
    threads: int
    """0: as many as the process may use."""


@dataclass(frozen=True)
class Collateral:
    """Loans and the models that move them: what is simulated."""

    portfolio: Portfolio
    behaviour: Behaviour


@dataclass(frozen=True)
class DealChoice:
    """A deal, the collaterals it stands on, and how its classes are priced."""

    deal: dict[str, Any]
    """In the language of docs/deals.md; :func:`mcsim.deals.load_deal` reads it."""
    groups: dict[str, str]
    """Collateral by group of the deal."""
    pricing: Pricing


@dataclass(frozen=True)
class Position:
    """What a book holds: ``share`` of what ``of`` names, seen as an instrument and valued by a method.

    ``instrument`` is a file of ``mcsim/instruments/``; ``of`` a collateral, or a class as ``DEAL/CLASS``; ``inputs`` those that the
    instrument takes.
    """

    instrument: str
    of: str
    share: float
    method: str
    inputs: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Settings:
    """One run: a book of collaterals, of deals over them and of positions, on one set of scenarios."""

    campaign: str
    seed: int
    paths: int
    precision: str
    backend: str
    market_date: str
    """Date of the curve, of the start of home prices and of the mortgage rate's residual, ``YYYY-MM-DD``."""
    collaterals: dict[str, Collateral]
    rates: Rates
    home_prices: HomePrices
    output: Output
    engine: Engine
    deals: dict[str, DealChoice] = field(default_factory=dict)
    positions: dict[str, Position] = field(default_factory=dict)
    raw: dict[str, Any] = field(default_factory=dict)
    """The resolved configuration as it was read, for the store and the run folder."""

    @property
    def only_collateral(self) -> Collateral:
        """The collateral of a book that has one; raises :class:`~mcsim.errors.InputError` for another."""
        return _only(self.collaterals, "collateral")

    @property
    def only_deal(self) -> DealChoice:
        """The deal of a book that has one; raises as :attr:`only_collateral`."""
        return _only(self.deals, "deal")

    def where(self, part: str, name: str) -> str:
        """How dotted names of a part's settings begin: with nothing where the configuration has one of each."""
        return f"{part}.{name}." if part in self.raw else ""


def _only(found: dict[str, Any], what: str) -> Any:
    if len(found) != 1:
        raise InputError(f"the book has {len(found)} {what}s, {first_of([*found]) or 'none'}: choose one by its name")
    (one,) = found.values()
    return one
