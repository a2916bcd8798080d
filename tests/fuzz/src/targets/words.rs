//! The kernel's command line (`formats::cmdline`) and the file that describes the first process
//! (`formats::init_file`).

use formats::cmdline::CommandLine;
use formats::init_file;

/// Every word can be asked for.
pub fn command_line(bytes: &[u8]) {
    let line = CommandLine::parse(bytes);
    for (word, value) in line.words() {
        assert!(line.has(word) || value.is_some());
        let _ = line.value(word);
    }
}

/// Command lines as they are.
pub fn command_lines() -> Vec<Vec<u8>> {
    let lines = [
        "console=framed check=tlb,sched log=debug",
        "pcid=off  invpcid=off\tidle_poll=1000 quiet",
        "init=\"/bin/python\" flush_pages=32",
    ];
    lines.map(|line| line.as_bytes().to_vec()).to_vec()
}

/// What is accepted names a program.
pub fn first_process(bytes: &[u8]) {
    match init_file::parse(bytes) {
        Ok(file) => assert!(!file.arguments.is_empty()),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// One as `run.sh` writes it.
pub fn first_processes() -> Vec<Vec<u8>> {
    let record = "arg=/bin/python\0arg=-c\0arg=a\nb\0env=TERM=xterm\0cwd=/home/user\0\
                  stdin=tty\0stdout=pipe\0stderr=pipe\0rows=24\0cols=80\0";
    vec![record.as_bytes().to_vec()]
}
