//! Storm `boots`: machines of 1, 2, 4 and 8 cores, one after another. Each starts Python, from
//! its template or from nothing, and must say the right thing, end well, and complain of nothing.

use std::time::{Duration, Instant};

use super::outcome::{Outcome, Tally};
use super::storm::{Order, Storm};
use crate::build::Images;
use crate::console::driver::Sink;
use crate::error::Result;
use crate::machine::{Hardware, Machine};
use crate::random::Random;

/// The cores of a machine, in turn, where nobody ordered a number.
const CORES: [u32; 4] = [1, 2, 4, 8];
/// One in so many starts its interpreter from nothing.
const COLD: usize = 4;
/// What one may take, on a busy host.
const LIMIT: Duration = Duration::from_secs(120);
/// Every core computes: a part of the sum that is printed.
const PROGRAM: &str = "\
import os, sys, threading
seed, cores = map(int, sys.argv[1:])
parts = {}
def part(core):
    os.sched_setaffinity(0, {core})
    parts[core] = seed * (core + 1)
threads = [threading.Thread(target=part, args=(core,)) for core in range(cores)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(os.cpu_count(), sum(parts.values()))
";

/// Boots as many as ordered.
///
/// # Errors
/// Where a machine cannot be started.
pub fn run(
    storm: &'static Storm,
    images: &Images,
    order: Order,
    progress: Sink,
) -> Result<Outcome> {
    let mut tally = Tally::begin(storm, order, progress);
    let mut slowest = Duration::ZERO;
    for number in 0..order.count {
        let mut random = Random::new(u64::from(order.seed) << 32 | u64::from(number));
        let cores = match order.cores {
            cores if cores == storm.cores => CORES[number as usize % CORES.len()],
            cores => cores,
        };
        let is_cold = random.below(COLD) == 0;
        let value = random.below(1 << 30);
        let mut machine = Machine::new()
            .images(images.clone())
            .hardware(Hardware {
                cores,
                memory: storm.memory_mib << 20,
                ..Hardware::default()
            })
            .without_python_variables()
            .python(["-c", PROGRAM, &value.to_string(), &cores.to_string()])
            .timeout(LIMIT);
        if !is_cold {
            machine = machine.with_template();
        }
        let begin = Instant::now();
        let output = machine.run()?;
        slowest = slowest.max(begin.elapsed());
        let sum = value as u64 * u64::from(cores * (cores + 1) / 2);
        let expected = format!("{cores} {sum}\n");
        let text = output.stdout_text();
        if output.status() != 0 || text != expected || !output.stderr.is_empty() {
            tally.wrong(
                &format!("boot {number} of {cores} core(s) printed {text:?}, not {expected:?}"),
                &output,
            );
        }
        tally.count(&format!("made_{cores}_cores"));
        tally.count(if is_cold { "cold" } else { "from_the_template" });
        tally.done();
    }
    tally.figure("slowest_ms", slowest.as_millis() as i64);
    Ok(tally.finish())
}
