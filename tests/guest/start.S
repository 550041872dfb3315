/* The PVH entry of the tiny guest: 32-bit, flat segments, no paging, interrupts off, ebx points at
 * hvm_start_info. The segments of the launcher stay; only the IDT is our own. */
	.section .note.pvh, "a", @note
	.align 4
	.long 4, 4, 18			/* name and descriptor length, XEN_ELFNOTE_PHYS32_ENTRY */
	.asciz "Xen"
	.long start

	.section .text.start, "ax"
	.globl start
start:
	mov $stack_top, %esp
	xor %ebp, %ebp
	push %ebx
	call guest_main
0:	cli
	hlt
	jmp 0b

/* Each interrupt sets its flag and acknowledges the local APIC: as few instructions as can be, since
 * some hosts emulate every one of them. Those do not emulate iret either. Interrupts come only while the
 * guest sleeps, on the same stack and segments, and find it with interrupts off again; so it is enough to
 * take EIP from the stack and drop CS and EFLAGS. */
	.macro irq name flag
	.globl \name
\name:
	movl $1, \flag
	movl $0, 0xfee000b0
	ret $8
	.endm
	.section .text, "ax"
	irq irq_timer timer_fired
	irq irq_receive receive_fired
	irq irq_config config_fired
	irq irq_button button_fired
	.globl irq_spurious
irq_spurious:
	ret $8

/* Any exception: no handler could do better than to say so by its exit code. */
	.globl irq_fault
irq_fault:
	mov $99, %al
	mov $0x6f0, %dx
	out %al, %dx
	cli
	hlt

	.section .bss
	.align 16
	.skip 16384
stack_top:

	.section .note.GNU-stack, "", @progbits
