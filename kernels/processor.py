"""What LLVM compiles for on this processor: numba, set to full vector registers before it compiles its first function.

On many processors with AVX-512, LLVM's description of the model prefers registers of 256 bits. The loan months run 1.4 times
faster without the preference (docs/adr/0009), and to the same bits: lanes are independent, whatever their number.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import warnings
from functools import lru_cache
from typing import Any

FULL_WIDTH = "-prefer-256-bit"
"""LLVM's name for the preference, switched off."""


_WIDTHS = ("+avx2", "+avx512f", "-prefer-256-bit", "+prefer-256-bit")

_RULE = "the widest registers, docs/adr/0009"

_ASK = """
import sys
from llvmlite import binding as llvm
llvm.initialize_native_target()
llvm.initialize_native_asmprinter()
machine = llvm.Target.from_default_triple().create_target_machine(cpu=sys.argv[1], features=sys.argv[2], opt=3, jit=True)
text = "define void @f(ptr %p) {\\n %x = load <16 x float>, ptr %p\\n %y = fmul <16 x float> %x, %x\\n"
code = machine.emit_assembly(llvm.parse_assembly(text + " store <16 x float> %y, ptr %p\\n ret void\\n}"))
print(512 if "zmm" in code else 256 if "ymm" in code else 128)
"""
"""LLVM ends the process over some names and passes over others with a word: a process of its own is asked, by compiling."""


@lru_cache(maxsize=1)
def load_numba() -> Any:
    """numba; the only way this package imports it, so that the width is chosen before its code generator exists.

    The features in force are part of the compile cache's key. A ``NUMBA_CPU_FEATURES`` of the user's own is left as it is; a
    ``NUMBA_CPU_NAME`` alone has that processor's features, none of this one's.
    """
    import numba

    if os.environ.get("NUMBA_CPU_FEATURES") is None:
        named = os.environ.get("NUMBA_CPU_NAME") is not None
        numba.config.CPU_FEATURES = named_features() if named else host_features()  # type: ignore[attr-defined]
    return numba


def host_features() -> str | None:
    """Features of this processor with the preference for 256 bits switched off; ``None``, numba's default, without AVX-512."""
    from llvmlite import binding

    features = binding.get_host_cpu_features()
    disabled = os.environ.get("NUMBA_ENABLE_AVX") == "0"
    return f"{features.flatten()},{FULL_WIDTH}" if features.get("avx512f") and not disabled else None


def named_features() -> str:
    """What is changed of a processor that ``NUMBA_CPU_NAME`` names: LLVM itself knows what it has."""
    return "-avx" if os.environ.get("NUMBA_ENABLE_AVX") == "0" else FULL_WIDTH


def problems() -> list[str]:
    """What is wrong with the ``NUMBA_...`` variables of the environment, one line each; numba is loaded for it."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            import numba  # noqa: F401
        except ValueError as error:
            given = ", ".join(f"{name}={value}" for name, value in sorted(os.environ.items()) if name.startswith("NUMBA_"))
            return [f"numba cannot be loaded: {error}; look at {given or 'its installation'}"]
    lines = [str(one.message).splitlines()[0] for one in caught if "Environment variable 'NUMBA_" in str(one.message)]
    found = [f"{line.removesuffix('.')}; unset it, or give what numba expects" for line in lines]
    wrong = _asked()[1]
    return [*found, wrong] if wrong else found


def _asked() -> tuple[int, str]:
    """Bits of the registers, and what is wrong with the user's choice of processor and features."""
    name, features = os.environ.get("NUMBA_CPU_NAME"), os.environ.get("NUMBA_CPU_FEATURES")
    if name is None and features is None:
        return _own_bits(), ""
    from llvmlite import binding

    given = {"NUMBA_CPU_NAME": name, "NUMBA_CPU_FEATURES": features}
    said = " ".join(f"{key}={value[:80]}" for key, value in given.items() if value is not None)
    bits, words = _ask(
        binding.get_host_cpu_name() if name is None else name, named_features() if features is None else features
    )
    if words:
        return (
            0,
            f"{said}: {words}; expected a processor, or features with + or -, that LLVM knows; unset it for this processor's own",
        )
    if bits > _own_bits():
        return (
            bits,
            f"{said}: has registers of {bits} bits, this processor of {_own_bits()}; unset it for this processor's own",
        )
    return bits, ""


@lru_cache(maxsize=8)
def _ask(name: str, features: str) -> tuple[int, str]:
    """Bits of the registers that LLVM compiles for, or its complaint."""
    command = [sys.executable, "-c", _ASK, name, features]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode == 0 and not done.stderr.strip():
        return int(done.stdout), ""
    known = re.search(r"'.*' is not a recognized \w+", done.stderr)
    return 0, f"{known[0][:120]}" if known else "LLVM does not take it"


def _own_bits() -> int:
    from llvmlite import binding

    features = binding.get_host_cpu_features()
    return 512 if features.get("avx512f") else 256 if features.get("avx") or features.get("avx2") else 128


def vectors() -> dict[str, Any]:
    """For the record of a run: the processor's name to LLVM, whether AVX-512 is used at full width, and what decided so."""
    own_features, own_name = os.environ.get("NUMBA_CPU_FEATURES"), os.environ.get("NUMBA_CPU_NAME")
    nothing = {"llvm_name": None, "vector_features": None, "register_bits": None}
    try:
        from llvmlite import binding
    except ImportError:
        return {**nothing, "chosen_by": "nothing is compiled: llvmlite is not installed"}
    bits, wrong = _asked()
    if wrong:
        return {**nothing, "chosen_by": f"nothing is compiled: {wrong}"}
    by = "NUMBA_CPU_FEATURES" if own_features is not None else "NUMBA_CPU_NAME" if own_name is not None else _RULE
    chosen = own_features if own_features is not None else named_features() if own_name is not None else host_features()
    if chosen is None:
        chosen = binding.get_host_cpu_features().flatten()
    return {
        "llvm_name": binding.get_host_cpu_name() if own_name is None else own_name or "generic",  # as LLVM takes no name
        "vector_features": ",".join(f for f in chosen.split(",") if f in _WIDTHS),
        "register_bits": bits,
        "chosen_by": by,
    }
