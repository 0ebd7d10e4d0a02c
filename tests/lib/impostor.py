"""A server that speaks as much MySQL as a login needs, under a certificate of its own, and then asks the client for a file."""
import contextlib
import datetime
import socket
import ssl
import struct
import threading

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

OK = b"\0\0\0\2\0\0\0"
FULL_AUTHENTICATION = b"\1\4"
CAPABILITIES = 0xdfffffff & ~0x20 & ~(1 << 26)  # no compression
LOCAL_FILES = 0x80


def certificate(folder):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "impostor")])
    now = datetime.datetime.now(datetime.UTC)
    made = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
            .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1)).sign(key, hashes.SHA256()))
    path = folder / "impostor.pem"
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM) + key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    return path


class Impostor:
    """files: what the clients sent of the file that they were asked for; asked: how many were."""

    def __init__(self, address, folder, wanted):
        self.wanted, self.files, self.asked = str(wanted).encode(), [], 0
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate(folder))
        self.listener = socket.create_server(address)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                client = self.listener.accept()[0]
                threading.Thread(target=self.quietly, args=(client,), daemon=True).start()

    def quietly(self, client):
        with contextlib.suppress(OSError, EOFError):
            self.serve(client)

    def serve(self, client):
        send(client, 0, b"\x0a9.7.0\0" + struct.pack("<I", 7) + b"A" * 8 + b"\0" + struct.pack(
            "<HBHH", CAPABILITIES & 0xffff, 255, 2, CAPABILITIES >> 16) + b"\x15" + b"\0" * 10 + b"A" * 12
             + b"\0caching_sha2_password\0")
        receive(client)
        client = self.context.wrap_socket(client, server_side=True)
        number, _ = receive(client)
        send(client, number + 1, FULL_AUTHENTICATION)
        number, _ = receive(client)
        send(client, number + 1, OK)
        number, _ = receive(client)
        self.asked += 1
        send(client, number + 1, b"\xfb" + self.wanted)
        sent = b""
        while True:
            number, packet = receive(client)
            if not packet:
                break
            sent += packet
        self.files.append(sent)
        send(client, number + 1, OK)

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)  # wakes accept(), which would hold the port
        self.listener.close()


def send(client, number, payload):
    client.sendall(struct.pack("<I", len(payload))[:3] + bytes([number]) + payload)


def exactly(client, size):
    found = b""
    while len(found) < size:
        part = client.recv(size - len(found))
        if not part:
            raise EOFError
        found += part
    return found


def receive(client):
    head = exactly(client, 4)
    return head[3], exactly(client, head[0] | head[1] << 8 | head[2] << 16)
