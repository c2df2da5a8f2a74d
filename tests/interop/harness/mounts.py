"""File systems of a row's own, in a mount namespace that goes with it."""

import os
import subprocess

from . import toolchain


class PrivateMounts:
    """A mount namespace, kept by a process that sleeps in it. What is mounted there is seen by those started with
    `wrapper`, and by others below `root`."""

    kinds = "m"  # of namespaces, as unshare and nsenter name them

    def __init__(self):
        toolchain.need("unshare", "nsenter")
        is_root = os.geteuid() == 0
        flags = [] if is_root else ["-U", "--preserve-credentials"]
        unshare = ["unshare", f"-{'' if is_root else 'r'}{self.kinds}"]
        probe = subprocess.run([*unshare, "true"], capture_output=True, text=True)
        if probe.returncode:
            raise toolchain.Skip(f"no namespace can be made here: {probe.stderr.strip()}")
        self._keeper = subprocess.Popen([*unshare, "sh", "-c", "echo ready; exec sleep infinity"], stdout=subprocess.PIPE)
        self._keeper.stdout.readline()
        flags += [f"-{kind}" for kind in self.kinds]
        self.wrapper = ["nsenter", "-t", str(self._keeper.pid), *flags, "--wd=/"]
        self.root = f"/proc/{self._keeper.pid}/root"

    def run(self, *command):
        done = subprocess.run([*self.wrapper, *command], capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
        return done.stdout

    def tmpfs(self, path, size):
        try:
            self.run("mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", path)
        except RuntimeError as refused:
            raise toolchain.Skip(f"nothing can be mounted here: {refused}") from refused

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._keeper.kill()
        self._keeper.wait()
