//! The targets: what is parsed, what must hold of the result, and sound inputs to begin with.

mod archive;
mod channel;
mod firmware;
mod frames;
mod network;
mod policy;
mod program;
mod template;
mod terminal;
mod words;

/// One parser.
pub struct Target {
    /// Its name.
    pub name: &'static str,
    /// Parses any bytes, and panics where a promise is not kept.
    pub run: fn(&[u8]),
    /// Sound inputs.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// All of them.
pub const ALL: &[Target] = &[
    Target {
        name: "elf",
        run: program::run,
        seeds: program::seeds,
    },
    Target {
        name: "cpio",
        run: archive::run,
        seeds: archive::seeds,
    },
    Target {
        name: "acpi",
        run: firmware::run,
        seeds: firmware::seeds,
    },
    Target {
        name: "command-line",
        run: words::command_line,
        seeds: words::command_lines,
    },
    Target {
        name: "first-process",
        run: words::first_process,
        seeds: words::first_processes,
    },
    Target {
        name: "template",
        run: template::run,
        seeds: template::seeds,
    },
    Target {
        name: "terminal",
        run: terminal::run,
        seeds: terminal::seeds,
    },
    Target {
        name: "frames",
        run: frames::run,
        seeds: frames::seeds,
    },
    Target {
        name: "netlink",
        run: network::run,
        seeds: network::seeds,
    },
    Target {
        name: "channel",
        run: channel::run,
        seeds: channel::seeds,
    },
    Target {
        name: "policy",
        run: policy::run,
        seeds: policy::seeds,
    },
];
