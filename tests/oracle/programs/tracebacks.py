"""Exceptions: chains, groups, notes, and their printed form."""

import contextlib
import io
import linecache
import sys
import traceback
import warnings


def failing(value):
    """Fail below."""
    return {}[value]


def chained():
    """Causes and contexts."""
    try:
        try:
            failing("key")
        except KeyError as error:
            raise ValueError("outer") from error
    except ValueError as error:
        print(type(error.__cause__).__name__, error.__suppress_context__)
        show(error)
    try:
        try:
            1 / 0
        finally:
            failing("again")
    except KeyError as error:
        print(type(error.__context__).__name__)


def show(error):
    """Print a traceback without the paths."""
    for line in traceback.format_exception(error):
        for part in line.splitlines():
            if "File" in part:
                part = "  in " + part.rpartition(" in ")[2]
            if part.strip(" ~^"):
                print("|", part)


def groups():
    """Exception groups are taken apart."""
    group = ExceptionGroup(
        "several",
        [ValueError(1), TypeError("t"), ExceptionGroup("inner", [ValueError(2), OSError()])],
    )
    try:
        raise group
    except* ValueError as values:
        print("values", [e.args for e in values.exceptions], values.message)
    except* (TypeError, OSError) as rest:
        print("rest", len(rest.exceptions))
    matched, others = group.split(OSError)
    print(matched, "|", others.subgroup(TypeError))


def frames():
    """What a traceback knows."""
    try:
        failing(3)
    except KeyError:
        kind, value, trace = sys.exc_info()
        stack = traceback.extract_tb(trace)
        print([(frame.name, frame.line) for frame in stack], kind.__name__)
        inner = trace.tb_next.tb_frame
        print(inner.f_locals, inner.f_code.co_name, trace.tb_next.tb_lineno > 0)
        summary = traceback.TracebackException(kind, value, trace)
        print(list(summary.format_exception_only()))
    print(len(traceback.extract_stack()), linecache.getline(__file__, 1).strip())


class Custom(Exception):
    """An exception with fields."""

    def __init__(self, code, **details):
        super().__init__(code)
        self.code, self.details = code, details

    def __str__(self):
        return f"code {self.code} {self.details}"


def flow():
    """else, finally, nested, re-raised."""
    for value in (0, 1, "x"):
        try:
            result = 10 / value
        except ZeroDivisionError:
            print("zero")
        except TypeError as error:
            print(error)
        else:
            print("else", result)
        finally:
            print("finally")
    with contextlib.suppress(Custom):
        raise Custom(5, a=1)
    try:
        raise Custom(7, b=2)
    except Custom as error:
        error.add_note("a note")
        print(repr(error), error, error.__notes__)
    out = io.StringIO()
    with contextlib.redirect_stderr(out), warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("careful", UserWarning)
    print(out.getvalue().partition("UserWarning")[2].splitlines()[0])
    for source in ("x = (", "1 = x", "def f(:\n", "return 1", "for", "'abc"):
        try:
            compile(source, "<source>", "exec")
        except SyntaxError as error:
            print(repr(source), type(error).__name__, error.lineno)


if __name__ == "__main__":
    chained()
    groups()
    frames()
    flow()
