//! Damaged programs: thousands of ELF files that are no good, from one boot.

use tests::console::driver::Outcome;
use tests::programs::{Link, compile, on_linux};
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
            assert_eq!(here.lines().count(), MUTANTS + 1);
            let differences: Vec<String> = there
                .lines()
                .zip(here.lines())
                .filter(|(there, here)| !is_allowed(there, here))
                .map(|(there, here)| format!("Linux: {there}, here: {here}"))
                .collect();
            assert!(
                differences.is_empty(),
                "{} differ\n{}",
                differences.len(),
                differences.join("\n")
            );
            let last = here.lines().last();
            assert_eq!(last, Some("end True 1 True"), "{}", output.stderr_text());
        },
    )
}

/// Whether both verdicts about one mutant go together. They are the same; or Linux finds
/// the damage only when the old program is gone and ends it by a signal, where this
/// kernel still can say no; or it is damage that only this kernel looks for.
fn is_allowed(there: &str, here: &str) -> bool {
    let (there, here): (Vec<&str>, Vec<&str>) =
        (there.split(' ').collect(), here.split(' ').collect());
    let is_strict = there.last() == Some(&"strict");
    let is_signal = |verdict: &str| verdict.starts_with("SIG");
    let is_refusal = |verdict: &str| verdict.starts_with('E');
    there == here
        || (is_signal(there[1]) && (is_strict || is_signal(here[1]) || is_refusal(here[1])))
        || (is_strict && is_refusal(here[1]))
}
