//! The static C programs of `tests/programs`: what they print, they print on Linux.

use tests::numbers;
use tests::programs::{Link, compile, differences, machine, on_linux};
use tests::suite::Tier;

use crate::common::{LIMIT, limit, printed};

const PROGRAMS: &[(&str, Link, &str)] = &[
    (
        "faults",
        Link::Static,
        "every class of fault ends its process as on Linux, and a handler learns the same",
    ),
    (
        "pointers",
        Link::Static,
        "a bad pointer is EFAULT wherever Linux says so",
    ),
    (
        "errnos",
        Link::Static,
        "wrong calls fail with Linux's errors",
    ),
    (
        "registers",
        Link::Static,
        "x87, SSE, AVX and general registers are a thread's own",
    ),
    (
        "threads",
        Link::Static,
        "threads of the C library lock, wait, cancel and end",
    ),
    (
        "futexes",
        Link::Static,
        "futexes wake and move as many as on Linux, and nobody who came too late",
    ),
    (
        "shootdown",
        Link::Static,
        "no thread uses a translation that another one took away",
    ),
    (
        "isolation",
        Link::Static,
        "no process reads another's bytes, whatever its siblings do and however they die",
    ),
    (
        "pipes",
        Link::Static,
        "more than fits goes through a pipe, and whoever waits is told",
    ),
    (
        "signals",
        Link::Static,
        "signals come out of descriptors, and end the calls that they end on Linux",
    ),
    (
        "scheduling",
        Link::Static,
        "affinity holds, shares follow nice values, nobody starves",
    ),
    (
        "idling",
        Link::Static,
        "threads that are set free beside cores that idle",
    ),
    (
        "memory",
        Link::Static,
        "mappings are made, moved, protected, shared and given back as on Linux",
    ),
    (
        "stack",
        Link::Static,
        "a program finds its arguments and auxiliary vector",
    ),
    (
        "stack",
        Link::StaticPie,
        "so does one at an address that the kernel chooses",
    ),
];

/// Programs of calls that only this kernel has: they look themselves.
const OURS: &[(&str, &str)] = &[
    (
        "spawning",
        "templates, and what is spawned from them, are as they should be and leave nothing",
    ),
    (
        "limits",
        "memory, CPU time and deadlines end a process and all that it started",
    ),
    (
        "nth_allocation",
        "whichever allocation fails, the call says so and leaves nothing",
    ),
    (
        "giving_back",
        "the kernel's stacks and its heap give back what was taken, and no core is misled",
    ),
];

/// How many things `channels` looks at.
const CHANNEL_SECTIONS: usize = 15;

pub fn add(mut tier: Tier) -> Tier {
    for (name, link, promise) in PROGRAMS.iter().copied() {
        tier = tier.test(format!("programs: {name}: {promise}"), move || {
            let differences = differences(name, link, LIMIT).unwrap();
            assert!(differences.is_empty(), "\n{differences}");
        });
    }
    for (name, promise) in OURS.iter().copied() {
        tier = tier.test(format!("programs: {name}: {promise}"), move || {
            let program = compile(name, Link::Static).unwrap();
            let text = printed(machine(&program, &[]).unwrap().smp(4).timeout(LIMIT));
            assert!(!text.is_empty() && !text.contains("WRONG"), "{text}");
        });
    }
    for (cores, lives) in [(1, "24"), (4, "64"), (16, "48")] {
        tier = tier.test(
            format!("isolation: {lives} children on {cores} core(s) keep to themselves"),
            move || {
                let program = compile("isolation", Link::Static).unwrap();
                let linux = on_linux(&program, &[lives]).unwrap();
                let machine = machine(&program, &[lives]).unwrap();
                let text = printed(machine.smp(cores).timeout(limit(cores)));
                assert_eq!(text, String::from_utf8_lossy(&linux.stdout));
            },
        );
    }
    for cores in [2, 4] {
        tier = tier.test(
            format!(
                "programs: channels: on {cores} cores what is sent arrives once, in order and \
                 whole, and the end is seen"
            ),
            move || {
                let program = compile("channels", Link::Static).unwrap();
                let machine = machine(&program, &[]).unwrap();
                let text = printed(machine.smp(cores).timeout(limit(cores)));
                let well = text.lines().filter(|line| line.ends_with(": well"));
                assert_eq!(well.count(), CHANNEL_SECTIONS, "{text}");
            },
        );
    }
    tier.test(
        "programs: spaces: without PCID every load of a space flushes",
        || {
            let program = compile("spaces", Link::Static).unwrap();
            let machine = machine(&program, &["200", "10", "50"]).unwrap();
            let text = printed(machine.smp(2).timeout(LIMIT));
            let number = |name| numbers::find(&text, name).unwrap();
            assert!(
                text.contains("200 processes, 10 rounds, 0 wrong\n"),
                "{text}"
            );
            // KVM may have PCIDs; QEMU's own CPUs have none.
            if number("core0_pcid_slots") == 1 {
                assert_eq!(number("space_loads_kept"), 0, "{text}");
                assert_eq!(
                    number("tlb_flushes_untagged"),
                    number("space_loads"),
                    "{text}"
                );
            }
            assert!(number("ring_loads") >= 8 * 200, "{text}");
            assert!(number("tlb_flushes_shootdown") > 0, "{text}");
            assert!(number("tlb_pages_flushed") > 0, "{text}");
            assert_eq!(number("tlb_flushes_kernel"), 2, "{text}");
            // One is the kernel's, for the trampoline.
            assert!(number("tlb_shootdowns_sent") > 1, "{text}");
        },
    )
}
