"""A verb as docs/deals.md says one is written: one file, here a module of the test's own, no change of a kernel."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from kernels.waterfall_machine import SIGNATURES
from mcsim.deals import compile_deal, load_deal, run_deal
from mcsim.deals.deal import Step
from mcsim.deals.emitter import Emitter
from mcsim.deals.reader import Reader
from mcsim.deals.verbs import VERBS
from mcsim.deals.verbs.verb import Does, Verb, read_step
from mcsim.errors import InputError
from tests.mcsim.deals.deal_examples import DOCS, backend, python_of_docs, random_pool, shipped, without_types
from tests.mcsim.deals.plain_interpreter import PlainDeal

NAME = "pay_principal_from"


def read(name: str, terms: Mapping[str, Any], where: str, reader: Reader) -> Step:
    month = reader.whole(terms.get("month", 1), f"{where}.month", 1, 600, "a month")
    return replace(read_step(name, terms, where, reader), options={"month": month})


def emit(emitter: Emitter, step: Step) -> None:
    in_force = emitter.month_table((0.0,) * (step.options["month"] - 1) + (1.0,))
    for source in step.sources:
        with emitter.where(in_force):
            emitter.pay_principal(step.names, cash=emitter.cash[source], rule=step.rule)


VERB = Verb("class", emit, Does.PRINCIPAL, options=("from", "month"), required=("from", "month"), read=read)


class Plain(PlainDeal):
    """What the verb means, in plain Python."""

    months_begun = 0

    def month(self, flows: dict[str, dict[str, float]]) -> dict[str, list[float]]:
        self.months_begun += 1
        return super().month(flows)

    def pay_principal_from(self, step: Step) -> None:
        if self.months_begun >= step.options["month"]:
            self.pay_principal(step)


@pytest.fixture(autouse=True)
def _verb(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(VERBS, NAME, VERB)


def _deal(month: Any) -> dict[str, Any]:
    """Class B is paid excess interest as principal from a month on, before the reserve is filled."""
    raw = shipped("reserve_account")
    turbo = {NAME: "B", "from": "interest", "month": month}
    at = next(i for i, step in enumerate(raw["steps"]) if "write_down" in step)
    return raw | {"steps": [*raw["steps"][:at], turbo, *raw["steps"][at:]]}


@pytest.mark.parametrize("target", ["numpy", "cpu"])
@pytest.mark.parametrize("month", [1, 5, 31])
def test_a_verb_of_one_file(month: int, target: str) -> None:
    deal, pool = load_deal(_deal(month), "test"), random_pool(8, 30, 4)
    flows = run_deal(compile_deal(deal, 1e8), pool, backend(target))
    for path in range(4):
        for name, values in Plain(deal, 1e8).run(pool[:, :, path]).items():
            assert np.array_equal(np.atleast_2d(getattr(flows, name)[..., path]), np.array(values).T), name
    without = run_deal(compile_deal(load_deal(shipped("reserve_account"), "test"), 1e8), pool, backend(target))
    same = [np.array_equal(flows.principal_paid[:, m], without.principal_paid[:, m]) for m in range(30)]
    assert all(same[: month - 1]) and (month > 30 or not all(same)), "nothing before its month, something from it on"


@pytest.mark.parametrize(
    ("month", "expected"),
    [
        (0, "month: 0 is out of range"),
        (2.5, "month: 2.5 is not a whole number; expected a month, 1 to 600"),
        ("x", "'x' is not"),
    ],
)
def test_its_options_are_checked(month: Any, expected: str) -> None:
    with pytest.raises(InputError, match=expected):
        load_deal(_deal(month), "test")


def test_the_docs_show_this_verb() -> None:
    """Word for word, but for the types, which a short example leaves out."""
    assert without_types(read, emit, verb=__file__) in python_of_docs()


def test_the_docs_name_every_instruction() -> None:
    """The table of docs/deals.md against the machine's own."""
    rows = re.findall(r"^\| ((?:`[A-Z_]+`(?:, )?)+) \| ([a-z, ]*) \| ([a-z, ]*) ?\|", DOCS.read_text(), re.MULTILINE)
    found = {
        op: (tuple(changes.replace(" ", "").split(",")), tuple(filter(None, reads.replace(" ", "").split(","))))
        for names, changes, reads in rows
        for op in re.findall(r"`([A-Z_]+)`", names)
    }
    assert found == {op.name: tuple(signature) for op, signature in SIGNATURES.items()}
