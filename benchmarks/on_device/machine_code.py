"""What a kernel's hot loop holds, counted from its code: machine code where a disassembler is there, else PTX.

The hot loop is the longest loop that holds no other: of a loan kernel, a loan month of a path. Both sides of its branches are
counted, so a limit computed from it is one that no run falls short of for the instructions that it skips.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

_SASS_LINE = re.compile(r"^\s*/\*([0-9a-f]{4,})\*/\s+(?:@!?U?P\w+\s+)?([A-Z][A-Z0-9_.]*)([^;]*);", re.MULTILINE)
_SASS_LABEL = re.compile(r"^(\.L_x?_?\w+):", re.MULTILINE)
_SASS_TARGET = re.compile(r"`?\(?(\.L_x?_?\w+|0x[0-9a-f]+)\)?")
_PTX_LINE = re.compile(r"^\s+(?:@!?%p\d+\s+)?([a-z][a-z0-9_]*(?:\.[a-z0-9_:]+)*)([^;]*);", re.MULTILINE)
_PTX_LABEL = re.compile(r"^(\$L\w+):", re.MULTILINE)
_PTX_TARGET = re.compile(r"(\$L\w+)")

_BYTES = {"U8": 1, "S8": 1, "U16": 2, "S16": 2, "64": 8, "128": 16, "b8": 1, "u8": 1, "b64": 8, "u64": 8, "s64": 8, "f64": 8}


@dataclass(frozen=True)
class Code:
    """Instructions of a kernel in order: opcode, and for a jump the position that it jumps to, else -1."""

    kind: str
    """``machine code`` or ``PTX``."""
    opcodes: tuple[str, ...]
    targets: tuple[int, ...]


@dataclass(frozen=True)
class Loop:
    """Counts of the hot loop."""

    kind: str
    instructions: int
    loads: int
    """Of global memory; those that are uniform in a warp too."""
    stores: int
    loaded: int
    """Bytes a thread, if none came from a cache."""
    stored: int
    calls: int
    """Of routines for rare arguments (a division that underflows, a 64-bit remainder), which are not counted."""
    opcodes: dict[str, int]
    """How often each occurs, without its modifiers; most first."""


def parse(text: str) -> Code:
    """A listing of nvdisasm or ``cuobjdump -sass``, or PTX."""
    if re.search(r"^\s*/\*[0-9a-f]{4,}\*/", text, re.MULTILINE):
        return _parse("machine code", text, _SASS_LINE, _SASS_LABEL, _SASS_TARGET, ("BRA",), 2)
    return _parse("PTX", text, _PTX_LINE, _PTX_LABEL, _PTX_TARGET, ("bra",), 1)


def _parse(
    kind: str,
    text: str,
    line: re.Pattern[str],
    label: re.Pattern[str],
    target: re.Pattern[str],
    jumps: Sequence[str],
    name: int,
) -> Code:
    opcodes, places, jump_to, starts = [], list[int](), dict[int, str](), list[int]()
    for found in line.finditer(text):
        opcode = found[name]
        if opcode.split(".")[0] in jumps and (goal := target.search(found[name + 1])):
            jump_to[len(opcodes)] = goal[1]
        opcodes.append(opcode)
        starts.append(found.start())
        places.append(int(found[1], 16) if name == 2 else -1)
    # A label stands before the instruction that follows it; a listing without labels jumps to addresses.
    known = {found[1]: sum(start < found.start() for start in starts) for found in label.finditer(text)}
    known |= {f"{place:#x}": i for i, place in enumerate(places) if place >= 0}
    targets = [known.get(_short(jump_to[i]), -1) if i in jump_to else -1 for i in range(len(opcodes))]
    return Code(kind, tuple(opcodes), tuple(targets))


def _short(goal: str) -> str:
    return f"{int(goal, 16):#x}" if goal.startswith("0x") else goal


def hot_loop(code: Code) -> Loop | None:
    """The longest loop that holds no other; ``None`` where there is no loop."""
    loops = [(goal, i) for i, goal in enumerate(code.targets) if 0 <= goal <= i]
    inner = [
        one for one in loops if not any(other != one and one[0] <= other[0] and other[1] <= one[1] for other in loops)
    ]  # fmt: skip
    if not inner:
        return None
    first, last = max(inner, key=lambda loop: loop[1] - loop[0])
    opcodes = code.opcodes[first : last + 1]
    loads = [name for name in opcodes if name.split(".")[0] == "LDG" or name.startswith("ld.global")]
    stores = [name for name in opcodes if name.split(".")[0] == "STG" or name.startswith("st.global")]
    counts = Counter(name.split(".")[0] for name in opcodes)
    return Loop(
        code.kind, len(opcodes), len(loads), len(stores), sum(map(_width, loads)), sum(map(_width, stores)),
        sum(name.startswith(("CALL", "call")) for name in opcodes), dict(counts.most_common()),
    )  # fmt: skip


def _width(opcode: str) -> int:
    return next((_BYTES[part] for part in reversed(opcode.split(".")) if part in _BYTES), 4)


def disassembler(find: Callable[[str], str | None] = shutil.which) -> list[str] | None:
    """Command that lists a cubin, or nothing where neither tool is there."""
    for name, options in (("nvdisasm", ["-c"]), ("cuobjdump", ["-sass"])):
        path = find(name) or next((p for p in _toolkit_tools(name)), None)
        if path:
            return [path, *options]
    return None


def _toolkit_tools(name: str) -> list[str]:
    """In the toolkit's usual folder, which need not be on the path."""
    return [str(path) for path in sorted(Path("/usr/local").glob(f"cuda*/bin/{name}"))]


def listing(cubin: bytes, command: Sequence[str]) -> str:
    """Machine code of a cubin, as text.

    Raises
    ------
    RuntimeError
        If the disassembler refuses it.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "kernel.cubin")
        path.write_bytes(cubin)
        done = subprocess.run([*command, str(path)], capture_output=True, text=True, check=False, timeout=60)
    if done.returncode:
        raise RuntimeError(f"{command[0]} refused the kernel: {done.stderr.strip()[:200]}")
    return done.stdout
