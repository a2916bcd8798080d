//! A section as a table for people: medians, the range of all samples beside them, and
//! below a figure how it stands to its targets.

use std::fmt::Write as _;

use super::figure::{Target, part};
use super::host_walk;
use super::runner::{Row, Section};
use super::statistics::Samples;

const LEAST_CELL: usize = 14;

/// The table of a section, then its remarks.
#[must_use]
pub fn text(section: &Section) -> String {
    let head = section.systems.iter().map(|system| system.name.to_owned());
    let mut lines: Vec<Vec<String>> = vec![std::iter::once(String::new()).chain(head).collect()];
    for row in &section.rows {
        let label = format!("{}{}", row.figure.label, row.figure.unit.suffix());
        let cells = row.cells.iter().map(|cell| shown(row, cell));
        lines.push(std::iter::once(label).chain(cells).collect());
    }
    let widths: Vec<usize> = (0..=section.systems.len())
        .map(|column| {
            let cells = lines.iter().filter_map(|line| line.get(column));
            let widest = cells.map(|cell| cell.chars().count()).max().unwrap_or(0);
            if column == 0 {
                widest
            } else {
                widest.max(LEAST_CELL)
            }
        })
        .collect();
    let mut text = format!("{}\n", heading(section));
    for (index, line) in lines.iter().enumerate() {
        for (column, (cell, width)) in line.iter().zip(&widths).enumerate() {
            let _ = if column == 0 {
                write!(text, "{cell:<width$}")
            } else {
                write!(text, "  {cell:>width$}")
            };
        }
        text.push('\n');
        if let Some(row) = index.checked_sub(1).and_then(|row| section.rows.get(row)) {
            for target in &row.figure.targets {
                text.push_str(&verdict(section, row, target).unwrap_or_default());
            }
        }
    }
    for remark in &section.remarks {
        let _ = writeln!(text, "not measured: {remark}");
    }
    if let Some(line) = host_walk::line(&section.host_walk) {
        let _ = writeln!(text, "{line}");
    }
    text
}

fn heading(section: &Section) -> String {
    let rounds = section.rounds;
    let spread = if rounds > 1 || has_spread(section) {
        "; median (least-most)"
    } else {
        ""
    };
    let boots = if rounds == 1 { "boot" } else { "boots" };
    format!(
        "{}: {} ({rounds} {boots} each{spread})",
        section.kind.name(),
        section.title
    )
}

fn has_spread(section: &Section) -> bool {
    let mut cells = section.rows.iter().flat_map(|row| &row.cells);
    cells.any(|cell| cell.count() > 1)
}

fn shown(row: &Row, cell: &Samples) -> String {
    let unit = row.figure.unit;
    match (cell.median(), cell.range()) {
        (Some(median), Some((least, most))) if cell.count() > 1 => format!(
            "{} ({}-{})",
            unit.shown(median),
            unit.shown(least),
            unit.shown(most)
        ),
        (Some(median), _) => unit.shown(median),
        _ => "-".to_owned(),
    }
}

/// What a target bounds of the first system, ours: its median, or the part of another
/// system's that it is. None where a side was not measured.
#[must_use]
pub fn standing(section: &Section, row: &Row, target: &Target) -> Option<f64> {
    let ours = row.cells.first()?.median()?;
    let Some(other) = target.against else {
        return Some(ours);
    };
    let column = section.systems.iter().position(|system| *system == other)?;
    Some(ours / row.cells.get(column)?.median()?)
}

/// How the first system, ours, stands to a target. None where a side was not measured.
fn verdict(section: &Section, row: &Row, target: &Target) -> Option<String> {
    let value = standing(section, row, target)?;
    let unit = row.figure.unit;
    let shown = |value| match target.against {
        None => unit.shown(value),
        Some(_) => part(value),
    };
    let what = match target.against {
        None => "itself".to_owned(),
        Some(other) => format!("of {}", other.name),
    };
    let met = if target.bound.holds(value) {
        "met"
    } else {
        "missed"
    };
    Some(format!(
        "    {} {what}; wanted {}: {met}\n",
        shown(value),
        target.bound.text(shown)
    ))
}

#[cfg(test)]
mod tests {
    use super::super::case::{Kind, System};
    use super::super::figure::{Figure, Unit};
    use super::super::runner::{Row, Section};
    use super::text;

    #[test]
    fn a_table_has_medians_ranges_and_verdicts() {
        let pipe = Figure::new("pipe", "a byte there and back", Unit::Microseconds)
            .at_most(0.2, System::PLAIN)
            .at_most(0.5, System::BEST);
        let even = Figure::new("even", "two processes", Unit::Efficiency).at_least(0.95);
        let section = Section {
            title: "on two cores".to_owned(),
            kind: Kind::Wall,
            systems: vec![System::OURS, System::PLAIN],
            rounds: 3,
            seconds: 0.0,
            hellos: Vec::new(),
            host_walk: vec![[2e6].into_iter().collect(), [].into_iter().collect()],
            rows: vec![
                Row {
                    figure: pipe,
                    cells: vec![
                        [12e3, 10e3, 11e3].into_iter().collect(),
                        [50e3, 51e3, 60e3].into_iter().collect(),
                    ],
                },
                Row {
                    figure: even,
                    cells: vec![[0.97].into_iter().collect(), [].into_iter().collect()],
                },
            ],
            remarks: vec!["linux, plain: status 1 x".to_owned()],
        };
        let expected = "\
wall time: on two cores (3 boots each; median (least-most))
                                   roentgen      linux, plain
a byte there and back, µs  11.0 (10.0-12.0)  51.0 (50.0-60.0)
    0.22 of linux, plain; wanted at most 0.20: missed
two processes                          0.97                 -
    0.97 itself; wanted at least 0.95: met
not measured: linux, plain: status 1 x
host: a fixed walk through memory took 2.00 ms (2.00-2.00) meanwhile
";
        assert_eq!(text(&section), expected);
    }
}
