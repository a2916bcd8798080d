/* The smallest guest: speaks the frames on COM1, echoes standard input to standard
 * output and ends with status 42 at its end. It proves emulators and console without
 * a kernel. Boots by a PVH note (QEMU) and a multiboot2 header (GRUB); both enter in
 * 32-bit protected mode with flat segments.
 */
asm(".section .multiboot, \"a\"\n.align 8\n"
    ".long 0xe85250d6, 0, 16 + 8, -(0xe85250d6 + 0 + 24)\n"
    ".word 0, 0\n.long 8\n"
    /* XEN_ELFNOTE_PHYS32_ENTRY, Xen's elfnote.h */
    ".section .note.pvh, \"a\", @note\n.align 4\n"
    ".long 4, 4, 18\n.asciz \"Xen\"\n.long start\n"
    ".section .bss\n.align 16\n.skip 4096\nstack:\n"
    ".text\n.globl start\nstart:\nmov $stack, %esp\ncall echo\n1: hlt\njmp 1b\n");

enum { COM1 = 0x3f8, STDOUT = 0x01, EXIT = 0x03, CREDIT = 0x05, STDIN = 0x81, STDIN_END = 0x82 };

static void out(unsigned short port, unsigned char byte)
{
    asm volatile("outb %0, %1" : : "a"(byte), "Nd"(port));
}

static unsigned char in(unsigned short port)
{
    unsigned char byte;
    asm volatile("inb %1, %0" : "=a"(byte) : "Nd"(port));
    return byte;
}

static void put(unsigned char byte)
{
    while (!(in(COM1 + 5) & 0x20))
        ;
    out(COM1, byte);
}

static unsigned char get(void)
{
    while (!(in(COM1 + 5) & 1))
        ;
    return in(COM1);
}

static void frame(unsigned char kind, const unsigned char *payload, int length)
{
    put(kind);
    put(length & 0xff);
    put(length >> 8);
    for (int i = 0; i < length; i++)
        put(payload[i]);
}

static void word(unsigned char kind, int value)
{
    frame(kind, (unsigned char *)&value, 4);
}

void echo(void)
{
    static unsigned char payload[4096];
    static const unsigned char hello[8] = {0, 0x0e, 'R', 'G', 'f', 'r', 'm', '1'};

    for (int i = 0; i < 8; i++)
        put(hello[i]);
    out(0xe9, 'l');
    out(0xe9, 'o');
    out(0xe9, 'g');
    word(CREDIT, 8);
    for (;;) {
        int kind = get(), length = get();
        length |= get() << 8;
        for (int i = 0; i < length; i++)
            payload[i & 4095] = get();
        if (kind == STDIN) {
            frame(STDOUT, payload, length);
            word(CREDIT, length);
        } else if (kind == STDIN_END) {
            word(EXIT, 42);
        }
    }
}
