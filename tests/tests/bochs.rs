//! Tier `bochs`: the same machines on a CPU that checks its own rules (PCID, INVPCID,
//! x2APIC, TSC-deadline), booted by GRUB.

use std::process::ExitCode;
use std::time::Duration;

use tests::console::driver::Outcome;
use tests::machine::Machine;
use tests::numbers;
use tests::programs::{Link, compile, machine_without_python};
use tests::suite::Tier;

fn main() -> ExitCode {
    Tier::new("bochs")
        .second_tries(2)
        .test("python: prints on two cores", || {
            let output = Machine::new()
                .bochs()
                .smp(2)
                .python(["-c", "import os; print('hi', os.cpu_count(), input())"])
                .stdin("in\n")
                .timeout(Duration::from_secs(500))
                .run()
                .unwrap();
            assert_eq!(output.outcome, Outcome::Exited(0), "{}", output.remarks());
            assert_eq!(output.stdout_text(), "hi 2 in\n");
        })
        .test(
            "pcid: a thousand processes on a core switch without a flush, and what flushes flushes",
            || pcid(1000, 1100, 150, ""),
        )
        .test("pcid: so do fifty without INVPCID", || {
            pcid(50, 64, 40, "invpcid=off")
        })
        .test(
            "isolation: with fewer PCIDs than processes, all keep to themselves",
            isolation,
        )
        .run()
}

/// Runs a program that must end well, on two cores; what it prints.
fn printed(program: &str, arguments: &[&str], words: &str, seconds: u64) -> String {
    let program = compile(program, Link::Static).unwrap();
    let output = machine_without_python(&program, arguments)
        .unwrap()
        .bochs()
        .smp(2)
        .kernel_words(words)
        .timeout(Duration::from_secs(seconds))
        .run()
        .unwrap();
    let text = output.stdout_text();
    assert_eq!(
        output.outcome,
        Outcome::Exited(0),
        "{text}{}",
        output.remarks()
    );
    text
}

/// Four children at a time share five PCIDs with their parent and their own children.
fn isolation() {
    let text = printed("isolation", &["8", "4"], "check=tlb,sched pcid=5", 200);
    assert!(
        text.starts_with("8 children: 4 exited, 2 killed, 2 faulted"),
        "{text}"
    );
}

/// That many processes take turns on a core, and then that many more live for a moment:
/// together more than there are PCIDs, so that some are taken over.
fn pcid(processes: i64, pcids: i64, more: i64, words: &str) {
    let arguments = [processes.to_string(), "6".to_owned(), more.to_string()];
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let words = format!("check=tlb pcid={pcids} {words}");
    let text = printed("spaces", &arguments, &words, 400);
    assert!(
        text.contains(&format!("{processes} processes, 6 rounds, 0 wrong\n")),
        "{text}"
    );
    let number = |name: &str| numbers::find(&text, name).unwrap();
    assert!(number("ring_switches") == 4 * processes, "{text}");
    assert!(number("ring_loads") >= number("ring_switches"), "{text}");
    assert!(
        number("ring_loads_kept") * 100 >= number("ring_loads") * 99,
        "{text}"
    );
    // Every cause of a flush, but for the one that a CPU with PCID does not have.
    for cause in ["older", "taken_over", "shootdown", "kernel"] {
        assert!(
            number(&format!("tlb_flushes_{cause}")) > 0,
            "{cause}\n{text}"
        );
    }
    assert_eq!(number("tlb_flushes_untagged"), 0, "{text}");
    assert!(number("tlb_pages_flushed") > 0, "{text}");
    assert_eq!(number("core0_pcid_slots"), pcids, "{text}");
    assert!(number("tlb_flushes_taken_over") > pcids, "{text}");
    // One is the kernel's, for the trampoline.
    assert!(number("tlb_shootdowns_sent") > 1, "{text}");
}
