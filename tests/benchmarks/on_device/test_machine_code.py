"""Counts of a hot loop, from listings of both disassemblers and from PTX."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from benchmarks.on_device.machine_code import disassembler, hot_loop, listing, parse

SASS = """
.text.kernel:
        /*0000*/                   LDC R1, c[0x0][0x28] ;
.L_x_1:
        /*0010*/                   LDG.E R2, desc[UR4][R6.64] ;
        /*0020*/              @!P0 BRA `(.L_x_1) ;
.L_x_3:
        /*0030*/                   LDG.E.64 R2, desc[UR4][R6.64] ;
.L_x_2:
        /*0040*/                   FFMA R4, R2, R3, R4 ;
        /*0050*/                   LDG.E.128.CONSTANT R8, desc[UR4][R6.64] ;
        /*0060*/               @P1 CALL.REL.NOINC `($__internal_0_$__cuda_sm20_rcp_rn_f32_slowpath) ;
        /*0070*/                   STG.E desc[UR4][R6.64], R4 ;
        /*0080*/              @!P0 BRA `(.L_x_2) ;
        /*0090*/               @P2 BRA `(.L_x_3) ;
        /*00a0*/                   EXIT ;
.L_x_9:
        /*00b0*/                   BRA `(.L_x_9);
"""
"""A short loop, two that are nested, and the jump to itself that ends every kernel."""

CUOBJDUMP = """
	Function : kernel
        /*0000*/                   LDC R1, c[0x0][0x28] ;            /* 0x00000a00ff017b82 */
        /*0010*/                   FADD R4, R2, R4 ;                 /* 0x0000000402047221 */
        /*0020*/                   LDG.E.U8 R2, [R6.64] ;            /* 0x0000000406027981 */
        /*0030*/              @!P0 BRA 0x10 ;                        /* 0xfffffffc00087947 */
        /*0040*/                   EXIT ;                            /* 0x000000000000794d */
"""

PTX = """
.visible .entry kernel()
{
	ld.param.u64 	%rd1, [kernel_param_0];
$L__BB0_1:
	ld.global.f32 	%f1, [%rd1];
	fma.rn.f32 	%f2, %f1, %f1, %f1;
	ld.global.u64 	%rd2, [%rd1];
	st.global.f32 	[%rd1], %f2;
	@%p1 bra 	$L__BB0_1;
	ret;
}
"""


def test_the_longest_loop_that_holds_no_other_is_counted() -> None:
    loop = hot_loop(parse(SASS))
    assert loop is not None
    assert (loop.kind, loop.instructions, loop.calls) == ("machine code", 5, 1)
    assert (loop.loads, loop.loaded, loop.stores, loop.stored) == (1, 16, 1, 4)
    assert loop.opcodes == {"FFMA": 1, "LDG": 1, "CALL": 1, "STG": 1, "BRA": 1}


def test_a_listing_without_labels_jumps_to_addresses() -> None:
    loop = hot_loop(parse(CUOBJDUMP))
    assert loop is not None and (loop.instructions, loop.loads, loop.loaded) == (3, 1, 1)


def test_ptx_is_counted_where_there_is_no_disassembler() -> None:
    loop = hot_loop(parse(PTX))
    assert loop is not None and (loop.kind, loop.instructions) == ("PTX", 5)
    assert (loop.loads, loop.loaded, loop.stored) == (2, 12, 4)


def test_code_without_a_loop_has_none() -> None:
    assert hot_loop(parse("        /*0000*/                   EXIT ;\n")) is None


def test_either_tool_serves_and_neither_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.on_device.machine_code._toolkit_tools", lambda name: [])
    assert disassembler({"nvdisasm": "/opt/nvdisasm"}.get) == ["/opt/nvdisasm", "-c"]
    assert disassembler({"cuobjdump": "/opt/cuobjdump"}.get) == ["/opt/cuobjdump", "-sass"]
    assert disassembler(lambda name: None) is None


def test_a_disassembler_is_given_the_code_and_may_refuse_it(tmp_path: Path) -> None:
    tool = tmp_path / "tool"
    tool.write_text('#!/bin/sh\n[ "$(cat "$2")" = code ] && echo listed || { echo bad header >&2; exit 1; }\n')
    tool.chmod(tool.stat().st_mode | stat.S_IXUSR)
    assert listing(b"code", [str(tool), "-c"]) == "listed\n"
    with pytest.raises(RuntimeError, match="bad header"):
        listing(b"other", [str(tool), "-c"])
