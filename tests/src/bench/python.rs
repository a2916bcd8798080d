//! Suite `python`: programs of the kind that pyperformance has, by the same interpreter on
//! this kernel and on Linux. What the columns differ by is what a kernel costs an
//! interpreter: page faults, timer interrupts, translations lost.
//!
//! One core: the programs have one thread. Each runs in a process of its own, whose start is
//! not part of its time, and checks its own results.

use super::Depth;
use super::case::{Case, Group, Kind, MEMORY, System};
use super::figure::{Figure, Unit};

/// A program: its name, the module of `bench_python.py` that has it, what it is, and how many
/// calls are one sample, so that all samples take about as long.
type Program = (&'static str, &'static str, &'static str, u32);

const PROGRAMS: [Program; 21] = [
    ("nbody", "numbers", "five bodies, forty steps", 2),
    ("fannkuch", "numbers", "fannkuch of six", 1),
    ("spectral_norm", "numbers", "spectral norm, 12 by 12", 1),
    ("floats", "numbers", "600 points normalized", 1),
    ("pidigits", "numbers", "a hundred digits of pi", 2),
    ("tasks", "objects", "simulated tasks (Richards)", 1),
    ("constraints", "objects", "constraints (DeltaBlue)", 1),
    ("unpack", "objects", "sequences taken apart", 1),
    ("generators", "objects", "a tree walked by generators", 1),
    ("async_tree", "objects", "85 coroutines gathered", 1),
    ("deep_copy", "objects", "deepcopy of records", 2),
    ("json_dumps", "text", "json.dumps of 4 and 5 KB", 10),
    ("json_loads", "text", "json.loads of 4 KB", 10),
    ("regex", "text", "regular expressions", 1),
    ("pickles", "text", "pickle and back, 40 records", 10),
    ("logs", "text", "25 records of a log", 2),
    ("formatting", "text", "900 pieces of text formatted", 1),
    ("hashes", "text", "400 words counted and hashed", 3),
    ("queens", "search", "six queens", 1),
    ("sudoku", "search", "a sudoku", 1),
    ("shortest_way", "search", "a shortest way by heapq", 1),
];

/// The suite's groups.
#[must_use]
pub fn groups(depth: Depth) -> Vec<Group> {
    vec![wall(depth), instructions()]
}

fn cases(samples: u32, unit: Unit) -> Vec<Case> {
    let case = |(name, module, label, loops): &Program| {
        let command =
            format!("python bench_python.py bench_python_{module}.py {name} {loops} {samples}");
        Case::new(
            command,
            [Figure::new(*name, format!("{name}: {label}"), unit)],
        )
    };
    PROGRAMS.iter().map(case).collect()
}

fn wall(depth: Depth) -> Group {
    let title = "Python programs, the same interpreter, one core";
    Group {
        cores: 1,
        rounds: depth.pick(2, 10),
        ..Group::wall(title, depth, cases(depth.pick(3, 5), Unit::Microseconds))
    }
}

fn instructions() -> Group {
    Group {
        title: "for a Python program, the same interpreter, one core".to_owned(),
        kind: Kind::Instructions,
        cores: 1,
        memory: MEMORY,
        systems: vec![System::OURS, System::PLAIN],
        rounds: 1,
        first_line: None,
        cases: cases(1, Unit::Instructions),
    }
}

#[cfg(test)]
mod tests {
    use super::PROGRAMS;
    use crate::project;

    #[test]
    fn every_program_of_the_modules_is_measured_and_the_other_way_round() {
        let mut there = Vec::new();
        for module in ["numbers", "objects", "text", "search"] {
            let path = format!("tests/programs/bench_python_{module}.py");
            let text = std::fs::read_to_string(project::root().join(path)).unwrap();
            let (_, table) = text.split_once("\nPROGRAMS: ").unwrap();
            let lines = table.lines().skip(1).take_while(|line| *line != "}");
            for line in lines {
                let name = line.trim().split('"').nth(1).unwrap().to_owned();
                there.push((name, module));
            }
        }
        let measured = PROGRAMS.map(|(name, module, _, _)| (name.to_owned(), module));
        assert_eq!(there, measured);
    }
}
