"""The broker under test: a `sluiced` of our own, or a server that already runs."""

import os
import shutil
import signal
import subprocess
import tempfile
import time

from . import wire
from .ports import free_port

START_SECONDS = 60
STOP_SECONDS = 60


class BrokerError(Exception):
    pass


class ExternalBroker:
    """A server somebody else runs, named by SLUICE_INTEROP_BOOTSTRAP. It can be neither killed nor looked into."""

    owned = False
    data_dir = None

    def __init__(self, bootstrap):
        self.bootstrap = bootstrap

    def __enter__(self):
        wire.api_versions(self.bootstrap)
        return self

    def __exit__(self, *failure):
        pass

    def log_tail(self):
        return ""


class Broker:
    """A `sluiced` on free ports with a data directory of its own. Only ever signalled by its own pid."""

    owned = True

    def __init__(self, program, settings=None):
        """`settings` are given as --set name=value. The data directory is kept if the row fails."""
        self.program = program
        self.settings = settings or {}
        self.wrapper = []  # of the command that starts it; it must exec
        self.home = tempfile.mkdtemp(prefix="sluice-interop-")
        self.data_dir = os.path.join(self.home, "data")
        self.log_path = os.path.join(self.home, "server.log")
        self.port = free_port()
        self.admin_port = free_port()
        self.bootstrap = f"127.0.0.1:{self.port}"
        self.process = None

    @property
    def pid(self):
        return self.process.pid

    def start(self):
        """Returns when the broker answers requests."""
        settings = {
            "listeners": f"PLAINTEXT://127.0.0.1:{self.port}",
            "log.dirs": self.data_dir,
            "sluice.admin.listener": f"127.0.0.1:{self.admin_port}",
            **self.settings,
        }
        arguments = [part for name, value in settings.items() for part in ("--set", f"{name}={value}")]
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [*self.wrapper, self.program, *arguments], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        self._await_answer()

    def _await_answer(self):
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise BrokerError(f"the broker ended with status {self.process.returncode}\n{self.log_tail()}")
            try:
                wire.api_versions(self.bootstrap, timeout=2)
                return
            except OSError:
                time.sleep(0.05)
        raise BrokerError(f"the broker does not answer after {START_SECONDS} s\n{self.log_tail()}")

    def stop(self):
        """SIGTERM, and the broker must then end by itself with status 0 (143 for a server that reports the signal)."""
        if self.process is None:
            return
        process, self.process = self.process, None
        if process.poll() is not None:
            raise BrokerError(f"the broker had ended by itself with status {process.returncode}\n{self.log_tail()}")
        process.send_signal(signal.SIGTERM)
        try:
            status = process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise BrokerError(f"the broker did not stop within {STOP_SECONDS} s of SIGTERM\n{self.log_tail()}")
        if status not in (0, 143):
            raise BrokerError(f"the broker ended with status {status} after SIGTERM\n{self.log_tail()}")

    def kill(self):
        """SIGKILL: what the kernel has is all that is left."""
        self.process.kill()
        self.process.wait()
        self.process = None

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def memory(self):
        """(resident bytes now, highest so far)."""
        values = {}
        with open(f"/proc/{self.pid}/status") as status:
            for line in status:
                name, _, rest = line.partition(":")
                if name in ("VmRSS", "VmHWM"):
                    values[name] = int(rest.split()[0]) * 1024
        return values["VmRSS"], values["VmHWM"]

    def log_tail(self, lines=20):
        try:
            with open(self.log_path, errors="replace") as log:
                return "".join(log.readlines()[-lines:])
        except OSError:
            return ""

    def discard(self):
        shutil.rmtree(self.home, ignore_errors=True)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, failure, *_):
        if self.process is not None:
            if failure is not None:
                self.process.terminate()
                try:
                    self.process.wait(STOP_SECONDS)
                except subprocess.TimeoutExpired:
                    self.kill()
            else:
                self.stop()


def open_broker(program, settings=None):
    """The broker of a row: the running server of SLUICE_INTEROP_BOOTSTRAP if that is set, else an own `program`."""
    bootstrap = os.environ.get("SLUICE_INTEROP_BOOTSTRAP")
    if bootstrap:
        return ExternalBroker(bootstrap)
    if not program:
        raise BrokerError("neither --sluiced nor SLUICE_INTEROP_BOOTSTRAP names a broker")
    return Broker(program, settings)
