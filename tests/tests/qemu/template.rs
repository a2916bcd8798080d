//! The interpreter's saved template: a machine that boots with it starts no interpreter, a
//! program in it sees what it sees without, and one that does not fit is not used.

use tests::build::template::{self, PATH};
use tests::build::{self};
use tests::machine::{Hardware, Machine, Output};
use tests::suite::Tier;

use crate::common::{LIMIT, finished, printed};

/// The programs that the machine began: none, or the interpreter.
const STARTS: &str = "import _roentgen
starts = dict(line.split() for line in _roentgen.counters().splitlines()).get('execve', '0')
";

/// All that a program can see of how it was started.
const ABOUT: &str = "import os, signal, sys, threading
main = sys.modules['__main__']
print(__name__, sorted(vars(main)), repr(getattr(main, '__file__', None)))
print(sys.argv, sys.orig_argv, sys.executable, sys.path, sys.flags, sys.warnoptions)
print(sorted(os.environ.items()), os.environb[b'HOME'], os.getcwd(), os.getpid(), os.getppid())
for name in ['stdin', 'stdout', 'stderr']:
    stream = getattr(sys, name)
    print(stream, stream.isatty(), stream.line_buffering, stream.write_through, stream.errors)
    print(stream is getattr(sys, f'__{name}__'), stream.fileno(), stream.newlines)
for name in ['cmdline', 'environ', 'comm', 'auxv']:
    with open(f'/proc/self/{name}', 'rb') as file:
        content = file.read()
    print(name, content if name != 'auxv' else len(content))
print(os.listdir('/proc/self/fd'), os.readlink('/proc/self/exe'), os.getpgid(0), os.getsid(0))
print([signal.getsignal(number) for number in range(1, 65) if number not in (32, 33)])
print(signal.pthread_sigmask(signal.SIG_BLOCK, []), threading.active_count())
main_thread = threading.main_thread()
print(main_thread.name, main_thread.ident == threading.get_ident(), threading.get_native_id())
print(sys.getrecursionlimit())
with open('/proc/self/status') as file:
    print([line for line in file if line.startswith(('Sig', 'Shd', 'Threads', 'Name', 'Pid'))])
caller = sys._getframe().f_back
print(caller and caller.f_code.co_qualname, sys.stdin.read() if not sys.stdin.closed else None)
";

fn booted() -> Machine {
    Machine::new().without_python_variables().timeout(LIMIT)
}

fn code(text: &str) -> Machine {
    booted().python(["-c", text])
}

/// Both with the template and without; what the first one printed.
fn same(machine: impl Fn() -> Machine) -> Output {
    let with = finished(machine().with_template());
    let without = finished(machine());
    assert!(
        with.log_text()
            .contains("a saved template is there, and fits"),
        "{}",
        with.log_text()
    );
    assert_eq!(with.stdout_text(), without.stdout_text());
    assert_eq!(with.stderr_text(), without.stderr_text());
    assert_eq!(with.outcome, without.outcome);
    with
}

pub fn add(tier: Tier) -> Tier {
    tier.test("template: the first line needs no execve", || {
        let text = format!("{STARTS}print(starts)");
        assert_eq!(printed(code(&text).with_template()), "0\n");
        assert_eq!(printed(code(&text)), "1\n");
    })
    .test("template: a program sees what it sees without", || {
        let about = same(|| {
            code(ABOUT)
                .python(["-c", ABOUT, "an argument", "-x", "--", "ü"])
                .environment("MINE", "a=b")
                .stdin(*b"in\n")
        });
        assert!(
            about
                .stdout_text()
                .contains("'an argument', '-x', '--', 'ü'")
        );
    })
    .test(
        "template: files, modules and standard input run as without",
        || {
            let with_files = || {
                booted()
                    .file("/home/user/about.py", 0o644, ABOUT)
                    .file("/home/user/tree/__main__.py", 0o644, ABOUT)
                    .file("/home/user/random.py", 0o644, "print('not the library')")
            };
            same(|| with_files().python(["about.py", "x"]));
            same(|| with_files().python(["/home/user/tree"]));
            same(|| with_files().python(["-m", "about", "-m"]));
            same(|| {
                with_files().python(["-c", "import random, sys; print(random.__file__, sys.path)"])
            });
            same(|| booted().stdin(*b"import sys\nprint(sys.argv, __name__)\n"));
            same(|| {
                booted()
                    .python(["-", "x"])
                    .stdin(*b"import sys\nprint(sys.argv)\n")
            });
        },
    )
    .test("template: programs end as without", || {
        let ends = "  import atexit, os, sys
  atexit.register(print, 'last')
  if len(sys.argv) > 1:
    sys.exit(3)
  print('no newline', end='')
  def f():
    1 / 0
  f()";
        same(|| code(ends));
        same(|| booted().python(["-c", ends, "x"]));
        same(|| code("import os; os.kill(os.getpid(), 9)"));
        same(|| booted().python(["missing.py"]));
        same(|| booted().python(["-c", "("]));
    })
    .test("template: what it cannot do starts anew", || {
        let starts = |machine: Machine| printed(machine.with_template());
        let text = format!("{STARTS}import sys\nprint(starts, sys.flags.optimize, hash('a'))");
        let given = code(&text).environment("PYTHONHASHSEED", "5");
        assert_eq!(
            starts(given),
            printed(code(&text).environment("PYTHONHASHSEED", "5"))
        );
        let text = format!("{STARTS}import sys\nprint(starts, sys.flags.optimize)");
        assert_eq!(starts(booted().python(["-O", "-c", &text])), "1 1\n");
        assert_eq!(
            starts(code(&text).environment("PYTHONOPTIMIZE", "2")),
            "1 2\n"
        );
        assert_eq!(starts(code(&text).environment("HOME", "/tmp")), "1 0\n");
        assert_eq!(starts(code(&text).environment("TZ", "UTC-1")), "1 0\n");
        assert_eq!(starts(code(&text).no_environment()), "1 0\n");
        let version = finished(booted().python(["-V"]).with_template());
        assert!(version.stdout_text().starts_with("Python 3."));
    })
    .test(
        "template: boots differ in random numbers, and agree on the time",
        || {
            let text = "import random, tempfile, time, uuid, os
print(random.random(), random.Random().random(), uuid.uuid4(), os.urandom(8), tempfile.mktemp())
print(0 < time.monotonic() < 100, 0 < time.process_time() < 10)
print(0 < time.clock_gettime(time.CLOCK_BOOTTIME) < 100, time.time())";
            let [first, second] = [(); 2].map(|()| printed(code(text).with_template()));
            let words = |text: &str| {
                text.lines()
                    .next()
                    .unwrap()
                    .split(' ')
                    .map(str::to_owned)
                    .collect::<Vec<_>>()
            };
            for (first, second) in words(&first).iter().zip(words(&second)) {
                assert_ne!(*first, second);
            }
            let now = std::time::SystemTime::UNIX_EPOCH
                .elapsed()
                .unwrap()
                .as_secs_f64();
            for text in [first, second] {
                assert!(text.contains("True True\nTrue "), "{text}");
                let told: f64 = text.trim().rsplit(' ').next().unwrap().parse().unwrap();
                assert!((now - told).abs() < 100.0, "{told} is not {now}");
            }
        },
    )
    .test("template: processes are spawned from it", || {
        let text = format!(
            "import os, random, sys, roentgen
{STARTS}os.environ['MINE'] = 'x'
def about():
    return os.getpid(), random.random(), os.environ['MINE'], sys.argv
with roentgen.spawn(about) as one, roentgen.spawn(about) as other:
    one, other = one.result(), other.result()
{STARTS}print(starts, one[:2] != other[:2], one[2:] == other[2:] == ('x', ['-c']))"
        );
        assert_eq!(printed(code(&text).with_template()), "0 True True\n");
    })
    .test(
        "template: one that is damaged is refused, and the program runs",
        || {
            let whole = current(&Hardware::default());
            let head = u64::from_le_bytes(whole[32..40].try_into().unwrap()) as usize;
            let flipped = |at: usize| {
                let mut template = whole.clone();
                template[at] ^= 1;
                template
            };
            let cases = [
                (flipped(0), "it is no saved template"),
                (flipped(8), "it has version 0, not 1"),
                (flipped(48), "its head is damaged"),
                (flipped(head - 1), "its head is damaged"),
                (flipped(head), "its pages are damaged"),
                (flipped(whole.len() - 1), "its pages are damaged"),
                (whole[..whole.len() - 4096].to_vec(), "its length is wrong"),
                (whole[..4096].to_vec(), "its length is wrong"),
                (
                    whole[..100].to_vec(),
                    "it is not in the boot archive as it should be",
                ),
            ];
            for (template, reason) in cases {
                refused("/bin/python", template, reason);
            }
        },
    )
    .test(
        "template: one of another machine or program is refused",
        || {
            let other_cores = Hardware {
                cores: Hardware::default().cores + 1,
                ..Hardware::default()
            };
            let reason = format!(
                "it was made for {} core(s), and here are {}",
                other_cores.cores,
                Hardware::default().cores
            );
            refused("/bin/python", current(&other_cores), &reason);
            let template = current(&Hardware::default());
            let text = format!("{STARTS}print(starts)");
            let other_cpu = code(&text).file(PATH, 0o444, template.clone());
            complains(other_cpu.cpu("max,-rdrand"), "it was made for another CPU");
            // The linker's hash of the program, in its first page.
            let mut python = std::fs::read(build::images().unwrap().python).unwrap();
            let note = b"\x14\0\0\0\x03\0\0\0GNU\0";
            let at = python
                .windows(note.len())
                .position(|bytes| bytes == note)
                .unwrap();
            assert!(at < 4096 - 32);
            python[at + note.len()] ^= 1;
            let machine = code(&text).file("/bin/other", 0o755, python).file(
                "/bin/other.template",
                0o444,
                template,
            );
            complains(
                machine.execute(["/bin/other", "-c", &text]),
                "it was made for another program",
            );
        },
    )
}

fn current(hardware: &Hardware) -> Vec<u8> {
    template::current(&build::images().unwrap(), hardware)
        .unwrap()
        .expect("a template is made")
}

fn refused(program: &str, template: Vec<u8>, reason: &str) {
    let text = format!("{STARTS}print(starts)");
    let machine = code(&text).file(&format!("{program}.template"), 0o444, template);
    complains(machine, reason);
}

/// The program runs in an interpreter that was started, after a line that says why.
fn complains(machine: Machine, reason: &str) {
    let output = finished(machine);
    assert_eq!(output.stdout_text(), "1\n", "{reason}");
    let errors = output.stderr_text();
    assert!(errors.starts_with("roentgen: /bin/"), "{errors}");
    let line = format!(" starts without its saved template: {reason}\n");
    assert!(errors.ends_with(&line), "{errors}");
    assert_eq!(errors.lines().count(), 1, "{errors}");
}
