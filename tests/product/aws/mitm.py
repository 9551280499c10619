"""What a real AWS would be to a client: a proxy that answers for every host, with certificates of
its own authority, and writes down what reaches it: `CONNECT host`, then `REQUEST ...` if the client
trusted it enough to speak. Usage: mitm.py certificate key log; prints its port."""

import socket
import ssl
import sys
import threading

certificate, key, log = sys.argv[1:]
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate, key)
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)


def note(line):
    with open(log, "a") as out:
        out.write(line + "\n")


def serve(client):
    try:
        head = client.recv(4096).decode("latin-1").split()
        note(" ".join(head[:2]))
        if head[0] != "CONNECT":
            return
        client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        with context.wrap_socket(client, server_side=True) as trusted:
            said = trusted.recv(4096).decode("latin-1").split("\r\n")[0]
            note("REQUEST " + said)
            trusted.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
    except (OSError, IndexError):
        pass
    finally:
        client.close()


while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
