"""ast, inspect, tokenize, symtable, code, codeop and compile."""

import ast
import code
import codeop
import contextlib
import inspect
import io
import keyword
import symtable
import tokenize

SOURCE = '''\
@decorated(1)
def f(a, /, b: int = 2, *args, c, **kw) -> str:
    """Doc."""
    global g
    g = [x * y for x in a if x] + {1: lambda: b}[1]()
    with open(a) as h, h:
        async def inner():
            nonlocal b
            b = await a
    return f"{a!r:>{b}} {c=}"
match v:
    case [1, *rest] | {"k": C(x=1)}:
        pass
try:
    x: int = 1
except* E as e:
    del e
'''


def trees():
    """Parse, walk, change, write back."""
    tree = ast.parse(SOURCE)
    counts = {}
    for node in ast.walk(tree):
        name = type(node).__name__
        counts[name] = counts.get(name, 0) + 1
    print(sorted(counts.items()))
    print(ast.unparse(tree))
    print(ast.dump(ast.parse("a.b[1:2] = -c ** 2 if d else 'e'", mode="exec")))
    print(ast.literal_eval("{'a': [1, (2.5, None)], b'x': {1}}"))

    class Double(ast.NodeTransformer):
        def visit_Constant(self, node):
            return ast.Constant(node.value * 2)

    changed = ast.fix_missing_locations(Double().visit(ast.parse("3 + len('ab')", mode="eval")))
    print(eval(compile(changed, "<tree>", "eval")))
    try:
        ast.literal_eval("__import__('os')")
    except ValueError as error:
        print(type(error).__name__)


def function(a, /, b: int = 2, *args, c=None, **keywords) -> str:
    """Say what it was given."""
    # A comment inside.
    return f"{a} {b} {args} {c} {keywords}"


def inspection():
    """Signatures, sources, frames."""
    signature = inspect.signature(function)
    print(signature, [p.kind.name for p in signature.parameters.values()])
    bound = signature.bind(1, 2, 3, c=4, d=5)
    bound.apply_defaults()
    print(bound.arguments, inspect.getdoc(function), inspect.isfunction(function))
    print(
        inspect.getsource(function).splitlines()[2].strip(),
        inspect.getmodule(function).__name__,
        inspect.currentframe().f_code.co_name,
    )
    try:
        signature.bind()
    except TypeError as error:
        print(error)
    print(
        [name for name, _ in inspect.getmembers(ast.Name(), inspect.ismethod)][:2],
        function.__code__.co_argcount,
        function.__defaults__,
        function.__kwdefaults__,
    )


def tokens():
    """Tokens and names."""
    for token in tokenize.generate_tokens(io.StringIO("x = f(1.5, 'a') # c\n").readline):
        print(tokenize.tok_name[token.exact_type], repr(token.string), token.start)
    print(keyword.iskeyword("while"), keyword.issoftkeyword("match"))
    table = symtable.symtable("def f(a):\n  global g\n  b = a + g + h\n", "s", "exec")
    inner = table.get_children()[0]
    print(
        sorted(
            (s.get_name(), s.is_parameter(), s.is_global(), s.is_local())
            for s in inner.get_symbols()
        )
    )


def interactive():
    """An interpreter inside."""
    for source in ("x = 1", "if x:", "x = (", "if x:\n  y = 2\n", "1 +"):
        try:
            print(repr(source), codeop.compile_command(source) is not None)
        except SyntaxError:
            print(repr(source), "SyntaxError")
    console = code.InteractiveConsole({"v": 20})
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()):
        more = [
            console.push(line)
            for line in ("v + 1", "for i in range(2):", "    print(i)", "", "1/0", "v")
        ]
    print(more, out.getvalue().split())
    namespace = {}
    exec("def g(n):\n    return n and n * g(n - 1) or 1", namespace)
    print(namespace["g"](10), eval("a + b", {"a": 1}, {"b": 2}))


if __name__ == "__main__":
    trees()
    inspection()
    tokens()
    interactive()
