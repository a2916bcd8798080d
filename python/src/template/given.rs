//! What the first process of a machine is given: arguments and environment, as System V's
//! initial stack has them (AMD64 supplement, 3.4.1), and whether the copy of an interpreter
//! that was started without any can do with them what they ask for.

use std::ffi::{CStr, CString, c_char};

/// What to run, in `rustpython`'s words.
pub(super) enum Mode {
    /// `-c CODE`
    Command(String),
    /// `-m MODULE`
    Module(String),
    /// `FILE`
    Script(String),
    /// The prompt, or a program on standard input.
    Prompt,
}

/// What the arguments say.
pub(super) struct Program {
    pub(super) mode: Mode,
    /// What `sys.argv` is to be.
    pub(super) arguments: Vec<String>,
}

/// Arguments and environment, in memory that stays.
pub(super) struct Given {
    arguments: Vec<&'static CStr>,
    environment: Vec<&'static CStr>,
    argv: *const *const c_char,
    envp: *const *const c_char,
}

/// Texts up to a null pointer.
///
/// # Safety
/// The array and its texts are there for ever.
unsafe fn texts(mut array: *const *const c_char) -> Vec<&'static CStr> {
    let mut texts = Vec::new();
    // SAFETY: the caller's promise; the array ends with a null.
    unsafe {
        while !(*array).is_null() {
            texts.push(CStr::from_ptr(*array));
            array = array.add(1);
        }
    }
    texts
}

impl Given {
    /// What the kernel has put at `block`: the count of arguments, pointers to them, null,
    /// pointers to the variables, null.
    ///
    /// # Safety
    /// It has, and nobody frees it.
    pub(super) unsafe fn at(block: usize) -> Self {
        let words = std::ptr::with_exposed_provenance::<usize>(block);
        // SAFETY: the caller's promise.
        unsafe {
            let argv = words.add(1).cast::<*const c_char>();
            let envp = argv.add(*words + 1);
            Self {
                arguments: texts(argv),
                environment: texts(envp),
                argv,
                envp,
            }
        }
    }

    /// The arguments as texts; None where one is no UTF-8.
    pub(super) fn arguments(&self) -> Option<Vec<String>> {
        let texts = self.arguments.iter();
        texts
            .map(|text| text.to_str().ok().map(str::to_owned))
            .collect()
    }

    /// What the arguments say; None where they have options before the program, or it is
    /// left to the interpreter to say what is wrong with them.
    pub(super) fn program(&self) -> Option<Program> {
        let mut rest = self.arguments()?;
        rest.remove(0);
        let Some(first) = rest.first().cloned() else {
            return Some(Program {
                mode: Mode::Prompt,
                arguments: rest,
            });
        };
        let mode = match first.as_str() {
            "-c" | "-m" if rest.len() < 2 => return None,
            "-c" => Mode::Command(dedent(&rest.remove(1))),
            "-m" => Mode::Module(rest.remove(1)),
            "-" => Mode::Prompt,
            option if option.starts_with('-') => return None,
            _ => Mode::Script(first),
        };
        Some(Program {
            mode,
            arguments: rest,
        })
    }

    /// Makes the environment the process's own.
    pub(super) fn take_environment(&self) {
        // SAFETY: there is one thread, and the array stays. The C library copies it before
        // it changes it.
        unsafe { environ = self.envp };
    }

    /// Starts the program in the ordinary way.
    pub(super) fn start_anew(&self) -> ! {
        // SAFETY: both arrays and their texts are there; a handler for broken pipes is none
        // of the program's.
        unsafe {
            libc::signal(libc::SIGPIPE, libc::SIG_DFL);
            libc::execve(*self.argv, self.argv, self.envp);
        }
        eprintln!("roentgen: {}", std::io::Error::last_os_error());
        // SAFETY: ends the process.
        unsafe { libc::_exit(126) }
    }
}

unsafe extern "C" {
    /// The C library's.
    static mut environ: *const *const c_char;
}

/// What an interpreter was started with, as far as it matters.
pub(super) struct Start {
    name: Option<CString>,
    environment: Vec<(Vec<u8>, Vec<u8>)>,
}

/// Variables that a start looks at, beside those of [`ALTERING_PREFIXES`].
const ALTERING: [&[u8]; 6] = [
    b"GLIBC_TUNABLES",
    b"HOME",
    b"LANG",
    b"LANGUAGE",
    b"RUST_LOG",
    b"TZ",
];

/// How names of further such variables begin.
const ALTERING_PREFIXES: [&[u8]; 3] = [b"LC_", b"PYTHON", b"RUSTPYTHON"];

/// The seed of hashes: a template has its own, unless a certain one is asked for.
const HASH_SEED: &[u8] = b"PYTHONHASHSEED";

fn alters(name: &[u8]) -> bool {
    ALTERING.contains(&name)
        || ALTERING_PREFIXES
            .iter()
            .any(|prefix| name.starts_with(prefix))
}

impl Start {
    /// This process's.
    pub(super) fn current() -> Self {
        use std::os::unix::ffi::OsStringExt;

        let name = std::env::args_os().next();
        let mut environment: Vec<(Vec<u8>, Vec<u8>)> = std::env::vars_os()
            .map(|(name, value)| (name.into_vec(), value.into_vec()))
            .filter(|(name, _)| alters(name) && name != HASH_SEED)
            .collect();
        environment.sort();
        Self {
            name: name.and_then(|name| CString::new(name.into_vec()).ok()),
            environment,
        }
    }

    /// Whether an interpreter that was started as this one is as it is where it is started
    /// with these arguments and this environment.
    pub(super) fn allows(&self, given: &Given) -> bool {
        let mut environment: Vec<(Vec<u8>, Vec<u8>)> = given
            .environment
            .iter()
            .filter_map(|variable| {
                let variable = variable.to_bytes();
                let equals = variable.iter().position(|byte| *byte == b'=')?;
                let (name, value) = variable.split_at(equals);
                alters(name).then(|| (name.to_vec(), value[1..].to_vec()))
            })
            .collect();
        environment.sort();
        given.arguments.first().copied() == self.name.as_deref() && environment == self.environment
    }
}

/// `-c`'s code without the blanks that all its lines begin with, as `textwrap.dedent` has
/// it: `rustpython::parse_opts` does the same.
fn dedent(code: &str) -> String {
    let is_blank = |c| c == ' ' || c == '\t';
    let lines = code
        .lines()
        .map(|line| if line.chars().all(is_blank) { "" } else { line });
    let common = lines
        .clone()
        .filter(|line| !line.is_empty())
        .map(|line| &line[..line.len() - line.trim_start_matches(is_blank).len()])
        .reduce(|common, blanks| {
            let same = common.bytes().zip(blanks.bytes());
            &common[..same.take_while(|(a, b)| a == b).count()]
        })
        .unwrap_or_default();
    let lines = lines.map(|line| line.strip_prefix(common).unwrap_or(line));
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::{alters, dedent};

    #[test]
    fn common_blanks_go_and_others_stay() {
        assert_eq!(dedent("print(1)"), "print(1)");
        assert_eq!(dedent("  if 1:\n    x\n\t\n  y\n"), "if 1:\n  x\n\ny");
        assert_eq!(dedent("\tx\n  y"), "\tx\n  y");
        assert_eq!(dedent("  \n\t"), "\n");
        assert_eq!(dedent(""), "");
    }

    #[test]
    fn what_a_start_looks_at_is_known_by_name() {
        for name in ["PYTHONPATH", "RUSTPYTHONPATH", "LC_ALL", "TZ", "HOME"] {
            assert!(alters(name.as_bytes()), "{name}");
        }
        for name in ["TERM", "PATH", "HOMES", "MY_PYTHON", ""] {
            assert!(!alters(name.as_bytes()), "{name}");
        }
    }
}
