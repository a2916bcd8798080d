//! Tier `host`: the door as a new user finds it, before any machine boots: options,
//! errors, exit status.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, ExitCode, Output};

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
