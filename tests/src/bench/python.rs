//! Suite `python`: programs of the kind that pyperformance has, by the same interpreter on
//! this kernel and on Linux. What the columns differ by is what a kernel costs an
//! interpreter: page faults, timer interrupts, translations lost.
//!
//! One core: the programs have one thread. Those of a module run in one process, whose start is
//! not part of their time, and check their own results. One of them is run before all, too: by
//! the first interpreter of a machine, to be held against a later one.

use super::Depth;
use super::case::{Case, Group};
use super::figure::{Figure, Unit};

/// A program: its name, what it is, and how many calls are one sample, so that all samples
/// take about as long.
type Program = (&'static str, &'static str, u32);

/// The modules of `bench_python.py`, each a process of its own, and their programs.
const MODULES: [(&str, &[Program]); 4] = [
    (
        "numbers",
        &[
            ("nbody", "five bodies, forty steps", 2),
            ("fannkuch", "fannkuch of six", 1),
            ("spectral_norm", "spectral norm, 12 by 12", 1),
            ("floats", "600 points normalized", 1),
            ("pidigits", "a hundred digits of pi", 2),
        ],
    ),
    (
        "objects",
        &[
            ("tasks", "simulated tasks (Richards)", 1),
            ("constraints", "constraints (DeltaBlue)", 1),
            ("unpack", "sequences taken apart", 1),
            ("generators", "a tree walked by generators", 2),
            ("async_tree", "85 coroutines gathered", 1),
            ("deep_copy", "deepcopy of records", 3),
        ],
    ),
    (
        "text",
        &[
            ("json_dumps", "json.dumps of 4 and 5 KB", 10),
            ("json_loads", "json.loads of 4 KB", 15),
            ("regex", "regular expressions", 1),
            ("pickles", "pickle and back, 40 records", 15),
            ("logs", "25 records of a log", 2),
            ("formatting", "900 pieces of text formatted", 1),
            ("hashes", "400 words counted and hashed", 4),
        ],
    ),
    (
        "search",
        &[
            ("queens", "six queens", 1),
            ("sudoku", "a sudoku", 1),
            ("shortest_way", "a shortest way by heapq", 1),
        ],
    ),
];

/// The suite's groups.
#[must_use]
pub fn groups(depth: Depth) -> Vec<Group> {
    vec![wall(depth), instructions(depth)]
}

/// A case of each module, with so many samples of each program.
#[must_use]
pub fn cases(samples: u32, unit: Unit) -> Vec<Case> {
    let case = |(module, programs): &(&str, &[Program])| {
        let words: Vec<String> = programs
            .iter()
            .map(|(name, _, loops)| format!("{name}={loops}"))
            .collect();
        let figures = programs
            .iter()
            .map(|(name, label, _)| Figure::new(*name, format!("{name}: {label}"), unit));
        let words = words.join(" ");
        Case::new(
            format!("python bench_python.py bench_python_{module}.py {samples} {words}"),
            figures,
        )
    };
    let first = Case::new(
        format!("python bench_python.py bench_python_numbers.py {samples} fannkuch=1=first"),
        [Figure::new(
            "first",
            "fannkuch, by a machine's first interpreter",
            unit,
        )],
    );
    std::iter::once(first)
        .chain(MODULES.iter().map(case))
        .collect()
}

fn wall(depth: Depth) -> Group {
    let title = "Python programs, the same interpreter, one core";
    Group {
        cores: 1,
        rounds: depth.pick(2, 10),
        ..Group::wall(title, depth, cases(depth.pick(2, 3), Unit::Microseconds))
    }
}

/// Of the first module only in a quick run.
fn instructions(depth: Depth) -> Group {
    let title = "for a Python program, the same interpreter, one core";
    let mut cases = cases(1, Unit::Instructions);
    cases.truncate(depth.pick(2, cases.len()));
    Group {
        cores: 1,
        ..Group::counted(title, cases)
    }
}

#[cfg(test)]
mod tests {
    use super::MODULES;
    use crate::project;

    #[test]
    fn every_program_of_the_modules_is_measured_and_the_other_way_round() {
        for (module, programs) in MODULES {
            let path = format!("tests/programs/bench_python_{module}.py");
            let text = std::fs::read_to_string(project::root().join(path)).unwrap();
            let (_, table) = text.split_once("\nPROGRAMS: ").unwrap();
            let lines = table.lines().skip(1).take_while(|line| *line != "}");
            let there: Vec<&str> = lines.map(|line| line.split('"').nth(1).unwrap()).collect();
            let measured: Vec<&str> = programs.iter().map(|(name, _, _)| *name).collect();
            assert_eq!(there, measured, "{module}");
        }
    }
}
