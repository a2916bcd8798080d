"""hashlib, hmac, binascii, base64, quopri and uuencode-like text."""

import base64
import binascii
import hashlib
import hmac
import io
import quopri
import tempfile

ALGORITHMS = [
    "md5",
    "sha1",
    "sha224",
    "sha256",
    "sha384",
    "sha512",
    "sha3_224",
    "sha3_256",
    "sha3_384",
    "sha3_512",
    "blake2b",
    "blake2s",
]


def digests():
    """Digests of nothing, a little, and by pieces."""
    for name in ALGORITHMS:
        whole = hashlib.new(name, b"The quick brown fox")
        pieces = hashlib.new(name)
        for word in (b"The quick", b" brown", b" fox"):
            pieces.update(word)
        fork = pieces.copy()
        fork.update(b"!")
        print(
            name,
            whole.digest_size,
            whole.block_size,
            hashlib.new(name).hexdigest()[:16],
            whole.hexdigest()[:32],
            whole.digest() == pieces.digest(),
            fork.hexdigest()[:8],
        )
    print(hashlib.shake_128(b"x").hexdigest(20), hashlib.shake_256(b"x").hexdigest(7))
    print(hashlib.blake2b(b"m", digest_size=16, key=b"k", salt=b"s").hexdigest())
    print(hashlib.pbkdf2_hmac("sha256", b"password", b"salt", 1000).hex())
    with tempfile.TemporaryFile() as file:
        file.write(b"z" * 300_000)
        file.seek(0)
        print(hashlib.file_digest(file, "sha256").hexdigest())
    try:
        hashlib.new("no-such")
    except ValueError:
        print("unknown")


def keyed():
    """Keyed digests."""
    for name in ("md5", "sha1", "sha256", "sha512"):
        print(hmac.new(b"key", b"message", name).hexdigest())
    print(hmac.digest(b"k" * 200, b"m", "sha256").hex(), hmac.compare_digest("same", "same"))


def encodings():
    """Bytes as text."""
    data = bytes(range(0, 256, 5))
    for name in ("b16", "b32", "b32hex", "b64", "b85", "a85", "standard_b64", "urlsafe_b64"):
        encode = getattr(base64, name + "encode")
        decode = getattr(base64, name + "decode")
        text = encode(data)
        print(name, text[:40], decode(text) == data)
    print(base64.encodebytes(b"x" * 100))
    print(
        binascii.hexlify(data[:8], "-"),
        binascii.unhexlify("00ff"),
        binascii.crc32(data),
        binascii.crc_hqx(data, 0),
    )
    print(binascii.b2a_uu(b"uuencoded text"), binascii.a2b_uu(b"#0V%T\n"))
    print(binascii.b2a_base64(b"nl", newline=False), bytes.fromhex("de ad BE ef"))
    for call in (
        lambda: base64.b64decode("abc"),
        lambda: binascii.unhexlify("0"),
        lambda: base64.b32decode("1"),
        lambda: base64.b64decode("a$b=", validate=True),
    ):
        try:
            call()
        except (binascii.Error, ValueError):
            print("refused")


def quoted_printable():
    """Text for old mail."""
    text = "naïve = café \n trailing \t\n" + "long " * 30
    packed = quopri.encodestring(text.encode())
    print(packed.decode("ascii"), quopri.decodestring(packed).decode() == text)
    out = io.BytesIO()
    quopri.encode(io.BytesIO(b"a b\tc=\n"), out, quotetabs=True)
    print(out.getvalue())


if __name__ == "__main__":
    digests()
    keyed()
    encodings()
    quoted_printable()
