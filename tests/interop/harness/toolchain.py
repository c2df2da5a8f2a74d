"""Installs what a client needs, by package name and pinned version, into a cache. A missing tool skips, a failure fails."""

import contextlib
import fcntl
import glob
import hashlib
import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CLIENTS = os.path.join(HERE, "clients")


# How pip, npm, go and Maven say that their registry is out of reach: no network, no route, no trust in the certificate.
UNREACHABLE = (
    "CERTIFICATE_VERIFY_FAILED",
    "NewConnectionError",
    "ConnectTimeoutError",
    "ENOTFOUND",
    "ECONNREFUSED",
    "ETIMEDOUT",
    "SELF_SIGNED_CERT",
    "UNABLE_TO_GET_ISSUER_CERT",
    "no such host",
    "dial tcp",
    "x509:",
    "Unknown host",
    "PKIX path building failed",
)


class Skip(Exception):
    """A row cannot run here because a tool that it is written for is not installed, or the registry that its packages
    come from is out of reach. Nothing else may raise this."""


def need(*programs):
    for program in programs:
        if not shutil.which(program):
            raise Skip(f"{program} is not installed")


def cache_root():
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return os.path.join(base, "sluice", "interop")


def run(arguments, cwd=None, env=None):
    """Runs an installation step; its output is the message if it fails."""
    done = subprocess.run(
        arguments, cwd=cwd, env={**os.environ, **(env or {})}, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    if done.returncode:
        output = (done.stdout + done.stderr)[-4000:]
        if any(sign in output for sign in UNREACHABLE):
            raise Skip(f"{os.path.basename(arguments[0])} cannot reach its package registry")
        raise RuntimeError(f"{' '.join(arguments)} ended with status {done.returncode}\n{output}")
    return done.stdout


def install(name, sources, build):
    """The directory build(directory) filled once for these sources; another content of a source is another directory."""
    digest = hashlib.sha256()
    for path in sorted(sources):
        with open(path, "rb") as file:
            digest.update(os.path.basename(path).encode() + b"\0" + file.read())
    target = os.path.join(cache_root(), f"{name}-{digest.hexdigest()[:12]}")
    os.makedirs(cache_root(), exist_ok=True)
    with locked(target + ".lock"):
        if os.path.exists(os.path.join(target, ".complete")):
            return target
        if os.environ.get("SLUICE_INTEROP_OFFLINE"):
            raise Skip(f"{name} is not in the cache, and SLUICE_INTEROP_OFFLINE is set")
        shutil.rmtree(target, ignore_errors=True)
        os.makedirs(target)
        print(f"installing {name} into {target}", file=sys.stderr, flush=True)
        build(target)
        open(os.path.join(target, ".complete"), "w").close()
    return target


@contextlib.contextmanager
def locked(path):
    with open(path, "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def python_environment(name, requirements, base=None, system_packages=False):
    """The python of a virtual environment that holds the pinned packages of a requirements file."""
    candidates = [base] if base else ["/usr/bin/python3", shutil.which("python3")]
    with_venv = [path for path in candidates if path and _has_venv(path)]
    if not with_venv:
        raise Skip("no python3 here can make a virtual environment (python3-venv is not installed)")

    def build(target):
        options = ["--system-site-packages"] if system_packages else []
        run([with_venv[0], "-m", "venv", *options, target])
        run([os.path.join(target, "bin", "pip"), "install", "-q", "--only-binary=:all:", "-r", requirements])

    sources = glob.glob(os.path.join(os.path.dirname(requirements), "*-requirements.txt"))
    return os.path.join(install(name, sources, build), "bin", "python")


def _has_venv(python):
    return subprocess.run([python, "-c", "import ensurepip, venv"], capture_output=True).returncode == 0


def go_program(folder):
    """The binary of the Go module in clients/<folder>."""
    need("go")
    source = os.path.join(CLIENTS, folder)
    module = os.path.join(source, "go.mod")
    wanted, present = _go_directive(module), _go_version()
    if present < wanted:
        raise Skip(f"go {_dotted(present)} is installed, clients/{folder}/go.mod needs {_dotted(wanted)}")

    def build(target):
        run(["go", "build", "-o", os.path.join(target, "client"), "."], cwd=source, env={"GOTOOLCHAIN": "local"})

    sources = glob.glob(os.path.join(source, "*.go")) + [module, os.path.join(source, "go.sum")]
    return os.path.join(install(folder, sources, build), "client")


def _go_directive(module):
    with open(module) as file:
        return next(_numbers(line.split()[1]) for line in file if line.startswith("go "))


def _go_version():
    return _numbers(run(["go", "env", "GOVERSION"], env={"GOTOOLCHAIN": "local"}).strip().removeprefix("go"))


def _numbers(version):
    return tuple(int(part) for part in version.split("-")[0].split(" ")[0].split("."))


def _dotted(version):
    return ".".join(map(str, version))


def node_modules(folder):
    """A directory with node_modules as the lock file of clients/<folder> says, and the folder's scripts beside it."""
    need("node", "npm")
    source = os.path.join(CLIENTS, folder)
    sources = [path for path in glob.glob(os.path.join(source, "*.js*"))]

    def build(target):
        for path in sources:
            shutil.copy(path, target)
        run(["npm", "ci", "--no-audit", "--no-fund", "--silent"], cwd=target)

    return install(folder, sources, build)


def java_classes(release=None):
    """The class path of the Java client program, its jars included, with another `release` of the client library if given."""
    jars = java_jars("java", release)
    sources = glob.glob(os.path.join(CLIENTS, "java", "*.java"))

    def build(target):
        run(["javac", "-cp", jars, "-d", target, *sources])

    name = f"java-classes-{release}" if release else "java-classes"
    classes = install(name, sources + [os.path.join(CLIENTS, "java", "pom.xml")], build)
    return os.pathsep.join([classes, jars])


def java_jars(folder, release=None):
    """A class path of all that clients/<folder>/pom.xml depends on, with another kafka.version if given."""
    _need_jdk()
    pom = os.path.join(CLIENTS, folder, "pom.xml")

    def build(target):
        goal = ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={target}"]
        run(["mvn", "-q", "-B", "-f", pom, *goal, *([f"-Dkafka.version={release}"] if release else [])])

    name = f"{folder}-jars-{release}" if release else f"{folder}-jars"
    return os.path.join(install(name, [pom], build), "*")


def _need_jdk():
    need("java", "javac", "mvn")
    text = run(["javac", "-version"]).split()
    if not text or _numbers(text[-1])[0] < 17:
        raise Skip(f"JDK 17 or newer is needed, here is {' '.join(text) or 'an older one'}")
