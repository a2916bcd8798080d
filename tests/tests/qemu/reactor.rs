//! One kernel object to wait on, under asyncio's loop and Twisted's reactor; and Python
//! packages in the machine, `run.sh --with`.

use std::path::Path;
use std::process::{Command, Output};

use tests::build;
use tests::machine::Machine;
use tests::project;
use tests::requirements::{self, Requirement};
use tests::suite::Tier;

use crate::common::{LIMIT, printed};

/// Looks from inside.
const CHECKS: &str = include_str!("reactor.py");

/// What the example prints.
const EXAMPLE: &str = "\
reactor: RoentgenReactor
tcp: 20 clients, 50000 bytes echoed
unix: 20 clients, 50000 bytes echoed
thread: another one: True
process: another one: pid True
timers: [1, 2, 3]
example well
";

/// Makes wheels that no index has: a pure one, one that is not, and one that needs that.
const WHEELS: &str = r#"
import sys, zipfile
def wheel(name, tag, files, needs=()):
    pure = tag.endswith("none-any")
    about = f"{name}-1.dist-info"
    files = dict(files)
    files[f"{about}/METADATA"] = "".join(
        [f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n"]
        + [f"Requires-Dist: {need}\n" for need in needs])
    files[f"{about}/WHEEL"] = (
        f"Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: {str(pure).lower()}\nTag: {tag}\n")
    files[f"{about}/RECORD"] = "".join(f"{path},,\n" for path in [*files, f"{about}/RECORD"])
    with zipfile.ZipFile(f"{sys.argv[1]}/{name}-1-{tag}.whl", "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
wheel("rgpure", "py3-none-any", {"rgpure/__init__.py": "from .word import word\n",
    "rgpure/word.py": "word = 'pure'\n"})
wheel("rgnative", "cp314-cp314-manylinux2014_x86_64",
    {"rgnative.cpython-314-x86_64-linux-gnu.so": "\x7fELF"})
wheel("rgneeds", "py3-none-any", {"rgneeds.py": ""}, ["rgnative"])
"#;

pub fn add(tier: Tier) -> Tier {
    tier.test(
        "reactor: one wait is told of sockets, channels, processes, lines, and time; asyncio too",
        || {
            let machine = Machine::new()
                .python(["-c", CHECKS, "asyncio"])
                .smp(2)
                .timeout(LIMIT);
            all_well("", &printed(machine));
        },
    )
    .test(
        "reactor: Twisted runs on Roentgen's, with channels, lines and children; its example too",
        || {
            let wanted = [Requirement::Named("twisted".to_owned())];
            let python = build::images().unwrap().python;
            let example = project::root().join("examples/twisted_echo.py");
            let machine = Machine::new()
                .packages(requirements::archive(&wanted, &python).unwrap())
                .file("/twisted_echo.py", 0o644, std::fs::read(example).unwrap())
                .python(["-c", CHECKS, "twisted"])
                .smp(2)
                .timeout(LIMIT);
            all_well(EXAMPLE, &printed(machine));
        },
    )
    .test(
        "packages: a pure one is there, with the template, and in processes too",
        || {
            let code = "import rgpure, roentgen
def there(): return __import__('rgpure').word
print(rgpure.word, roentgen.spawn(there).result())";
            let place = wheels();
            let output = door(place.path(), &["--with", "rgpure", "-c", code]);
            assert_eq!(output.stdout, b"pure pure\n", "{}", said(&output));
            // Once more, from what is kept: nothing is fetched, so nothing is said.
            let output = door(place.path(), &["--with", "rgpure", "-c", code]);
            assert_eq!(output.stdout, b"pure pure\n", "{}", said(&output));
            assert_eq!(said(&output), "");
        },
    )
    .test(
        "packages: what is not pure, not there or not reached is one clear line",
        || {
            let place = wheels();
            let refused = |words: &[&str], why: &str| {
                let output = door(place.path(), words);
                let said = said(&output);
                assert_eq!(output.status.code(), Some(125), "{said}");
                let line = said.lines().last().unwrap_or_default();
                assert!(line.contains(why), "{said}");
            };
            refused(
                &["--with", "rgnative", "-c", "1"],
                "rgnative 1 is not pure Python",
            );
            let file = place.path().join("needs.txt");
            std::fs::write(&file, "rgneeds\n").unwrap();
            refused(
                &["-r", file.to_str().unwrap(), "-c", "1"],
                "rgnative 1, which is needed by what was asked for, is not pure Python",
            );
            refused(
                &["--with", "rgnothere", "-c", "1"],
                "No matching distribution found for rgnothere",
            );
            let output = Command::new(project::root().join("run.sh"))
                .args(["--with", "rgnothere", "-c", "1"])
                .envs([("PIP_INDEX_URL", "http://127.0.0.1:9/"), ("NO_PROXY", "*")])
                .output()
                .unwrap();
            let said = said(&output);
            assert!(
                said.contains("pip does not reach the package index"),
                "{said}"
            );
        },
    )
}

/// After what comes first, every line of the checks ends well.
fn all_well(first: &str, text: &str) {
    let rest = text.strip_prefix(first).unwrap_or_else(|| panic!("{text}"));
    assert!(rest.lines().count() > 5, "{text}");
    let wrong: Vec<&str> = rest
        .lines()
        .filter(|line| !line.ends_with(" well"))
        .collect();
    assert!(wrong.is_empty(), "{text}");
}

/// A directory with wheels.
fn wheels() -> tempfile::TempDir {
    let place = tempfile::tempdir().unwrap();
    let made = Command::new("python3")
        .args(["-c", WHEELS])
        .arg(place.path())
        .status()
        .unwrap();
    assert!(made.success());
    place
}

/// `run.sh`, whose pip knows the wheels of a directory and no index.
fn door(wheels: &Path, words: &[&str]) -> Output {
    Command::new(project::root().join("run.sh"))
        .args(words)
        .env("PIP_NO_INDEX", "1")
        .env("PIP_FIND_LINKS", wheels)
        .env_remove("PYTHONUNBUFFERED")
        .env_remove("PYTHONDONTWRITEBYTECODE")
        .output()
        .unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
