//! Tier `host`: the door as a new user finds it, before any machine boots: options,
//! errors, exit status; and the page that ends a bench.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, ExitCode, Output};

use serde_json::{Value, json};
use tests::bench::plots::Plotter;
use tests::project;
use tests::suite::Tier;

fn main() -> ExitCode {
    Tier::new("host")
        .test("door: help says the options and is status 0", || {
            let output = door(&["help"]);
            assert_eq!(output.status.code(), Some(0));
            for option in [
                "--smp",
                "--mem",
                "--emu",
                "--share",
                "--log",
                "--timeout",
                "--gdb",
            ] {
                assert!(text(&output.stdout).contains(option), "{option}");
            }
        })
        .test("door: a wrong option is one line and status 2", || {
            for words in [
                &["--smp", "0"][..],
                &["--nope"],
                &["--mem", "x"],
                &["--emu", "vax"],
            ] {
                one_line(&door(words), 2, "");
            }
        })
        .test(
            "door: a file that is not there is said as Python says it",
            || {
                one_line(
                    &door(&["/nothere.py"]),
                    2,
                    "can't open file '/nothere.py': [Errno 2] No such file or directory",
                );
            },
        )
        .test("door: too large a tree to share is one line", || {
            let place = tempfile::tempdir().unwrap();
            let big = std::fs::File::create(place.path().join("big")).unwrap();
            big.set_len(65 << 20).unwrap();
            let share = place.path().to_str().unwrap();
            one_line(&door(&["--share", share, "-c", "1"]), 2, "more than 64 MiB");
        })
        .test("door: a share that is no directory is one line", || {
            one_line(
                &door(&["--share", "/nothere", "-c", "1"]),
                2,
                "not a directory",
            );
        })
        .test("door: too little memory is one line", || {
            one_line(&door(&["--mem", "64M", "-c", "1"]), 2, "--mem is too small");
        })
        .test(
            "door: what is missing and cannot be installed is one line, the one to type",
            nothing_to_boot_with,
        )
        .test(
            "door: bench says where it cannot write or read before it boots anything",
            || {
                let place = tempfile::tempdir().unwrap();
                let file = place.path().join("file.json");
                std::fs::write(&file, "{}").unwrap();
                let file = file.to_str().unwrap();
                let begun = ["bench", "irq", "--out"];
                one_line(&door(&[&begun[..], &[file]].concat()), 2, "--out");
                let compared = ["bench", "irq", "--compare", file];
                one_line(&door(&compared), 2, "no result of ./run.sh bench");
                one_line(&door(&["bench", "--compare", file, file]), 2, "no result");
            },
        )
        .test(
            "bench: the page has every figure in it, and nothing from elsewhere",
            a_page,
        )
        .run()
}

/// Without QEMU, and without the right to install it.
fn nothing_to_boot_with() {
    let place = tempfile::tempdir().unwrap();
    for directory in ["/usr/bin", "/usr/sbin"] {
        for entry in std::fs::read_dir(directory).unwrap() {
            let name = entry.unwrap().file_name();
            if !name.to_string_lossy().starts_with("qemu-system") {
                let link = place.path().join(&name);
                let _ = symlink(Path::new(directory).join(&name), link);
            }
        }
    }
    let output = Command::new("unshare")
        .args(["--user", "--map-user=65534"])
        .arg(project::root().join("run.sh"))
        .args(["-c", "1"])
        .env("PATH", place.path())
        .output()
        .unwrap();
    let line = "please install what is missing: sudo apt-get install -y qemu-system-x86";
    one_line(&output, 125, line);
}

/// A result with everything that a plot is made of, and with labels that are no HTML.
fn a_result() -> Value {
    let figure = |name: &str, unit: &str, ours: &[f64], linux: &[f64], verdict: &str| {
        json!({
            "name": name, "label": format!("<b>{name}</b> & $x_ -->"), "unit": unit,
            "shown": {"unit": unit, "divisor": 1.0}, "better": "less",
            "systems": {"roentgen": {"samples": ours}, "linux, plain": {"samples": linux}},
            "targets": [{"of": "linux, plain", "bound": "at most", "value": 0.5,
                         "is": 1.5, "is_reached": false}],
            "against": {"linux, plain": verdict},
        })
    };
    let group = |title: &str, kind: &str, cores: u32, figures: Value| {
        json!({
            "title": title, "kind": kind, "cores": cores, "memory": 1 << 30, "rounds": 2,
            "seconds": 61.0, "commands": ["bench_x 1"], "order": ["roentgen", "linux, plain"],
            "systems": {
                "roentgen": {"kernel": "roentgen", "words": "", "flags": ["-smp", "2"]},
                "linux, plain": {"kernel": "linux plain", "words": "", "flags": []},
            },
            "figures": figures,
            "remarks": ["linux, plain: status 1 <i>"],
            "hellos": {"roentgen": [0.1, 0.2], "linux, plain": []},
        })
    };
    let many: Vec<f64> = (1..40).map(f64::from).collect();
    let times = json!([
        figure("boot", "s", &[0.4, 0.5], &[5.0, 6.0], "ahead"),
        figure("size_8", "ns", &many, &[1.0, 2.0], "behind"),
        figure("size_64", "ns", &[3.0], &[], "even"),
        figure("size_512", "ns", &[9.0], &[-4.0, 0.0], "even"),
        figure("wake_p50", "µs", &[1.0, 2.0], &[3.0], "ahead"),
        figure("wake_most", "µs", &[1e3, 2e3], &[3e3], "ahead"),
        figure("none", "ratio", &[], &[], "even"),
    ]);
    let spread = |cores: u32, value: f64| {
        let even = figure("even", "of ideal", &[value], &[], "even");
        group("spread", "virtual time", cores, json!([even]))
    };
    json!({
        "suite": "start", "preface": "<u>first</u>", "command": "./run.sh bench", "began": 0,
        "rule": "beyond noise", "rustc": "rustc 1", "qemu": "QEMU emulator version 10",
        "host": {"cores": 2, "cpu": "<cpu>", "kernel": "6", "load_before": [1.0], "load_after": []},
        "kernel_sha256": "0123456789abcdef", "interpreter_sha256": "fedcba9876543210",
        "groups": [group("times", "wall time", 2, times), spread(1, 1.0), spread(4, 0.9)],
    })
}

fn a_page() {
    let place = tempfile::tempdir().unwrap();
    let result = place.path().join("start.json");
    std::fs::write(&result, a_result().to_string()).unwrap();
    let plotter = Plotter::new().unwrap();
    let paths = plotter.page(&[result], place.path()).unwrap();
    assert_eq!(*paths.last().unwrap(), place.path().join("index.html"));
    for plot in [
        "timeline",
        "scaling",
        "size",
        "wake-percentiles",
        "against",
        "figures",
    ] {
        for ending in ["png", "svg"] {
            let path = place.path().join(format!("start-{plot}.{ending}"));
            assert!(
                paths.contains(&path) && path.is_file(),
                "{}",
                path.display()
            );
        }
    }
    let page = std::fs::read_to_string(paths.last().unwrap()).unwrap();
    for part in [
        "&lt;b&gt;size_512&lt;/b&gt; &amp; $x_ --&gt;",
        "▲ ahead",
        "▼ behind",
        "✗ missed",
        "not measured: linux, plain: status 1 &lt;i&gt;",
        "&lt;u&gt;first&lt;/u&gt;",
        "&lt;cpu&gt;",
        "0123456789abcdef",
        "QEMU emulator version 10",
        "./run.sh bench",
        "-smp 2",
        "3 min 03 s",
    ] {
        assert!(page.contains(part), "{part}");
    }
    for word in [
        "<script", "<link", "<img", "<b>size", "<cpu", "src=", "@import", "url(http", "url(/",
    ] {
        assert!(!page.contains(word), "{word}");
    }
    let tables = place.path().join("result.md");
    assert!(paths.contains(&tables));
    let tables = std::fs::read_to_string(tables).unwrap();
    for line in [
        "1970-01-01 00:00 UTC; QEMU emulator version 10; host of 2 core(s), <cpu>, Linux 6.",
        "    ./run.sh bench",
        "| | roentgen | linux, plain | wanted |",
        "| &lt;b&gt;size_8&lt;/b&gt; &amp; $x_ --&gt;, ns | 20.0 (1.00–39.0) | 1.50 (1.00–2.00) | \
         at most 0.50 of linux, plain: **missed**, 1.50 |",
        "Not measured: linux, plain: status 1 <i>",
    ] {
        assert!(tables.lines().any(|one| one == line), "{line}\n{tables}");
    }
    // What is linked is on the page, and every name is there once.
    let mut names: Vec<&str> = page.split(" id=\"").skip(1).collect();
    names
        .iter_mut()
        .for_each(|name| *name = name.split('"').next().unwrap());
    for link in page.split("href=\"").skip(1) {
        let target = link.split('"').next().unwrap();
        assert!(
            names.contains(&target.strip_prefix('#').unwrap()),
            "{target}"
        );
    }
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
}

/// Runs `run.sh` from a directory that is not the checkout.
fn door(words: &[&str]) -> Output {
    Command::new(project::root().join("run.sh"))
        .args(words)
        .current_dir("/")
        .output()
        .unwrap()
}

fn one_line(output: &Output, status: i32, part: &str) {
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(status), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    assert!(stderr.contains(part), "{stderr}");
    assert!(output.stdout.is_empty());
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
