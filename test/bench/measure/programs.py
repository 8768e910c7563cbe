"""The programs of a measurement: proxies, nodes, load; each pinned to a core, and gone at the end."""
import contextlib
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time

PROXIES = pathlib.Path(__file__).resolve().parent.parent / 'proxies'
CLIENT_SECRET = 'hunter2-client'
NODE_SECRET = 'hunter2-node'
STORAGES = ('gitaly1', 'gitaly2', 'gitaly3')
VIRTUAL_STORAGE = 'default'  # as long as the others, so that all requests have the same size
READY_S = 20
SYSTEM_ROOTS = pathlib.Path('/etc/ssl/certs/ca-certificates.crt')


class Failed(Exception):
    """A measurement that says nothing, and why."""


def cpus():
    """The core of the proxy, and that of everything else."""
    allowed = sorted(os.sched_getaffinity(0))
    return allowed[0], allowed[min(1, len(allowed) - 1)]


def free_port():
    """One that the kernel gives to no connection (it is below ip_local_port_range)."""
    while True:
        port = random.randrange(12_000, 32_768)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(('127.0.0.1', port))
            return port


def answers(port):
    with socket.socket() as probe:
        return probe.connect_ex(('127.0.0.1', port)) == 0


def wait_until(condition, what):
    end = time.monotonic() + READY_S
    while not condition():
        if time.monotonic() > end:
            raise Failed(f'{what} within {READY_S} s')
        time.sleep(0.002)


def pinned(cpu):
    return lambda: os.sched_setaffinity(0, {cpu})


def fill_in(template, values):
    text = (PROXIES / template).read_text()
    for name, value in values.items():
        text = text.replace(f'@{name}@', str(value))
    return text


class Certificate:
    """Of "localhost", self-signed."""

    def __init__(self, directory):
        self.certificate = directory / 'certificate.pem'
        self.key = directory / 'key.pem'
        subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1',
                        '-nodes', '-keyout', self.key, '-out', self.certificate, '-days', '2',
                        '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'],
                       check=True, capture_output=True)
        # What an operator trusts who added one: all that the system trusts as well.
        self.roots = directory / 'roots.pem'
        system = SYSTEM_ROOTS.read_text() if SYSTEM_ROOTS.exists() else ''
        self.roots.write_text(system + self.certificate.read_text())


class Bench:
    """Where one run's programs and files are."""

    def __init__(self, binaries):
        self.binaries = pathlib.Path(binaries).resolve()
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix='praefect-bench.'))
        self.certificate = Certificate(self.directory)
        self.proxy_cpu, self.other_cpu = cpus()
        self.load_program = self.binaries / 'test/bench/relay/load'
        self.bytes_program = self.binaries / 'test/bench/relay/bytes'
        self.praefect_program = self.binaries / 'cmd/praefect/praefect'

    def close(self):
        shutil.rmtree(self.directory, ignore_errors=True)

    @contextlib.contextmanager
    def folder(self, name):
        """A new one, for the block."""
        path = self.directory / name
        path.mkdir()
        try:
            yield path
        finally:
            shutil.rmtree(path)

    @contextlib.contextmanager
    def process(self, arguments, cpu, name, environment=None):
        """A program that runs until the end of the block."""
        output = self.directory / f'{name}.output'
        with open(output, 'wb') as file:
            started = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT,
                                       preexec_fn=pinned(cpu), env={**os.environ, **(environment or {})})
        try:
            yield started
            if started.poll() is not None:
                raise Failed(f'{name} ended by itself: {output.read_text()[-2000:]}')
        finally:
            started.send_signal(signal.SIGKILL)
            started.wait()

    @contextlib.contextmanager
    def nodes(self, storages, secret, tls=False):
        """Yields the ports of nodes with these storages."""
        ports = [free_port() for _ in storages]
        arguments = [self.binaries / 'test/bench/relay/backend', '--secret', secret]
        for port, storage in zip(ports, storages):
            arguments += ['--node', f'{port}={storage}']
        if tls:
            arguments += ['--certificate', self.certificate.certificate, '--key', self.certificate.key]
        with self.process(arguments, self.other_cpu, 'backend') as process:
            for port in ports:
                wait_until(lambda port=port: answers(port) or process.poll() is not None, 'a node did not listen')
            if process.poll() is not None:
                raise Failed(f'the nodes did not start: {self.said("backend")}')
            yield ports

    def said(self, name):
        return f'{name}: {(self.directory / f"{name}.output").read_text()[-2000:]}'

    def load_arguments(self, work, port, storage, secret, options):
        arguments = [self.load_program, work, '--port', port, '--storage', storage, '--secret', secret]
        for name, value in options.items():
            values = value if isinstance(value, (list, tuple)) else [value]
            for one in values:
                arguments += [f'--{name.replace("_", "-")}'] + ([] if one is True else [one])
        return [str(argument) for argument in arguments]

    def load(self, work, through, program=(), environment=None, **options):
        """What the load generator counted while it worked through a proxy. `program`, `environment`: of
        "start"."""
        arguments = self.load_arguments(work, through.port, through.storage, through.secret,
                                        {'pid': through.pids(), **through.load_options, **options})
        if program:
            arguments += ['--', *map(str, program)]
        run = subprocess.run(arguments, capture_output=True, text=True, check=False,
                             preexec_fn=pinned(self.other_cpu), env={**os.environ, **(environment or {})})
        if run.returncode != 0:
            raise Failed(f'{through.name}: {work}: {run.stderr.strip()}\n{self.said("backend")}{through.said()}')
        return json.loads(run.stdout)

    @contextlib.contextmanager
    def stalled(self, through, **options):
        """Downloads that have stalled; they stay so in the block."""
        arguments = self.load_arguments('stalled', through.port, through.storage, through.secret,
                                        {'pid': through.pids(), **options})
        with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                              preexec_fn=pinned(self.other_cpu)) as process:
            try:
                line = process.stdout.readline()
                if not line:
                    raise Failed(f'{through.name}: downloads could not stall')
                yield json.loads(line)
            finally:
                process.stdin.close()
                process.wait()
