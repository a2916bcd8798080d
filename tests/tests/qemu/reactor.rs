//! Twisted, unmodified, with packages that `run.sh --with` fetches; its reactor and asyncio's loop
//! on one object of the kernel. The loop by itself is a program of tier `oracle`.

use tests::build;
use tests::machine::Machine;
use tests::project;
use tests::requirements::Requirements;
use tests::share::Tree;
use tests::suite::Tier;

use crate::common::{LIMIT, printed};

/// The version that is tested.
const TWISTED: &str = "twisted==26.10.0";

/// Waits for a channel, a child that nobody told of, and a clock; and counts its waits.
const WAITS: &str = "\
import os, sys, roentgen, roentgen.twisted_reactor
roentgen.twisted_reactor.install()
from twisted.internet import defer, error, reactor, task
from roentgen.twisted_reactor import receive, watch
try: roentgen.twisted_reactor.install()
except error.ReactorAlreadyInstalledError: print('one reactor')
def answer(channel): channel.send('an answer')
@defer.inlineCallbacks
def main(reactor):
    channel = roentgen.Channel(1)
    process = roentgen.spawn(answer, channel)
    print((yield receive(channel)))
    ended = defer.Deferred()
    end = watch(process.sentinel, lambda: (reactor.removeReader(end), ended.callback(process.result())))
    print((yield ended))
    before, begin = reactor.waits, reactor.seconds()
    yield task.deferLater(reactor, 0.2, lambda: None)
    print(reactor.waits - before < 5, 0.2 <= reactor.seconds() - begin < 5)
    cancelled = receive(channel)
    cancelled.addErrback(lambda failure: failure.type.__name__)
    cancelled.cancel()
    print((yield cancelled))
    waiting = receive(channel.receiver)
    waiting.addErrback(lambda failure: failure.type.__name__)
    channel.close()
    print((yield waiting))
task.react(main)
";

pub fn add(tier: Tier) -> Tier {
    tier.test(
        "reactor: Twisted's servers, clients, threads and processes run on it",
        || {
            let path = project::root().join("examples/twisted_echo.py");
            let example = std::fs::read(path).unwrap();
            let machine = with_twisted()
                .file("/home/user/twisted_echo.py", 0o644, example)
                .python(["twisted_echo.py", "2"]);
            let expected = "\
reactor RoentgenReactor
tcp; hello from client 0; hello from client 1
unix; hello from client 0; hello from client 1
a thread answered True
from a process 0
the clock ticked True
";
            assert_eq!(printed(machine), expected);
        },
    )
    .test(
        "reactor: channels, processes and clocks wake it, and nothing else does",
        || {
            let expected =
                "one reactor\nan answer\nNone\nTrue True\nCancelledError\nChannelClosed\n";
            assert_eq!(printed(with_twisted().python(["-c", WAITS])), expected);
        },
    )
}

fn with_twisted() -> Machine {
    let python = build::images().unwrap().python;
    let requirements = Requirements {
        names: vec![TWISTED.to_owned()],
        files: Vec::new(),
    };
    let mut tree = Tree::default();
    requirements.add(&python, &mut tree).unwrap();
    Machine::new()
        .tree(tree)
        .without_python_variables()
        .with_template()
        .timeout(LIMIT)
}
