//! Tier `bochs`: the same machines on a CPU that checks its own rules (PCID, INVPCID,
//! x2APIC, TSC-deadline), booted by GRUB.

use std::process::ExitCode;
use std::time::Duration;

use tests::console::driver::Outcome;
use tests::machine::Machine;
use tests::suite::Tier;

fn main() -> ExitCode {
    Tier::new("bochs")
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
        .run()
}
