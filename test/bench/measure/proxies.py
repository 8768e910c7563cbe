"""Praefect and its peers: how each is configured and started."""
import contextlib
import dataclasses
import pathlib
import subprocess

from measure.programs import (CLIENT_SECRET, NODE_SECRET, STORAGES, VIRTUAL_STORAGE, Failed, answers, fill_in,
                              free_port, wait_until)


@dataclasses.dataclass
class Running:
    """A proxy that serves, as the load generator sees it."""
    name: str
    port: int
    storage: str
    secret: str
    pid: int = 0
    load_options: dict = dataclasses.field(default_factory=dict)
    files: tuple = ()
    idle_bytes: int = 0  # resident, when it has started (Praefect goes on after it listens) and knows what it serves

    def resident(self, name='VmRSS'):
        lines = [line for pid in self.pids()
                 for line in pathlib.Path(f'/proc/{pid}/status').read_text().splitlines()]
        return sum(int(line.split()[1]) << 10 for line in lines if line.startswith(f'{name}:'))

    def pids(self):
        """Its process and the children of that."""
        if self.pid == 0:
            return []
        children = pathlib.Path(f'/proc/{self.pid}/task/{self.pid}/children').read_text().split()
        return [self.pid] + [int(child) for child in children]

    def said(self):
        return ''.join(f'{path}: {path.read_text(errors="replace")[-2000:]}' for path in self.files if path.exists())


def node_table(storage, port, scheme='tcp', host='127.0.0.1'):
    primary = 'true' if storage == STORAGES[0] else 'false'
    return (f"[[virtual_storage.node]]\nstorage = '{storage}'\naddress = '{scheme}://{host}:{port}'\n"
            f"token = '{NODE_SECRET}'\nprimary = {primary}\n")


def praefect_configuration(bench, port, node_ports, folder, tls=False, node_scheme='tcp'):
    host = 'localhost' if node_scheme == 'tls' else '127.0.0.1'
    tables = [node_table(storage, node, node_scheme, host) for storage, node in zip(STORAGES, node_ports)]
    certificate = bench.certificate
    text = fill_in('praefect.toml', {
        'PORT': free_port() if tls else port, 'ADMIN_PORT': free_port(), 'DIRECTORY': folder,
        'CLIENT_SECRET': CLIENT_SECRET, 'NODES': '\n'.join(tables),
        'TLS': f"tls_listen_addr = '127.0.0.1:{port}'\ntls.certificate_path = '{certificate.certificate}'\n"
               f"tls.key_path = '{certificate.key}'\n" if tls else ''})
    path = folder / 'config.toml'
    path.write_text(text)
    path.chmod(0o600)
    return path


def praefect_arguments(bench, port, node_ports, folder, tls):
    return [bench.praefect_program, '-config', praefect_configuration(bench, port, node_ports, folder, tls)]


def nginx_arguments(bench, port, node_ports, folder, tls):
    certificate = bench.certificate
    path = folder / 'nginx.conf'
    path.write_text(fill_in('nginx.conf', {
        'PORT': port, 'NODE_PORT': node_ports[0], 'DIRECTORY': folder, 'TLS': 'ssl ' if tls else '',
        'CERTIFICATE': f'ssl_certificate {certificate.certificate}; ssl_certificate_key {certificate.key}; '
                       'ssl_protocols TLSv1.2 TLSv1.3; ssl_buffer_size 16k;' if tls else ''}))
    return ['/usr/sbin/nginx', '-p', folder, '-c', path, '-e', folder / 'error.log']


def haproxy_arguments(bench, port, node_ports, folder, tls):
    both = folder / 'both.pem'
    both.write_text(bench.certificate.certificate.read_text() + bench.certificate.key.read_text())
    path = folder / 'haproxy.cfg'
    path.write_text(fill_in('haproxy.cfg', {
        'PORT': port, 'NODE_PORT': node_ports[0], 'TLS': f'ssl crt {both} alpn h2 ' if tls else ''}))
    return ['/usr/sbin/haproxy', '-db', '-f', path]


def nghttpx_arguments(bench, port, node_ports, folder, tls):
    certificate = bench.certificate
    path = folder / 'nghttpx.conf'
    path.write_text(fill_in('nghttpx.conf', {
        'PORT': port, 'NODE_PORT': node_ports[0], 'DIRECTORY': folder, 'TLS': '' if tls else ';no-tls',
        'CERTIFICATE': f'certificate-file={certificate.certificate}\nprivate-key-file={certificate.key}'
                       if tls else ''}))
    return ['/usr/sbin/nghttpx', f'--conf={path}', '--single-process']


def bytes_arguments(bench, port, node_ports, folder, tls):
    return [str(argument) for argument in (bench.bytes_program, port, node_ports[0])]


ARGUMENTS = {'praefect': praefect_arguments, 'nginx': nginx_arguments, 'haproxy': haproxy_arguments,
             'nghttpx': nghttpx_arguments, 'bytes': bytes_arguments}
PEERS = ('nginx', 'haproxy', 'nghttpx')


def knows_repositories(bench, running):
    """Writes to each, which it records; so it knows where to read them. False: not yet."""
    try:
        bench.load('record', running)
        return True
    except Failed:
        return False


@contextlib.contextmanager
def serving(bench, name, tls=False):
    """A fresh proxy with a fresh node behind it; "direct" is the node alone, "bytes" passes on what
    it does not look at. Yields a Running."""
    is_praefect = name == 'praefect'
    secret = NODE_SECRET if is_praefect else CLIENT_SECRET  # the peers pass the clients' tokens on
    with bench.nodes(STORAGES[:1], secret) as node_ports:
        if name == 'direct':
            yield Running(name, node_ports[0], STORAGES[0], CLIENT_SECRET)
            return
        port = free_port()
        with bench.folder('proxy') as folder:
            arguments = ARGUMENTS[name](bench, port, node_ports, folder, tls)
            with bench.process(arguments, bench.proxy_cpu, name) as process:
                running = Running(name, port, VIRTUAL_STORAGE if is_praefect else STORAGES[0], CLIENT_SECRET,
                                  process.pid, files=(bench.directory / f'{name}.output', folder / 'error.log'))
                if tls:
                    running.load_options['root'] = bench.certificate.certificate
                wait_until(lambda: answers(port) or process.poll() is not None, f'{name} did not listen')
                if process.poll() is not None:
                    raise Failed(f'{name} did not start: {running.said()}')
                if is_praefect:
                    wait_until(lambda: knows_repositories(bench, running), 'writes through praefect did not succeed')
                running.idle_bytes = running.resident()
                yield running
