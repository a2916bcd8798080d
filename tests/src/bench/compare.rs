//! Two results of one suite, an old and a new one: what got slower beyond noise.
//!
//! Pure. The rule of noise is [`noise`](super::noise)'s. Two things are added to it for wall time,
//! which is of a host and of a moment:
//!
//! - Where the hosts, the emulators or their options are not the same, a wall time is shown and
//!   does not count.
//! - Where Linux was measured in both, it is the clock against which the host is judged: a figure
//!   of this kernel that changed as those of the controls did, to within the least effect,
//!   changed with its host. This only ever excuses.
//!
//! A change of a control's own figure is shown, and never counts.

use std::collections::HashMap;
use std::fmt::Write as _;

use super::case::Kind;
use super::measured::{Cell, Measured, Place};
use super::noise::{Change, Rule};

/// What became of one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// As the rule says.
    Told(Change),
    /// Changed beyond noise, as the controls did.
    WithControl,
    /// Changed beyond noise, on another host.
    Elsewhere(Change),
    /// Not the same unit in both files.
    OtherUnit,
    /// In the old result alone.
    Gone,
    /// In the new result alone.
    New,
}

/// One line of a comparison.
#[derive(Clone, Debug)]
pub struct Line {
    /// Whether it is of Linux.
    pub is_control: bool,
    /// What became of it.
    pub verdict: Verdict,
    place: Place,
    text: String,
}

/// All lines of a suite, and what must be known of both files.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// Lines in the order of the new result, then what is gone.
    pub lines: Vec<Line>,
    head: String,
    notes: Vec<String>,
}

/// A host's load, over its cores, beyond what the machine that is measured makes of it.
const BUSY: f64 = 1.5;

/// Compares two results of one suite.
#[must_use]
pub fn compare(old: &Measured, new: &Measured) -> Comparison {
    let is_same_host = old.host == new.host;
    let (before, after) = (old.by_place(), new.by_place());
    let drift = drift(&old.cells, &after);
    let mut lines: Vec<Line> = Vec::new();
    for cell in &new.cells {
        let (verdict, text) = match before.get(&cell.place) {
            None => (Verdict::New, format!("now {}", cell.shown())),
            Some(old_cell) => {
                let at = &cell.place;
                let host_change = drift.get(&(at.title.as_str(), at.cores, at.figure.as_str()));
                let verdict = verdict(old_cell, cell, is_same_host, host_change.copied());
                (verdict, step(old_cell, cell))
            }
        };
        lines.push(Line::new(cell, verdict, text));
    }
    // A kind that nobody asked for this time is one note, not a line for each figure.
    let has_kind = |kind| new.cells.iter().any(|cell| cell.kind == kind);
    let gone = old
        .cells
        .iter()
        .filter(|cell| has_kind(cell.kind) && !after.contains_key(&cell.place));
    lines.extend(gone.map(|cell| Line::new(cell, Verdict::Gone, format!("was {}", cell.shown()))));

    let left_out = Kind::ALL
        .into_iter()
        .filter(|kind| !has_kind(*kind) && old.cells.iter().any(|cell| cell.kind == *kind));
    let mut notes: Vec<String> = left_out
        .map(|kind| format!("no {} in the second", kind.name()))
        .collect();
    if !is_same_host {
        notes.push(format!(
            "the hosts differ, so wall times are shown and do not count: {}; then {}",
            old.host, new.host
        ));
    }
    if old.load.max(new.load) > BUSY {
        notes.push(format!(
            "a host at {:.1} times its cores, then {:.1}: its wall times say little without Linux's",
            old.load, new.load
        ));
    }
    for (what, changed) in [
        (
            "other commands",
            has_other_commands as fn(&Cell, &Cell) -> bool,
        ),
        ("another machine", has_other_machine),
    ] {
        let mut titles: Vec<&str> = Vec::new();
        for cell in &new.cells {
            let old_cell = before.get(&cell.place);
            let title = cell.place.title.as_str();
            if old_cell.is_some_and(|old| changed(old, cell)) && !titles.contains(&title) {
                titles.push(title);
            }
        }
        let noted = titles
            .iter()
            .map(|title| format!("{what} than before: {title}"));
        notes.extend(noted);
    }
    Comparison {
        lines,
        head: format!(
            "{}: {} ({})\n  then {} ({})",
            new.suite,
            old.path.display(),
            old.made,
            new.path.display(),
            new.made
        ),
        notes,
    }
}

fn has_other_commands(old: &Cell, new: &Cell) -> bool {
    old.command != new.command
}

fn has_other_machine(old: &Cell, new: &Cell) -> bool {
    old.flags != new.flags
}

/// By title, cores and figure of wall time: the logarithm of what the controls' medians
/// changed by, on the average of the controls.
fn drift<'a>(
    old: &'a [Cell],
    after: &HashMap<&Place, &Cell>,
) -> HashMap<(&'a str, u64, &'a str), f64> {
    let mut sums: HashMap<(&str, u64, &str), (f64, u32)> = HashMap::new();
    for cell in old {
        if !cell.is_control || cell.kind != Kind::Wall {
            continue;
        }
        let change = after
            .get(&cell.place)
            .and_then(|after| cell.ratio_to(after))
            .map(f64::ln);
        if let Some(change) = change {
            let place = &cell.place;
            let sum = sums.entry((&place.title, place.cores, &place.figure));
            let (sum, count) = sum.or_default();
            *sum += change;
            *count += 1;
        }
    }
    let mean = |(sum, count): (f64, u32)| sum / f64::from(count);
    sums.into_iter()
        .map(|(key, sums)| (key, mean(sums)))
        .collect()
}

fn verdict(old: &Cell, new: &Cell, is_same_host: bool, drift: Option<f64>) -> Verdict {
    if old.unit != new.unit {
        return Verdict::OtherUnit;
    }
    let rule = Rule {
        kind: new.kind,
        unevenness: old.unevenness.max(new.unevenness),
    };
    let change = rule.judge(new.better, &old.samples, &new.samples);
    if new.kind != Kind::Wall || !matches!(change, Change::Better | Change::Worse) {
        return Verdict::Told(change);
    }
    if !is_same_host || has_other_machine(old, new) {
        return Verdict::Elsewhere(change);
    }
    let fewest = old.samples.count().min(new.samples.count());
    let least = rule.least_effect(fewest).ln_1p();
    let own = old.ratio_to(new).zip(drift);
    // The same way, and no further.
    let is_drift = own.is_some_and(|(ratio, drift)| {
        let own = ratio.ln();
        own.signum() == drift.signum() && own.abs() - drift.abs() <= least
    });
    match is_drift && !new.is_control {
        true => Verdict::WithControl,
        false => Verdict::Told(change),
    }
}

fn step(old: &Cell, new: &Cell) -> String {
    let change = match old.ratio_to(new) {
        Some(ratio) if old.unit == new.unit => format!(" ({:+.1} %)", (ratio - 1.0) * 100.0),
        _ => String::new(),
    };
    format!("{} -> {}{change}", old.shown(), new.shown())
}

impl Line {
    fn new(cell: &Cell, verdict: Verdict, text: String) -> Self {
        Self {
            is_control: cell.is_control,
            verdict,
            place: cell.place.clone(),
            text: format!("{}, {}: {text}", cell.place.system, cell.label),
        }
    }

    /// Whether this kernel got slower: what the exit status is about.
    #[must_use]
    pub fn is_slower(&self) -> bool {
        !self.is_control && self.verdict == Verdict::Told(Change::Worse)
    }
}

impl Verdict {
    /// One word, or a few.
    fn word(self) -> &'static str {
        match self {
            Self::Told(Change::Same) => "same",
            Self::Told(Change::Better) => "FASTER",
            Self::Told(Change::Worse) => "SLOWER",
            Self::Told(Change::Other) => "other",
            Self::Told(Change::NotMeasured) => "not measured",
            Self::Told(Change::NoRatio) => "no ratio",
            Self::WithControl => "as Linux did",
            Self::Elsewhere(Change::Worse) => "slower there",
            Self::Elsewhere(_) => "faster there",
            Self::OtherUnit => "other unit",
            Self::Gone => "gone",
            Self::New => "new",
        }
    }
}

impl Comparison {
    /// Whether something of this kernel got slower.
    #[must_use]
    pub fn is_slower(&self) -> bool {
        self.lines.iter().any(Line::is_slower)
    }

    /// Every figure, by table, then how many there are of each verdict.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = format!("compared: {}\n", self.head);
        for note in &self.notes {
            let _ = writeln!(text, "  note: {note}");
        }
        let mut place: Option<&Place> = None;
        for line in &self.lines {
            let is_same = |other: &Place| {
                (other.kind, &other.title, other.cores)
                    == (line.place.kind, &line.place.title, line.place.cores)
            };
            if !place.is_some_and(is_same) {
                let at = &line.place;
                let _ = writeln!(text, "  {}: {}, {} core(s)", at.kind, at.title, at.cores);
                place = Some(at);
            }
            let _ = writeln!(text, "    {:<12}  {}", line.verdict.word(), line.text);
        }
        let mut counts: Vec<(&str, usize)> = Vec::new();
        for line in self.lines.iter().filter(|line| !line.is_control) {
            let word = line.verdict.word();
            match counts.iter_mut().find(|(other, _)| *other == word) {
                Some((_, count)) => *count += 1,
                None => counts.push((word, 1)),
            }
        }
        let counts: Vec<String> = counts
            .iter()
            .map(|(word, count)| format!("{count} {word}"))
            .collect();
        let _ = writeln!(text, "  of this kernel: {}", counts.join(", "));
        text
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::{Value, json};

    use super::super::measured::Measured;
    use super::{Change, Comparison, Verdict, compare};

    /// A result with one group; a system with its samples for each figure.
    fn result(kind: &str, cpu: &str, figures: &[(&str, &str, &[f64], &[f64])]) -> Value {
        let figures: Vec<Value> = figures
            .iter()
            .map(|(name, unit, ours, linux)| {
                json!({
                    "name": name, "label": name, "unit": unit, "better": "less",
                    "shown": {"unit": "µs", "divisor": 1000.0},
                    "systems": {
                        "roentgen": {"samples": ours},
                        "linux, plain": {"samples": linux},
                    },
                })
            })
            .collect();
        json!({
            "suite": "sched",
            "host": {"cores": 2, "cpu": cpu, "load_before": [0.4], "load_after": [1.9]},
            "qemu": "QEMU emulator version 10.0.2",
            "kernel_sha256": "0123456789abcdef",
            "groups": [{
                "title": "two cores", "kind": kind, "cores": 2, "commands": ["bench_x"],
                "systems": {
                    "roentgen": {"kernel": "roentgen"},
                    "linux, plain": {"kernel": "linux plain"},
                },
                "figures": figures,
            }],
        })
    }

    fn compared(old: &Value, new: &Value) -> Comparison {
        let read = |value| Measured::of(Path::new("sched.json"), value).unwrap();
        compare(&read(old), &read(new))
    }

    /// The verdicts of this kernel's figures.
    fn ours(comparison: &Comparison) -> Vec<Verdict> {
        let lines = comparison.lines.iter().filter(|line| !line.is_control);
        lines.map(|line| line.verdict).collect()
    }

    #[test]
    fn what_got_slower_beyond_noise_is_said_and_counts() {
        let counted = |pipe| {
            result(
                "instructions",
                "x",
                &[("pipe", "instructions", &[pipe], &[])],
            )
        };
        let same = compared(&counted(1000.0), &counted(1015.0));
        assert!(ours(&same) == [Verdict::Told(Change::Same)] && !same.is_slower());
        let slower = compared(&counted(1000.0), &counted(1040.0));
        assert!(slower.is_slower());
        let text = slower.text();
        assert!(text.contains("SLOWER        roentgen, pipe: 1.00 µs -> 1.04 µs (+4.0 %)"));
        assert!(text.contains("of this kernel: 1 SLOWER"), "{text}");
        let faster = compared(&counted(1000.0), &counted(960.0));
        assert!(ours(&faster) == [Verdict::Told(Change::Better)] && !faster.is_slower());
    }

    #[test]
    fn a_slower_host_shows_in_the_controls_and_is_no_regression() {
        let wall = |ours: f64, linux: f64| {
            result("wall time", "x", &[("pipe", "ns", &[ours; 5], &[linux; 5])])
        };
        let old = wall(100.0, 500.0);
        let with_host = compared(&old, &wall(150.0, 740.0));
        assert_eq!(ours(&with_host), [Verdict::WithControl]);
        assert!(!with_host.is_slower());
        // Twice what Linux lost, or the other way: that is ours.
        assert!(compared(&old, &wall(300.0, 740.0)).is_slower());
        assert!(compared(&old, &wall(150.0, 400.0)).is_slower());
        assert!(compared(&old, &wall(150.0, 500.0)).is_slower());
        // A control alone never counts.
        assert!(!compared(&old, &wall(100.0, 900.0)).is_slower());
    }

    #[test]
    fn a_busy_host_is_said() {
        let quiet = result("wall time", "x", &[("pipe", "ns", &[1.0], &[])]);
        let mut busy = quiet.clone();
        busy["host"]["load_after"] = json!([7.0, 6.0, 5.0]);
        assert!(!compared(&quiet, &quiet).text().contains("note:"));
        let text = compared(&quiet, &busy).text();
        assert!(
            text.contains("note: a host at 0.9 times its cores, then 3.5"),
            "{text}"
        );
    }

    #[test]
    fn wall_times_of_another_host_are_shown_and_do_not_count() {
        let figures: &[(&str, &str, &[f64], &[f64])] = &[("pipe", "ns", &[100.0; 5], &[])];
        let slower: &[(&str, &str, &[f64], &[f64])] = &[("pipe", "ns", &[200.0; 5], &[])];
        let wall = compared(
            &result("wall time", "x", figures),
            &result("wall time", "y", slower),
        );
        assert_eq!(ours(&wall), [Verdict::Elsewhere(Change::Worse)]);
        assert!(!wall.is_slower() && wall.text().contains("note: the hosts differ"));
        let mut by_kvm = result("wall time", "x", slower);
        by_kvm["groups"][0]["systems"]["roentgen"]["flags"] = json!(["-accel", "kvm"]);
        let wall = compared(&result("wall time", "x", figures), &by_kvm);
        assert!(!wall.is_slower() && wall.text().contains("note: another machine"));
        // Instructions are the same everywhere.
        let counted = compared(
            &result("instructions", "x", figures),
            &result("instructions", "y", slower),
        );
        assert!(counted.is_slower());
    }

    #[test]
    fn what_is_missing_in_either_is_said() {
        let old = result(
            "instructions",
            "x",
            &[
                ("pipe", "instructions", &[1.0], &[]),
                ("none", "instructions", &[1.0], &[]),
            ],
        );
        let new = result(
            "instructions",
            "x",
            &[
                ("futex", "instructions", &[1.0], &[]),
                ("none", "instructions", &[], &[]),
            ],
        );
        let comparison = compared(&old, &new);
        assert_eq!(
            ours(&comparison),
            [
                Verdict::New,
                Verdict::Told(Change::NotMeasured),
                Verdict::Gone
            ]
        );
        assert!(!comparison.is_slower());
    }

    #[test]
    fn a_kind_that_was_not_measured_again_is_one_note() {
        let figures: &[(&str, &str, &[f64], &[f64])] = &[("pipe", "ns", &[1.0], &[])];
        let mut old = result("instructions", "x", figures);
        let wall = result("wall time", "x", figures)["groups"][0].clone();
        old["groups"].as_array_mut().unwrap().push(wall);
        let comparison = compared(&old, &result("instructions", "x", figures));
        assert_eq!(ours(&comparison), [Verdict::Told(Change::Same)]);
        assert!(
            comparison
                .text()
                .contains("note: no wall time in the second")
        );
    }

    #[test]
    fn other_units_other_commands_and_medians_of_zero_are_said() {
        let old = result(
            "instructions",
            "x",
            &[("a", "ns", &[1.0], &[]), ("b", "ns", &[0.0], &[])],
        );
        let mut new = result(
            "instructions",
            "x",
            &[("a", "s", &[9.0], &[]), ("b", "ns", &[9.0], &[])],
        );
        new["groups"][0]["commands"] = json!(["bench_x 2"]);
        let comparison = compared(&old, &new);
        assert_eq!(
            ours(&comparison),
            [Verdict::OtherUnit, Verdict::Told(Change::NoRatio)]
        );
        assert!(!comparison.is_slower());
        assert!(comparison.text().contains("note: other commands"));
    }

    #[test]
    fn the_same_figure_on_more_cores_is_another_one() {
        let mut old = result("virtual time", "x", &[("uneven", "of ideal", &[0.9], &[])]);
        old["groups"][0]["figures"][0]["better"] = json!("more");
        let mut on_four = old["groups"][0].clone();
        on_four["cores"] = json!(4);
        on_four["figures"][0]["systems"]["roentgen"]["samples"] = json!([0.5]);
        old["groups"].as_array_mut().unwrap().push(on_four);
        let mut new = old.clone();
        assert!(!compared(&old, &new).is_slower());
        new["groups"][0]["figures"][0]["systems"]["roentgen"]["samples"] = json!([0.5]);
        assert!(compared(&old, &new).is_slower());
        assert!(!compared(&new, &old).is_slower());
    }
}
