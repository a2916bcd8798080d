//! `run.sh` on a terminal: editing a line, pasting, resizing.

use std::process::Command;

use expectrl::session::OsSession;
use expectrl::{Eof, Expect, Session};
use tests::project;
use tests::suite::Tier;

use crate::common::LIMIT;

pub fn add(tier: Tier) -> Tier {
    tier.test(
        "terminal: cursor keys, history, completion and UTF-8 edit a line, resizing does no harm",
        edit,
    )
    .test(
        "terminal: of a pasted megabyte nothing is lost, by lines and in raw mode",
        paste,
    )
    .test(
        "terminal: a line that Python reads is erased by characters, not by bytes",
        erase,
    )
}

/// `run.sh` on a terminal of its own.
fn door(words: &[&str]) -> OsSession {
    let mut command = Command::new(project::root().join("run.sh"));
    command.args(words).env("TERM", "xterm");
    let mut session = Session::spawn(command).unwrap();
    session.set_expect_timeout(Some(LIMIT));
    session
}

/// Types keys at a prompt; what must come, and then the next prompt.
fn answer(terminal: &mut OsSession, keys: &str, answer: &str) {
    terminal.send(keys).unwrap();
    terminal
        .expect(answer)
        .unwrap_or_else(|error| panic!("{keys:?} does not give {answer:?}: {error}"));
    terminal.expect(">>> ").unwrap();
}

fn edit() {
    const UP: &str = "\x1b[A";
    const DOWN: &str = "\x1b[B";
    const RIGHT: &str = "\x1b[C";
    const LEFT: &str = "\x1b[D";
    const HOME: &str = "\x01";
    const ERASE: &str = "\x7f";
    let mut terminal = door(&[]);
    terminal.expect(">>> ").unwrap();
    // Each answer is one that no echo of its keys can be.
    answer(&mut terminal, &format!("10+5{LEFT}1\r"), "\r\n25\r\n");
    answer(
        &mut terminal,
        &format!("7{LEFT}{LEFT}{LEFT}{RIGHT}*6\r"),
        "\r\n42\r\n",
    );
    answer(&mut terminal, &format!("1{HOME}90+\r"), "\r\n91\r\n");
    answer(&mut terminal, &format!("{UP}{UP}{UP}\r"), "\r\n25\r\n");
    answer(
        &mut terminal,
        &format!("{UP}{UP}{UP}{DOWN}{ERASE}8\r"),
        "\r\n98\r\n",
    );
    answer(&mut terminal, &format!("ascii('aé{ERASE}ü')\r"), "a\\\\xfc");
    answer(&mut terminal, "apple_pie = 31\r", "\r\n");
    answer(&mut terminal, "apple_p\t+1\r", "\r\n32\r\n");
    answer(&mut terminal, "import os, sys\r", "\r\n");
    answer(&mut terminal, "sys.maxs\t\r", "\r\n9223372036854775807\r\n");
    terminal.get_process_mut().set_window_size(47, 11).unwrap();
    answer(&mut terminal, "6*7\r", "\r\n42\r\n");
    answer(
        &mut terminal,
        "os.get_terminal_size()\r",
        "columns=47, lines=11",
    );
    terminal.send("\x04").unwrap();
    terminal.expect(Eof).unwrap();
}

/// A program that gets a paste line by line, as a discipline without echo hands them out,
/// and another one without any discipline.
const PASTED: &str = "\
import hashlib, os, termios, tty
def digest(end):
    print('ready', flush=True)
    pieces = []
    while not pieces or not pieces[-1].endswith(end):
        pieces.append(os.read(0, 4096))
    print('digest', hashlib.sha256(b''.join(pieces)).hexdigest(), flush=True)
    return all(piece.endswith(b'\\n') for piece in pieces)
mode = termios.tcgetattr(0)
mode[3] &= ~termios.ECHO
termios.tcsetattr(0, termios.TCSANOW, mode)
print('lines', digest(b'end\\n'), flush=True)
tty.setraw(0)
digest(b'end\\n')
";

fn paste() {
    use sha2::{Digest, Sha256};

    // Lines of many lengths, with characters of two bytes.
    let mut text = String::new();
    for number in 0.. {
        if text.len() >= 1 << 20 {
            break;
        }
        text.push_str(&format!("{number} ö ").repeat(1 + number % 64));
        text.push('\n');
    }
    text.push_str("end\n");
    let digest = Sha256::digest(text.as_bytes());
    let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut terminal = door(&["-c", PASTED]);
    for mode in ["lines", "raw"] {
        terminal.expect("ready").unwrap();
        terminal.send(&text).unwrap();
        terminal
            .expect(format!("digest {digest}").as_str())
            .unwrap();
        if mode == "lines" {
            terminal.expect("lines True").unwrap();
        }
    }
    terminal.expect(Eof).unwrap();
}

fn erase() {
    let mut terminal = door(&["-c", "print(ascii(input('say: ')))"]);
    terminal.expect("say: ").unwrap();
    terminal.send("aéb\x7f\x7fzü\n").unwrap();
    terminal.expect("'az\\xfc'").unwrap();
    terminal.expect(Eof).unwrap();
}
