//! The console as pipes.

use tests::machine::Machine;
use tests::suite::Tier;

use crate::common::{LIMIT, finished, python};

pub fn add(tier: Tier) -> Tier {
    tier.test("python: standard error is not standard output", || {
        let output = finished(python(
            "import sys; print('e', file=sys.stderr); print('o')",
        ));
        assert_eq!(
            (output.stdout_text(), output.stderr_text()),
            ("o\n".into(), "e\n".into())
        );
    })
    .test(
        "python: arguments and working directory are a shell's",
        || {
            let machine = Machine::new()
                .python([
                    "-c",
                    "import os, sys; print(sys.argv, os.getcwd())",
                    "a b",
                    "ü",
                ])
                .timeout(LIMIT);
            assert_eq!(
                finished(machine).stdout_text(),
                "['-c', 'a b', 'ü'] /home/user\n"
            );
        },
    )
    .test(
        "console: a megabyte of all byte values goes each way, and then the end",
        || {
            let code = "import sys; d = sys.stdin.buffer.read(); sys.stdout.buffer.write(d[::-1])";
            let sent: Vec<u8> = (0..1 << 20).map(|i: u32| (i ^ (i >> 8)) as u8).collect();
            let output = finished(python(code).stdin(sent.clone()));
            let back: Vec<u8> = output.stdout.iter().rev().copied().collect();
            assert!(back == sent, "{} bytes of {}", back.len(), sent.len());
        },
    )
}
