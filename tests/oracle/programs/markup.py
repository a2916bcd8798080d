"""HTML and XML: escaping, parsing, trees, paths, writing."""

import html
import html.parser
import io
import xml.dom.minidom
import xml.etree.ElementTree as ElementTree
import xml.sax
import xml.sax.saxutils

PAGE = """<!DOCTYPE html><html><head><title>A &amp; B</title></head>
<body class="x y" data-n='1'><p>One<br/>two<!-- note --><p>&eacute;&#233;&#xe9;
<a href="/?a=1&b=2">link</a><script>if (a < b) {}</script></body></html>"""
DOCUMENT = """<?xml version="1.0"?>
<catalog xmlns:p="urn:prices">
  <book id="b1" lang="en"><title>First</title><p:price>10.5</p:price></book>
  <book id="b2"><title>Zweites &lt;Buch&gt;</title><p:price>7</p:price></book>
  <!-- a comment --><empty/><![CDATA[raw <text>]]>
</catalog>"""


class Printing(html.parser.HTMLParser):
    """Prints what it meets."""

    def handle_starttag(self, tag, attrs):
        print("<", tag, attrs)

    def handle_endtag(self, tag):
        print(">", tag)

    def handle_data(self, data):
        if data.strip():
            print("data", ascii(data.strip()))

    def handle_comment(self, data):
        print("comment", data)

    def handle_decl(self, decl):
        print("declaration", decl)


class Counting(xml.sax.ContentHandler):
    """Counts elements."""

    def __init__(self):
        super().__init__()
        self.names = []

    def startElement(self, name, attrs):
        self.names.append((name, sorted(attrs.items())))


def trees():
    """Find, change and write."""
    root = ElementTree.fromstring(DOCUMENT)
    space = {"p": "urn:prices"}
    print(
        [
            (b.get("id"), b.findtext("title"), float(b.find("p:price", space).text))
            for b in root.iterfind("book")
        ]
    )
    print(
        [e.tag for e in root.iter()],
        len(root),
        root.find("book[@lang='en']").attrib,
        root.find(".//title[.='First']").text,
    )
    new = ElementTree.SubElement(root, "book", id="b3")
    new.text, new.tail = "é & <", "\n"
    root.remove(root.find("empty"))
    for book in root.findall("book"):
        book.set("seen", "yes")
    ElementTree.indent(root)
    print(ElementTree.tostring(root, encoding="unicode"))
    print(ElementTree.canonicalize("<b z='1' a='2'><c/></b>"))
    for event, element in ElementTree.iterparse(io.StringIO("<a><b>x</b></a>"), ("start", "end")):
        print(event, element.tag, end=" ")
    print()
    for bad in ("<a>", "<a></b>", "", "<a x=1/>", "<a>&no;</a>"):
        try:
            ElementTree.fromstring(bad)
        except ElementTree.ParseError as error:
            print(repr(bad), type(error).__name__)


if __name__ == "__main__":
    print(
        html.escape("<a href='x'>&\"</a>"),
        ascii(html.unescape("&lt;&eacute;&notit;&#x1F600;&amp;amp;")),
    )
    parser = Printing()
    for start in range(0, len(PAGE), 7):
        parser.feed(PAGE[start : start + 7])
    parser.close()
    trees()
    handler = Counting()
    xml.sax.parseString(DOCUMENT.encode(), handler)
    print(handler.names, xml.sax.saxutils.quoteattr('say "x" & y'))
    dom = xml.dom.minidom.parseString("<a><b k='v'>t</b><b/></a>")
    print(
        [node.toxml() for node in dom.getElementsByTagName("b")],
        dom.documentElement.firstChild.firstChild.data,
    )
    print(dom.toprettyxml(indent=" "))
