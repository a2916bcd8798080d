//! How programs and machines end.

use std::time::Duration;

use tests::console::driver::Outcome;
use tests::machine::Machine;
use tests::suite::Tier;

use crate::common::{LIMIT, finished, python};

pub fn add(tier: Tier) -> Tier {
    tier.test("python: prints, and its status is the machine's", || {
        let output = finished(python("print('hi'); import sys; sys.exit(7)"));
        assert_eq!(output.stdout_text(), "hi\n");
        assert_eq!(output.outcome, Outcome::Exited(7));
    })
    .test("machine: the end of the time is status 124", || {
        let output = python("while True: pass")
            .timeout(Duration::from_secs(8))
            .run()
            .unwrap();
        assert_eq!(output.status(), 124);
    })
    .test("process: a busybox applet is the first process", || {
        let busybox = std::fs::read("/bin/busybox").unwrap();
        let machine = Machine::new()
            .file("/bin/busybox", 0o755, busybox)
            .execute(["/bin/busybox", "sha256sum", "/etc/hostname"])
            .timeout(LIMIT);
        assert!(
            finished(machine)
                .stdout_text()
                .ends_with("  /etc/hostname\n")
        );
    })
    .test("process: a file that is no program is refused", || {
        let machine = Machine::new()
            .file("/bin/broken", 0o755, *b"\x7fELF and nothing else")
            .execute(["/bin/broken"])
            .timeout(LIMIT);
        let output = machine.run().unwrap();
        assert_ne!(output.status(), 0);
        assert_ne!(output.outcome, Outcome::TimeUp);
    })
    .test("process: a signal's death is 128 and its number", || {
        let output = finished(python("import os; os.kill(os.getpid(), 9)"));
        assert_eq!(output.status(), 137);
    })
}
