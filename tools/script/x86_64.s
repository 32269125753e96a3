# The interpreter of baleen.linux.script on x86-64. Assembled: baleen/linux/script_code.py.
#
# A step is 80 bytes: number, six arguments, flags, aux, result (8 bytes each).
# rbx: the step; r12: the data segment, which begins with the addresses of the first step and of
# the steps that report a failure. The kernel leaves both registers alone.
        .intel_syntax noprefix
        .globl  _start
_start:
        mov     r12d, 0x511000
        mov     rbx, [r12]
step:
        mov     rax, [rbx]
        mov     rdi, [rbx + 8]
        mov     rsi, [rbx + 16]
        mov     rdx, [rbx + 24]
        mov     r10, [rbx + 32]
        mov     r8,  [rbx + 40]
        mov     r9,  [rbx + 48]
        cmp     eax, 0x10000            # EQUAL or, odd, LOAD: no system calls
        jb      kernel
        mov     ecx, esi
        mov     esi, [rdi]
        shr     esi, cl
        and     esi, edx
        test    al, 1
        jnz     load
        xor     eax, eax
        cmp     esi, r10d
        sete    al
        jmp     made
load:
        lea     eax, [rsi + r10]
        jmp     made
kernel:
        syscall
made:
        mov     [rbx + 72], rax
        mov     rcx, [rbx + 56]
        mov     rdx, [rbx + 64]
        test    rax, rax
        js      failed
        test    cl, 1                   # STORE
        jz      stored
        mov     [rdx], rax
stored:
        test    cl, 2                   # JUMP_IF_POSITIVE
        jz      forward
        test    rax, rax
        jnz     jump
forward:
        add     rbx, 80
        jmp     step
jump:
        mov     rbx, rdx
        jmp     step
failed:
        test    cl, 4                   # JUMP_IF_ERROR
        jnz     jump
        test    cl, 8                   # IGNORE
        jnz     forward
        neg     eax
        shr     rcx, 16                 # one errno that is no failure
        cmp     ecx, eax
        je      forward
        mov     [r12 + 16], rbx
        mov     [r12 + 24], rax
        mov     rbx, [r12 + 8]
        jmp     step
