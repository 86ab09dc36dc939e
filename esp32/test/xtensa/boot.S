/* Where QEMU's lx106 begins: a stack, zeroed memory, and off. No interrupts, no windows: the ESP8266's core has none. */
    .section .reset, "ax"
    .global _start
_start:
    j begin             /* execution begins at the very first byte, and literals stand before their code */
    .align 4
    .literal_position
begin:
    movi a1, __stack_top
    movi a2, __bss_start
    movi a3, __bss_end
    movi a4, 0
1:  bgeu a2, a3, 2f
    s32i a4, a2, 0
    addi a2, a2, 4
    j 1b
2:  movi a0, run
    callx0 a0
    mov a3, a2
    movi a2, 1          /* SYS_exit, with what run() has returned */
    simcall
3:  j 3b
