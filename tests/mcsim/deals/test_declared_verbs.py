"""The checks ask what a verb declares, never its name: verbs they have not seen are held to the same rules."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from kernels.waterfall_machine import Op
from mcsim.deals import checks, compile_deal, compiler, load_deal, run_deal
from mcsim.deals.deal import Step
from mcsim.deals.emitter import Emitter
from mcsim.deals.reader import Reader
from mcsim.deals.verbs import VERBS, release
from mcsim.deals.verbs.verb import Does, Verb, read_one
from mcsim.errors import InputError
from tests.mcsim.deals.deal_examples import DOCS, backend, python_of_docs, random_pool, small_deal, without_types
from tests.mcsim.deals.plain_interpreter import PlainDeal

NAME = "pay_principal_target"


def read(name: str, terms: Mapping[str, Any], where: str, reader: Reader) -> Step:
    balance = reader.number(terms.get("balance", 0.0), f"{where}.balance", 0, 1e12, "USD")
    step = read_one("pays one class down at a time")(name, terms, where, reader)
    return replace(step, options={"balance": balance})


def check(step: Step, reader: Reader) -> None:
    if step.options["balance"] == 0:
        reader.problem(step.where, "pays down to 0; write pay_principal")


def emit(emitter: Emitter, step: Step) -> None:
    target, above = emitter.number(step.options["balance"]), emitter.scratch("pay_principal_target above")
    emitter.amount_above(emitter.balance[step.names[0]], target, into=above)
    for source in step.sources:
        emitter.pay_principal(step.names, cash=emitter.cash[source], rule=step.rule, up_to=above)


VERB = Verb("class", emit, Does.PRINCIPAL, options=("from", "balance"), required=("from", "balance"), read=read, check=check)


def _cover(emitter: Emitter, step: Step) -> None:
    for source in step.sources:
        emitter.pay_principal(step.names, cash=emitter.cash[source], rule=step.rule, up_to=emitter.deficit())


FROM = {"options": ("from",), "required": ("from",)}
COVER = Verb("class", _cover, Does.COVER, **FROM)
RELEASE_A_PART = Verb("class", release.emit, Does.RESIDUAL, **FROM)


class Plain(PlainDeal):
    """What the verb means, in plain Python."""

    def pay_principal_target(self, step: Step) -> None:
        (name,) = step.names
        above = self.balance[name] - step.options["balance"]
        above = above if above > 0.005 else 0.0
        for source in step.sources:
            drawn = min(above, self.cash[source])
            left = self.pay(step.names, self.balance, drawn, step.rule, "principal")
            above = above - drawn + left
            self.cash[source] = self.cash[source] - drawn + left


@pytest.fixture(autouse=True)
def _verbs(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, verb in ((NAME, VERB), ("cover_deficit", COVER), ("release_a_part", RELEASE_A_PART)):
        monkeypatch.setitem(VERBS, name, verb)


def _deal(*steps: dict[str, Any], at: int, instead: int = 0) -> dict[str, Any]:
    """The small deal with steps put in at a place, in place of some."""
    raw = small_deal()
    raw["steps"][at : at + instead] = steps
    return raw


def _problems(raw: dict[str, Any]) -> list[str]:
    try:
        load_deal(raw, "test")
    except InputError as error:
        return error.problems
    return []


def _target(name: str, balance: float = 5e7, source: Any = "principal") -> dict[str, Any]:
    return {NAME: name, "from": source, "balance": balance}


@pytest.mark.parametrize("source", ["principal", "all", ["interest", "principal"]])
def test_the_verb_pays_what_it_says(source: Any) -> None:
    """Against plain Python to the last bit; class A rests at its target until B is gone."""
    steps = _target("A", source=source), {"pay_principal": ["B", "A"], "rule": "sequential", "from": "principal"}
    deal, pool = load_deal(_deal(*steps, at=2, instead=1), "test"), random_pool(8, 30, 4)
    flows = run_deal(compile_deal(deal, 1e8), pool, backend("numpy"))
    for path in range(4):
        for name, values in Plain(deal, 1e8).run(pool[:, :, path]).items():
            assert np.array_equal(np.atleast_2d(getattr(flows, name)[..., path]), np.array(values).T), name
    b_was_paid = flows.principal_paid[1] > 0
    assert b_was_paid.any() and (flows.tranche_balance[0][b_was_paid] <= 5e7 + 0.01).all()  # half a cent is left; rounding


def test_a_write_down_before_a_verb_that_pays_principal_is_refused() -> None:
    """The deficit is measured before the month's principal: the write-down would be too large."""
    late = _deal({"write_down": ["B", "A"]}, _target("A"), at=4, instead=1)
    late["steps"][2] = {"pay_principal": ["A", "B"], "rule": "sequential", "from": "interest"}
    assert _problems(late) == [
        "test: steps[5] write_down: comes before steps[6] pay_principal_target; losses are borne after principal is paid"
    ]
    late["steps"][4:6] = late["steps"][5], late["steps"][4]
    assert _problems(late) == []


def test_a_class_paid_by_the_verb_alone_is_paid_principal() -> None:
    only = _target("A", 1e6), _target("B", 1e6)
    assert _problems(_deal(*only, at=2, instead=1)) == []
    assert _problems(_deal(only[0], at=2, instead=1)) == [
        f"test: classes.B: is never paid principal; add it to a pay_principal or {NAME} step"
    ]


def test_a_verb_that_uses_the_deficit_stands_after_principal_and_is_no_principal() -> None:
    cover = {"cover_deficit": "A", "from": "interest"}
    assert _problems(_deal(cover, at=3)) == []
    assert any("cover_deficit: comes before steps[4] pay_principal" in p for p in _problems(_deal(cover, at=2)))
    assert any("classes.A: is never paid principal" in p for p in _problems(_deal(cover, _target("B"), at=2, instead=1)))


def test_what_only_an_account_pays_is_not_paid() -> None:
    """The draw of the small deal pays A interest, but the reserve runs dry."""
    only = {"pay_interest": "B", "from": "interest"}
    assert any("classes.A: is never paid interest" in p for p in _problems(_deal(only, at=1, instead=1)))


def test_a_release_of_a_part_leaves_cash_behind() -> None:
    """It pays a residual, yet funds may be taken from after it, and need another way out."""
    part = {"release_a_part": "R", "from": ["interest", "principal", "reserve"]}
    assert _problems(_deal(part, at=0)) == []
    assert any("cash in 'principal' never leaves" in p for p in _problems(_deal(part, at=6, instead=1)))
    assert any("class 'A' is no residual" in p for p in _problems(_deal(part | {"release_a_part": "A"}, at=6)))


def test_a_check_of_the_verbs_own() -> None:
    assert any("pays down to 0; write pay_principal" in p for p in _problems(_deal(_target("A", 0.0), at=2)))


@pytest.mark.parametrize("declared", [Does.INTEREST, Does.WRITE_DOWN])
def test_instructions_that_do_more_than_is_declared_are_refused(declared: Does, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a wrong declaration the checks would be passed by: ``cover_deficit`` pays principal."""
    monkeypatch.setitem(VERBS, "cover_deficit", replace(COVER, does=declared))
    deal = load_deal(_deal({"cover_deficit": "A", "from": "interest"}, at=3), "test")
    with pytest.raises(InputError, match="steps.4. cover_deficit: its instructions change principal, which the verb does not"):
        compile_deal(deal, 1e8)


@pytest.mark.parametrize("name", ["pay_fee", "pay_interest", "pay_principal", "write_down", "release"])
def test_what_each_verb_does_is_found_out(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    deal = load_deal(small_deal(), "test")
    monkeypatch.setitem(VERBS, name, replace(VERBS[name], does=Does(0)))
    with pytest.raises(InputError, match=f"{name}: its instructions change"):
        compile_deal(deal, 1e8)


def test_a_balance_that_an_instruction_of_the_verbs_own_changes_is_added_up_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """``PAY`` on a balance, without ``pay_principal``: the next deficit sees it."""

    def by_hand(emitter: Emitter, step: Step) -> None:
        balance, paid, cash = emitter.balance[step.names[0]], emitter.principal_paid[step.names[0]], emitter.cash["interest"]
        emitter.outstanding()
        emitter.emit(Op.PAY, claim=balance, cash=cash, into=paid)

    monkeypatch.setitem(VERBS, "turbo", Verb("class", by_hand, Does.PRINCIPAL, **FROM))
    pool = random_pool(8, 30, 4)
    first, second = (
        run_deal(compile_deal(load_deal(_deal(step | {"from": "interest"}, at=4), "test"), 1e8), pool, backend("numpy"))
        for step in ({"turbo": "B"}, {"pay_principal": "B", "rule": "sequential"})
    )
    assert np.array_equal(first.write_down, second.write_down) and np.array_equal(
        first.tranche_balance, second.tranche_balance
    )


def test_a_limit_falls_by_what_is_paid(monkeypatch: pytest.MonkeyPatch) -> None:
    """One limit of 1,000,000 USD over two payments: B is due 100,000, so A is paid 900,000."""

    def both(emitter: Emitter, step: Step) -> None:
        limit = emitter.scratch("both limit")
        emitter.emit(Op.COPY, into=limit, amount=emitter.number(1e6))
        for name in step.names:
            emitter.pay_principal([name], cash=emitter.cash[step.sources[0]], rule="sequential", up_to=limit)

    monkeypatch.setitem(VERBS, "both", Verb("class", both, Does.PRINCIPAL, **FROM))
    raw = _deal({"both": ["B", "A"], "from": "principal"}, at=2, instead=1)
    raw["classes"]["A"]["share"], raw["classes"]["B"]["share"] = 0.999, 0.001
    pool = random_pool(8, 30, 4)
    flows = run_deal(compile_deal(load_deal(raw, "test"), 1e8), pool, backend("numpy"))
    assert np.allclose(flows.principal_paid[:2, 0].T, [9e5, 1e5], rtol=1e-12)  # rounding of balances of 1e8


def test_no_check_knows_a_verb_by_its_name() -> None:
    words = {
        node.value
        for module in (checks, compiler)
        for node in ast.walk(ast.parse(inspect.getsource(module)))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    assert not words & set(VERBS)


def test_the_docs_show_this_verb() -> None:
    assert without_types(read, check, emit, verb=__file__) in python_of_docs()


def test_the_docs_name_all_that_a_verb_can_do() -> None:
    assert re.findall(r"^\| `Does\.([A-Z_]+)` \|", DOCS.read_text(), re.MULTILINE) == [does.name for does in Does]
