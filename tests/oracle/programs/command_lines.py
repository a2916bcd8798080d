"""argparse, getopt, shlex, optparse and cmd on this program's arguments."""

# oracle: argv=build --level 3 -v -v --name=kernel a.c b.c -- -x

import argparse
import cmd
import getopt
import io
import optparse
import shlex
import sys


def make_parser():
    """A parser with sub-commands, groups and types."""
    parser = argparse.ArgumentParser(prog="tool", description="a tool", color=False)
    parser.add_argument("--version", action="version", version="tool 1.0")
    commands = parser.add_subparsers(dest="command", required=True)
    build = commands.add_parser("build", help="build it", aliases=["b"], color=False)
    build.add_argument("-v", action="count", default=0, dest="verbosity")
    build.add_argument("--level", type=int, choices=range(5), default=1)
    build.add_argument("--name", metavar="NAME")
    either = build.add_mutually_exclusive_group()
    either.add_argument("--fast", action="store_true")
    either.add_argument("--small", action="store_const", const="s")
    build.add_argument("files", nargs="+")
    clean = commands.add_parser("clean", color=False)
    clean.add_argument("--all", action=argparse.BooleanOptionalAction)
    return parser


def arguments():
    """Good and bad command lines."""
    parser = make_parser()
    print(sys.argv[1:])
    print(sorted(vars(parser.parse_args(sys.argv[1:])).items()))
    print(parser.parse_args(["clean", "--no-all"]))
    print(parser.parse_known_args(["b", "x", "--unknown"])[1])
    for bad in [
        [],
        ["build"],
        ["build", "--level", "9", "x"],
        ["build", "--fast", "--small", "x"],
        ["nope"],
        ["--version"],
    ]:
        out = sys.stderr = io.StringIO()
        try:
            parser.parse_args(bad)
        except SystemExit as error:
            print(bad, error.code, out.getvalue().splitlines()[-1:])
        finally:
            sys.stderr = sys.__stderr__
    print(parser.format_help())


def others():
    """The older modules."""
    print(
        getopt.gnu_getopt(["-a", "x", "-b1", "--long=2", "--flag", "y"], "ab:", ["long=", "flag"])
    )
    try:
        getopt.getopt(["-z"], "a")
    except getopt.GetoptError as error:
        print(error)
    parser = optparse.OptionParser()
    parser.add_option("-n", type="int", default=1)
    parser.add_option("-q", action="store_false", dest="loud", default=True)
    values, rest = parser.parse_args(["-n", "5", "-q", "rest"])
    print(sorted(vars(values).items()), rest)
    print(
        shlex.split("a 'b c' \"d $e\" f\\ g # no comment", comments=True),
        shlex.quote("it's"),
        shlex.join(["a b", "c"]),
    )
    print(list(shlex.shlex("x=1; y=(2+3) 'q'", punctuation_chars=True)))


class Shell(cmd.Cmd):
    """A small interpreter of commands."""

    prompt = "> "

    def do_add(self, line):
        """Add numbers."""
        print(sum(map(int, line.split())))

    def do_quit(self, line):
        """Stop."""
        return True

    def default(self, line):
        print("unknown:", line)


if __name__ == "__main__":
    arguments()
    others()
    shell = Shell(stdin=io.StringIO("add 1 2 3\nwhat\nhelp add\nquit\n"), stdout=sys.stdout)
    shell.use_rawinput = False
    shell.cmdloop("welcome")
    print(shell.completenames("a"))
