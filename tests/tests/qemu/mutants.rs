//! Damaged programs: thousands of ELF files that are no good, from one boot.

use tests::console::driver::Outcome;
use tests::programs::{Link, compile, on_linux};
use tests::stress::mutants::differences;
use tests::suite::Tier;

use crate::common::{LIMIT, python};

/// How many there are.
const MUTANTS: usize = 4000;
const SEED: &str = "1";

/// Runs the mutants twice; the first round is there to fill the kernel's lists.
const CODE: &str = "\
import roentgen, subprocess, sys
command = ['/bin/elf_mutants', *sys.argv[1:]]
subprocess.run([*command[:2], '1000'], stdout=subprocess.DEVNULL, check=True)
before = roentgen.memory()
subprocess.run(command, check=True)
after = roentgen.memory()
lost = [after[index] - before[index] for index in range(2, len(after))]
print('lost', *lost, file=sys.stderr)
print('end', after.total == sum(after[1:]), roentgen.counters()['threads'],
      all(bytes <= 256 << 10 for bytes in lost))
";

pub fn add(tier: Tier) -> Tier {
    tier.test(
        "mutants: thousands of damaged programs are refused, or end, as on Linux",
        || {
            let program = compile("elf_mutants", Link::Static).unwrap();
            let count = MUTANTS.to_string();
            let linux = on_linux(&program, &[SEED, &count]).unwrap();
            let output = python(CODE)
                .file("/bin/elf_mutants", 0o755, std::fs::read(program).unwrap())
                .python(["-c", CODE, SEED, &count])
                .timeout(LIMIT)
                .run()
                .unwrap();
            assert_eq!(output.outcome, Outcome::Exited(0), "{}", output.remarks());
            let there = String::from_utf8(linux.stdout).unwrap();
            let here = output.stdout_text();
            assert_eq!(there.lines().count(), MUTANTS);
            let (verdicts, last) = here.trim_end().rsplit_once('\n').unwrap();
            let differences = differences(&there, verdicts);
            assert!(
                differences.is_empty(),
                "{} differ\n{}",
                differences.len(),
                differences.join("\n")
            );
            assert_eq!(last, "end True 1 True", "{}", output.stderr_text());
        },
    )
}
