// The interpreter of baleen.linux.script on AArch64. Assembled: baleen/linux/script_code.py.
//
// A step is 80 bytes: number, six arguments, flags, aux, result (8 bytes each).
// x19: the step; x20: the data segment, which begins with the addresses of the first step and of
// the steps that report a failure. The kernel leaves both registers alone.
        .globl  _start
_start:
        mov     x20, 0x510000
        add     x20, x20, 0x1000
        ldr     x19, [x20]
step:
        ldr     x8, [x19]
        ldp     x0, x1, [x19, 8]
        ldp     x2, x3, [x19, 24]
        ldp     x4, x5, [x19, 40]
        tbz     x8, 16, kernel          // EQUAL or, odd, LOAD: no system calls
        ldr     w0, [x0]
        lsr     w0, w0, w1
        and     w0, w0, w2
        tbnz    x8, 0, load
        cmp     w0, w3
        cset    x0, eq
        b       made
load:
        add     w0, w0, w3
        b       made
kernel:
        svc     0
made:
        str     x0, [x19, 72]
        ldp     x10, x11, [x19, 56]
        tbnz    x0, 63, failed
        tbz     x10, 0, stored          // STORE
        str     x0, [x11]
stored:
        tbz     x10, 1, forward         // JUMP_IF_POSITIVE
        cbnz    x0, jump
forward:
        add     x19, x19, 80
        b       step
jump:
        mov     x19, x11
        b       step
failed:
        tbnz    x10, 2, jump            // JUMP_IF_ERROR
        tbnz    x10, 3, forward         // IGNORE
        neg     x0, x0
        lsr     x10, x10, 16            // one errno that is no failure
        cmp     w10, w0
        b.eq    forward
        str     x19, [x20, 16]
        str     x0, [x20, 24]
        ldr     x19, [x20, 8]
        b       step
