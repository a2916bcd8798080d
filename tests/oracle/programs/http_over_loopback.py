"""An HTTP server and its clients, and XML-RPC, over loopback."""

import http.client
import http.cookies
import http.server
import json
import threading
import urllib.error
import urllib.request
import xmlrpc.client
import xmlrpc.server


class Handler(http.server.BaseHTTPRequestHandler):
    """Echoes, counts, fails and redirects."""

    protocol_version = "HTTP/1.1"

    def answer(self, status, body, **headers):
        """Send a whole answer."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if self.path == "/moved":
            self.answer(302, b"", Location="/here")
        elif self.path == "/error":
            self.answer(500, b"broken")
        elif self.path == "/large":
            self.answer(200, bytes(range(256)) * 2000)
        else:
            self.answer(200, f"GET {self.path}".encode(), X_Test="yes")

    def do_POST(self):
        data = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.answer(201, json.dumps(sorted(data)).encode(), Content_Type="application/json")

    def log_message(self, *arguments):
        pass


def requests(port):
    """Ask in several ways."""
    base = f"http://127.0.0.1:{port}"
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(base + "/path?q=1") as answer:
        print(answer.status, answer.read(), answer.headers["X-Test"])
    with opener.open(base + "/moved") as answer:
        print(answer.status, answer.read(), answer.geturl().endswith("/here"))
    with opener.open(base + "/large") as answer:
        print(len(answer.read()))
    try:
        opener.open(base + "/error")
    except urllib.error.HTTPError as error:
        print(error.code, error.read())
    request = urllib.request.Request(
        base, json.dumps([3, 1, 2]).encode(), {"Content-Type": "application/json"}
    )
    with opener.open(request) as answer:
        print(answer.status, json.load(answer))
    connection = http.client.HTTPConnection("127.0.0.1", port)
    for number in range(3):
        connection.request("GET", f"/kept-alive/{number}")
        print(connection.getresponse().read())
    connection.request("PUT", "/")
    answer = connection.getresponse()
    print(answer.status, answer.reason)
    connection.close()


def many(port):
    """Twenty at once."""
    results = []

    def ask(number):
        connection = http.client.HTTPConnection("127.0.0.1", port)
        connection.request("GET", f"/{number}")
        results.append(connection.getresponse().read())
        connection.close()

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(len(results), len(set(results)))


def procedures():
    """Remote procedure calls."""
    with xmlrpc.server.SimpleXMLRPCServer(
        ("127.0.0.1", 0), logRequests=False, allow_none=True
    ) as server:
        server.register_function(lambda a, b: a + b, "add")
        server.register_function(lambda: 1 // 0, "fail")
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        url = f"http://127.0.0.1:{server.server_address[1]}"
        with xmlrpc.client.ServerProxy(url, allow_none=True) as proxy:
            print(proxy.add(2, 3), proxy.add("a", "b"), proxy.add([1], [None]))
            try:
                proxy.fail()
            except xmlrpc.client.Fault as fault:
                print(fault.faultCode, "ZeroDivisionError" in fault.faultString)
        server.shutdown()
        thread.join()


if __name__ == "__main__":
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        serving = threading.Thread(target=httpd.serve_forever, args=(0.01,))
        serving.start()
        requests(httpd.server_port)
        many(httpd.server_port)
        httpd.shutdown()
        serving.join()
    procedures()
    cookie = http.cookies.SimpleCookie('a=1; b="two words"')
    cookie["a"]["path"] = "/x"
    print(cookie["b"].value, cookie.output())
