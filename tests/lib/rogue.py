"""A server that is nobody's: it takes a MySQL server's name on the network, shows a certificate of its own making, asks for
the password in clear text and writes down what it hears. A program for a container of the workshop's image, and `rogue()`
to run it there."""
import asyncio
import contextlib
import datetime
import json
import os
import pathlib
import ssl
import struct
import tempfile

CAPABILITIES = 0x00000001 | 0x00000200 | 0x00000800 | 0x00002000 | 0x00008000 | 0x00080000 | 0x00200000
SSL_REQUEST_BYTES = 32
NONCE = b"relevo-rogue-nonce-1"
FULL_AUTHENTICATION = b"\x01\x04"
DENIED = b"\xff" + struct.pack("<H", 1045) + b"#28000" + b"thank you"


def tell(**what):
    print(json.dumps(what), flush=True)


def context(name):
    """TLS with a certificate for that very name, signed by itself."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.timezone.utc)
    made = (x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
            .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=30))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), False).sign(key, hashes.SHA256()))
    pem = made.public_bytes(serialization.Encoding.PEM) + key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    with tempfile.NamedTemporaryFile() as file:
        file.write(pem)
        file.flush()
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(file.name)
    return tls


async def packet(reader):
    head = await reader.readexactly(4)
    return head[3], await reader.readexactly(int.from_bytes(head[:3], "little"))


def answer(writer, sequence, payload):
    writer.write(len(payload).to_bytes(3, "little") + bytes([sequence]) + payload)


async def converse(reader, writer, tls):
    greeting = (b"\x0a9.7.4\0" + struct.pack("<I", 7) + NONCE[:8] + b"\0"
                + struct.pack("<HBHH", CAPABILITIES & 0xFFFF, 255, 2, CAPABILITIES >> 16)
                + bytes([len(NONCE) + 1]) + bytes(10) + NONCE[8:] + b"\0caching_sha2_password\0")
    answer(writer, 0, greeting)
    await writer.drain()
    _, hello = await packet(reader)
    if len(hello) != SSL_REQUEST_BYTES:
        tell(met="in clear")
        return
    tell(met="asks for TLS")
    await writer.start_tls(tls)
    sequence, login = await packet(reader)
    user = login[32:login.index(b"\0", 32)].decode()
    answer(writer, sequence + 1, FULL_AUTHENTICATION)
    await writer.drain()
    sequence, heard = await packet(reader)
    tell(user=user, password=heard.rstrip(b"\0").decode())
    answer(writer, sequence + 1, DENIED)
    await writer.drain()


async def serve(name):
    tls = context(name)

    async def meet(reader, writer):
        with contextlib.suppress(OSError, EOFError, ssl.SSLError):
            await converse(reader, writer, tls)
        writer.close()
    async with await asyncio.start_server(meet, "0.0.0.0", 3306) as server:
        await server.serve_forever()


class Rogue:
    """It runs in a container, on that network, under that name."""

    CONTAINER = "relevo-test-rogue"

    def __init__(self, network, name):
        from .run import DEV_IMAGE, sh
        self.forget()
        sh("docker", "run", "-d", "--name", self.CONTAINER, "--network", network, "--network-alias", name,
           "-e", f"ROGUE_NAME={name}", "-v", f"{pathlib.Path(__file__).resolve()}:/rogue.py:ro", DEV_IMAGE,
           "python3", "/rogue.py")

    def heard(self):
        """What it wrote down, in order: {met: ...} of whoever connected, {user, password} of whoever told it."""
        from .run import sh
        return [json.loads(line) for line in sh("docker", "logs", self.CONTAINER).splitlines()]

    def forget(self):
        from .run import sh_result
        sh_result("docker", "rm", "-f", self.CONTAINER)


@contextlib.contextmanager
def rogue(network, name):
    it = Rogue(network, name)
    try:
        yield it
    finally:
        it.forget()


if __name__ == "__main__":
    asyncio.run(serve(os.environ["ROGUE_NAME"]))
