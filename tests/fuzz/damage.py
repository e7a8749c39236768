"""Ways to damage bytes, texts and trees."""

from __future__ import annotations

import copy
import random
import re
from typing import Any

NASTY = (
    "", "0", "-1", "1", "1e400", "1e-12", "NaN", "-inf", "9" * 5000, "0x1F", "1_000", "1,000", "4.5%", "12/2015", "2015-13-45",
    "99-99-9999", "null", "~", "true", "yes", "[]", "{}", "[1,2", "{a: 1", "}" * 50, "[" * 3000, "a" * 20000, "../../x", "/dev/null",
    "/dev/zero", ".", "..", "latest", "${HOME}", "${oc.env:HOME}", "$" * 9,
    "=1+1", "a=b=c", "a,b", "'", '"', "\\", "\n", "\t", "\x00", "\x1b[2J",
    "é", "\u202e", "\ud7ff", "٣", "Ⅷ", "&amp;", "<a>", "]]>", "--", "-", "!!python/object:os.system", "*a", "&a b", "2020-02-30",
)  # fmt: skip
"""Texts that readers trip over."""


def damage_bytes(chance: random.Random, content: bytes) -> bytes:
    """One to three bits flipped, a piece lost or repeated, or the end lost."""
    out = bytearray(content)
    for _ in range(chance.randint(1, 3)):
        if not out:
            return b"\x00"
        at, length = chance.randrange(len(out)), chance.randint(1, 200)
        kind = chance.choice(["bit", "bit", "lost", "twice", "end", "noise"])
        if kind == "bit":
            out[at] ^= 1 << chance.randrange(8)
        elif kind == "lost":
            del out[at : at + length]
        elif kind == "twice":
            out[at:at] = out[at : at + length]
        elif kind == "end":
            del out[at:]
        else:
            out[at:at] = chance.randbytes(length)
    return bytes(out)


def damage_text(chance: random.Random, text: str) -> str:
    """One to three words exchanged for something nasty, or lines lost, repeated or exchanged."""
    for _ in range(chance.randint(1, 3)):
        words = list(re.finditer(r"[\w.\-/]+", text))
        lines = text.splitlines(keepends=True)
        kind = chance.choice(["word", "word", "word", "line lost", "line twice", "lines exchanged"])
        if kind == "word" and words:
            word = chance.choice(words)
            text = text[: word.start()] + chance.choice(NASTY) + text[word.end() :]
        elif kind == "line lost" and lines:
            del lines[chance.randrange(len(lines))]
            text = "".join(lines)
        elif kind == "line twice" and lines:
            at = chance.randrange(len(lines))
            text = "".join([*lines[: at + 1], *lines[at:]])
        elif lines:
            a, b = chance.randrange(len(lines)), chance.randrange(len(lines))
            lines[a], lines[b] = lines[b], lines[a]
            text = "".join(lines)
    return text


_VALUES: tuple[Any, ...] = (
    None, True, 0, -1, 1e308, float("nan"), float("inf"), 10**400, 0.5, "", "all", "net_wac", [], {}, [None], "A" * 3000, ["A"] * 3000,
)  # fmt: skip


def damage_tree(chance: random.Random, tree: Any) -> Any:
    """A copy with one to three values changed, lost, repeated or moved."""
    out = copy.deepcopy(tree)
    for _ in range(chance.randint(1, 3)):
        places = list(_places(out))
        if not places:
            return chance.choice(_VALUES)
        parent, key = chance.choice(places)
        kind = chance.choice(["value", "value", "lost", "moved", "twice"])
        if kind == "value":
            parent[key] = chance.choice(_VALUES)
        elif kind == "lost":
            del parent[key]
        elif kind == "moved":
            other, other_key = chance.choice(places)
            parent[key] = copy.deepcopy(other[other_key])
        elif isinstance(parent, list):
            parent.insert(chance.randrange(len(parent) + 1), copy.deepcopy(parent[key]))
        else:
            parent[f"{key}2"] = copy.deepcopy(parent[key])
    return out


def _places(tree: Any) -> Any:
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in items:
        yield tree, key
        yield from _places(value)
