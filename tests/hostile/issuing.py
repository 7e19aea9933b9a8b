"""What the hostile CA issues with: keys, its own HTTPS certificates, and certificates good and bad, all by openssl(1)."""

import pathlib
import subprocess
import tempfile

HOST = "ca.lab.example"

CONFIGURATION = """
[ca]
default_ca = here
[here]
database = {folder}/index
new_certs_dir = {folder}
default_md = sha256
policy = any
copy_extensions = {copy}
{extensions}
rand_serial = yes
unique_subject = no
[any]
commonName = optional
[names]
subjectAltName = {names}
"""


def openssl(*arguments, stdin=None):
    command = ["openssl", *map(str, arguments)]
    return subprocess.run(command, input=stdin, capture_output=True, check=True).stdout


def make_root(folder: pathlib.Path, name: str):
    """NAME.key and NAME.pem, good for signing."""
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", 30,
            "-subj", f"/CN=Hostile {name}", "-keyout", folder / f"{name}.key", "-out", folder / f"{name}.pem")


def sign(folder: pathlib.Path, csr: bytes, *, root="root", names=None, since="20240101000000Z", until="20490101000000Z"):
    """The certificate in PEM for a CSR in DER, with the names of the CSR or others."""
    with tempfile.TemporaryDirectory() as scratch:
        (pathlib.Path(scratch) / "index").touch()
        configuration = pathlib.Path(scratch) / "configuration"
        configuration.write_text(CONFIGURATION.format(
            folder=scratch, copy="copy" if names is None else "none", extensions="x509_extensions = names" if names else "",
            names=",".join(f"DNS:{name}" for name in names or ["unused.example"])))
        request = pathlib.Path(scratch) / "csr"
        request.write_bytes(csr)
        return openssl("ca", "-batch", "-notext", "-config", configuration, "-inform", "DER", "-in", request,
                       "-cert", folder / f"{root}.pem", "-keyfile", folder / f"{root}.key",
                       "-startdate", since, "-enddate", until).decode()


def make_csr(key: pathlib.Path, names):
    alternatives = ",".join(f"DNS:{name}" for name in names)
    return openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/",
                   "-addext", f"subjectAltName={alternatives}", "-keyout", key, "-outform", "DER")


def make_https(folder: pathlib.Path, name: str, *, host=HOST, **how):
    """NAME.chain: key and certificate of a server."""
    key = folder / f"{name}.key"
    certificate = sign(folder, make_csr(key, [host]), **how)
    (folder / f"{name}.chain").write_text(key.read_text() + certificate)


def make_all(folder: pathlib.Path):
    """What mxcert is told to trust is trust.pem; what it issues leads to root.pem."""
    for root in ("trust", "root", "unknown"):
        make_root(folder, root)
    make_https(folder, "good", root="trust")
    make_https(folder, "untrusted", root="unknown")
    make_https(folder, "expired", root="trust", until="20240201000000Z")
    make_https(folder, "wrong-name", root="trust", host="other.lab.example")
