//! What the tests of this tier share.

use std::time::Duration;

use tests::console::driver::Outcome;
use tests::machine::{Machine, Output, host_cores};

/// For a machine with as many cores as the host: generous, since others use the host.
pub const LIMIT: Duration = Duration::from_secs(120);

/// [`LIMIT`] for a machine whose cores share few real ones.
pub fn limit(cores: u32) -> Duration {
    LIMIT * cores.div_ceil(host_cores()).div_ceil(4).max(1)
}

/// A machine that runs this Python code.
pub fn python(code: &str) -> Machine {
    Machine::new().python(["-c", code]).timeout(LIMIT)
}

/// Runs a machine that must end as a program ends.
pub fn finished(machine: Machine) -> Output {
    let output = machine.run().unwrap();
    assert!(
        matches!(output.outcome, Outcome::Exited(_)),
        "{:?}\n{}{}",
        output.outcome,
        output.stdout_text(),
        output.remarks()
    );
    output
}

/// Runs a machine whose program must end well; its standard output.
pub fn printed(machine: Machine) -> String {
    let output = finished(machine);
    assert_eq!(
        output.status(),
        0,
        "{}{}",
        output.stdout_text(),
        output.stderr_text()
    );
    output.stdout_text()
}

/// Has checks that a machine makes of itself, and prints as lines that end with `well`, then
/// `end`; and looks for what the kernel's log must have said.
pub fn all_well(machine: Machine, said: &[&str]) {
    let output = finished(machine);
    let text = output.stdout_text();
    let wrong = text.lines().filter(|line| !line.ends_with(" well"));
    assert_eq!(
        wrong.collect::<Vec<_>>(),
        ["end"],
        "{text}{}",
        output.stderr_text()
    );
    let log = output.log_text();
    for words in said {
        assert!(log.contains(words), "{words}\n{log}");
    }
}
