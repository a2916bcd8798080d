//! `run.sh` itself, as a pipe and as a terminal.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use tests::machine::{Accelerator, Hardware, qemu};
use tests::project;
use tests::suite::Tier;

use crate::common::LIMIT;

pub fn add(tier: Tier) -> Tier {
    tier.test(
        "door: the program's streams and status are run.sh's",
        || {
            let place = tempfile::tempdir().unwrap();
            let file = place.path().join("r.py");
            std::fs::write(&file, "print(input()[::-1])").unwrap();
            let command = format!(
                "echo abc | {} {}",
                project::root().join("run.sh").display(),
                file.display()
            );
            let output = Command::new("sh").args(["-c", &command]).output().unwrap();
            assert_eq!(output.stdout, b"cba\n");
            assert!(
                output.stderr.is_empty(),
                "{}",
                String::from_utf8_lossy(&output.stderr)
            );
        },
    )
    .test(
        "door: a standard output that takes no more ends the run, a full one with a line",
        no_more_output,
    )
    .test(
        "door: --gdb waits for a debugger, says what to type, and goes on when it is told to",
        debugger,
    )
    .test(
        "door: a shared tree is the working directory, writable, and the host's stays as it is",
        share,
    )
    .test(
        "door: the image boots by GRUB to a raw prompt that answers",
        image,
    )
    .test(
        "prompt: a terminal gives a prompt, Ctrl-C interrupts, Ctrl-D ends",
        prompt,
    )
}

fn no_more_output() {
    const COMMANDS: &str = "\
\"$0\" -c 'while True: print(1)' | head -c 1
echo \" ${PIPESTATUS[0]}\"
\"$0\" -c 'print(1)' >/dev/full
echo \"$?\"
";
    let output = Command::new("bash")
        .args(["-c", COMMANDS])
        .arg(project::root().join("run.sh"))
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "1 141\n125\n");
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "roentgen: standard output: No space left on device (os error 28)\n"
    );
}

/// A debugger that says one word of GDB's remote protocol: `c`, continue.
fn debugger() {
    let mut door = Command::new(project::root().join("run.sh"))
        .args(["--gdb", "-c", "print('debugged')"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = String::new();
    let mut stderr = BufReader::new(door.stderr.take().unwrap());
    stderr.read_line(&mut said).unwrap();
    assert!(said.contains("target remote localhost:1234"), "{said}");
    // Long enough for a machine that does not wait to come to its end. Nothing connects
    // before: that by itself stops a machine.
    std::thread::sleep(Duration::from_secs(8));
    assert_eq!(door.try_wait().unwrap(), None);
    let mut connection = TcpStream::connect(("localhost", 1234)).unwrap();
    connection.write_all(b"$c#63").unwrap();
    let output = door.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "debugged\n");
    assert_eq!(output.status.code(), Some(0));
}

/// What a tree on the host holds: names, contents, times of change.
fn snapshot(place: &Path) -> Vec<(PathBuf, Vec<u8>, i64, i64)> {
    let mut waiting = vec![place.to_owned()];
    let mut found = Vec::new();
    while let Some(path) = waiting.pop() {
        let about = std::fs::symlink_metadata(&path).unwrap();
        let content = if about.is_dir() {
            waiting.extend(
                std::fs::read_dir(&path)
                    .unwrap()
                    .map(|entry| entry.unwrap().path()),
            );
            Vec::new()
        } else if about.is_symlink() {
            std::fs::read_link(&path)
                .unwrap()
                .into_os_string()
                .into_encoded_bytes()
        } else {
            std::fs::read(&path).unwrap()
        };
        found.push((path, content, about.ctime(), about.ctime_nsec()));
    }
    found.sort();
    found
}

fn share() {
    const CODE: &str = "\
import os, pathlib
here = pathlib.Path.cwd()
print(sorted(str(path.relative_to(here)) for path in here.rglob('*')))
print(pathlib.Path('inner/data').read_bytes(), os.readlink('link'), os.access('tool', os.X_OK))
pathlib.Path('inner/data').write_text('changed')
pathlib.Path('new').mkdir()
pathlib.Path('new/file').write_text('fresh')
os.unlink('tool')
os.rename('inner', 'moved')
print(sorted(str(path.relative_to(here)) for path in here.rglob('*')))
print(pathlib.Path('link').read_text() if os.path.exists('link') else 'dangling',
      pathlib.Path('moved/data').read_text())
import helper
";
    let place = tempfile::tempdir().unwrap();
    let tree = place.path();
    std::fs::create_dir(tree.join("inner")).unwrap();
    std::fs::write(tree.join("inner/data"), b"\0\xff").unwrap();
    std::fs::write(tree.join("helper.py"), "print('helped')").unwrap();
    std::fs::write(tree.join("tool"), "#!").unwrap();
    std::fs::set_permissions(tree.join("tool"), std::fs::Permissions::from_mode(0o755)).unwrap();
    std::os::unix::fs::symlink("inner/data", tree.join("link")).unwrap();
    let before = snapshot(tree);
    let output = Command::new(project::root().join("run.sh"))
        .arg("--share")
        .arg(tree)
        .args(["-c", CODE])
        .output()
        .unwrap();
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "['helper.py', 'inner', 'inner/data', 'link', 'tool']\n\
         b'\\x00\\xff' inner/data True\n\
         ['helper.py', 'link', 'moved', 'moved/data', 'new', 'new/file']\n\
         dangling changed\n\
         helped\n",
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(output.status.code(), Some(0));
    assert!(snapshot(tree) == before, "the host's tree has changed");
}

fn image() {
    use expectrl::{Expect, Session};

    let place = tempfile::tempdir_in(project::target()).unwrap();
    let path = place.path().join("image.iso");
    let made = Command::new(project::root().join("run.sh"))
        .arg("iso")
        .arg(&path)
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    let hardware = Hardware {
        accelerator: Accelerator::Tcg,
        memory: 512 << 20,
        extra: ["-serial", "stdio", "-cdrom"]
            .map(str::to_owned)
            .into_iter()
            .chain([path.display().to_string()])
            .collect(),
        ..Hardware::default()
    };
    // The same command, without the streams that a machine else gets.
    let described = qemu::command(&hardware).unwrap();
    let mut command = Command::new(described.get_program());
    command.args(described.get_args());
    let mut machine = Session::spawn(command).unwrap();
    machine.set_expect_timeout(Some(LIMIT));
    machine.expect(">>> ").unwrap();
    machine.send("6*7\r").unwrap();
    // QEMU leaves the terminal its own line ends, so that each has one more `\r`.
    machine.expect("\n42\r").unwrap();
}

fn prompt() {
    use expectrl::{ControlCode, Eof, Expect, Session};

    let mut command = Command::new(project::root().join("run.sh"));
    command.env("TERM", "xterm");
    let mut terminal = Session::spawn(command).unwrap();
    terminal.set_expect_timeout(Some(LIMIT));
    terminal.expect(">>>").unwrap();
    terminal.send_line("6 * 7").unwrap();
    terminal.expect("42").unwrap();
    terminal.expect(">>>").unwrap();
    terminal.send_line("while True: pass").unwrap();
    terminal.send("\r").unwrap();
    std::thread::sleep(Duration::from_secs(1));
    terminal.send(ControlCode::EndOfText).unwrap();
    terminal.expect("KeyboardInterrupt").unwrap();
    terminal.expect(">>>").unwrap();
    terminal.send("\x1b[A").unwrap();
    terminal.expect("while True: pass").unwrap();
    terminal.send(ControlCode::EndOfText).unwrap();
    terminal.expect(">>>").unwrap();
    terminal.send(ControlCode::EndOfTransmission).unwrap();
    terminal.expect(Eof).unwrap();
}
