"""urllib.parse, email, mimetypes, uuid, ipaddress."""

import email
import email.header
import email.message
import email.policy
import email.utils
import ipaddress
import mimetypes
import urllib.parse
import uuid


def urls():
    """Split, join, quote."""
    parts = urllib.parse.urlsplit("HTTPS://user:pw@Example.com:8443/a/b;c?q=1&q=2#top")
    print(parts, parts.hostname, parts.port, parts.username)
    for relative in ("g", "../g", "/g", "?y", "#s", "//h/x", "../../../g", ""):
        print(urllib.parse.urljoin("http://a/b/c/d?q", relative), end=" ")
    print()
    print(
        urllib.parse.quote("a b/é?&"),
        urllib.parse.quote_plus("a b&c"),
        urllib.parse.unquote("%C3%A9%20%zz"),
        urllib.parse.urlencode({"k": ["v1", "v 2"], "é": 1}, doseq=True),
    )
    print(
        urllib.parse.parse_qs("a=1&a=2&b=&c", keep_blank_values=True),
        urllib.parse.parse_qsl("x=%31+2"),
        urllib.parse.urldefrag("u#f").fragment,
    )


def mail():
    """Make a message, take it apart."""
    message = email.message.EmailMessage()
    message["Subject"] = "Grüße und ein sehr langer Betreff, der umbrochen werden muss"
    message["From"] = "Ann Example <ann@example.org>"
    message["To"] = "bob@example.org, Łukasz <l@example.org>"
    message.set_content("Plain text with é.\n")
    message.add_alternative("<p>HTML</p>", subtype="html")
    message.add_attachment(
        bytes(range(20)), maintype="application", subtype="octet-stream", filename="data.bin"
    )
    message.set_boundary("outer-boundary")
    next(message.iter_parts()).set_boundary("inner-boundary")
    text = message.as_bytes(policy=email.policy.SMTP)
    print(text.decode())
    back = email.message_from_bytes(text, policy=email.policy.default)
    print(
        ascii(back["subject"]),
        [a.display_name for a in back["to"].addresses][1] == "Łukasz",
        [part.get_content_type() for part in back.walk()],
    )
    for part in back.iter_attachments():
        print(part.get_filename(), part.get_content())
    print(back.get_body(("plain",)).get_content(), end="")
    old = email.message_from_string("A: 1\nB: =?utf-8?q?=C3=A9?=\n x\n\nbody\n")
    print(
        old.items(),
        ascii(str(email.header.make_header(email.header.decode_header(old["B"])))),
        old.get_payload(),
    )
    print(
        email.utils.parseaddr("Name (comment) <a@b>"),
        email.utils.formataddr(("A, B", "c@d")),
        email.utils.parsedate_tz("Mon, 20 Nov 1995 19:12:08 -0500"),
        email.utils.formatdate(0),
    )


def identifiers():
    """UUIDs of every version."""
    print(
        uuid.uuid3(uuid.NAMESPACE_DNS, "python.org"),
        uuid.uuid5(uuid.NAMESPACE_URL, "http://python.org/"),
    )
    value = uuid.UUID("{12345678-1234-5678-1234-567812345678}")
    print(
        value.hex,
        value.int,
        value.fields,
        value.variant,
        value.urn,
        uuid.UUID(bytes_le=value.bytes_le) == value,
    )
    print(uuid.uuid4().version, uuid.uuid1().version, len({uuid.uuid4() for _ in range(100)}))


def addresses():
    """Networks."""
    network = ipaddress.ip_network("192.168.4.0/22")
    print(
        network.num_addresses,
        network.netmask,
        network.broadcast_address,
        ipaddress.ip_address("192.168.7.1") in network,
        [str(n) for n in network.subnets(new_prefix=24)],
    )
    six = ipaddress.ip_address("2001:db8::ff00:42:8329")
    print(
        six.exploded,
        six.is_global,
        six.reverse_pointer,
        int(six) % 1000,
        ipaddress.ip_address("::ffff:1.2.3.4").ipv4_mapped,
    )
    print(
        list(
            ipaddress.summarize_address_range(
                ipaddress.ip_address("10.0.0.1"), ipaddress.ip_address("10.0.0.6")
            )
        )
    )
    for bad in ("256.1.1.1", "1.2.3", "::1::", "10.0.0.1/8"):
        try:
            ipaddress.ip_network(bad)
        except ValueError as error:
            print(type(error).__name__, error)


if __name__ == "__main__":
    urls()
    mail()
    identifiers()
    addresses()
    types = mimetypes.MimeTypes()
    print(
        [types.guess_type(name) for name in ("a.html", "b.tar.gz", "c.png", "d.xyzzy")],
        types.guess_extension("text/plain"),
    )
