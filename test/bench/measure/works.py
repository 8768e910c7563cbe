"""The kinds of work, and what is counted of each. Every function starts what it needs, afresh, and
returns figures by name; times are in microseconds, sizes in bytes."""
import dataclasses
import typing

from measure.programs import CLIENT_SECRET, NODE_SECRET, STORAGES, VIRTUAL_STORAGE, free_port
from measure.proxies import PEERS, Running, praefect_configuration, serving

MIB = 1 << 20
GIB = 1 << 30
MESSAGE = 128 << 10  # of transfers
OTHERS = {'connections': 8, 'streams': 16}  # who makes unary calls, as many as come


@dataclasses.dataclass(frozen=True)
class Size:
    """Of the measurements. Figures with another `share` than 1 say nothing; the programs do run."""
    seconds: float = 1.5
    share: int = 1  # the part of connections, streams and bytes

    def times(self, factor=1):
        return {'warm_up': min(0.4, self.seconds), 'seconds': factor * self.seconds}

    def of(self, number):
        return max(1, number // self.share)


def unary(bench, proxy, size):
    with serving(bench, proxy) as through:
        counted = bench.load('unary', through, **OTHERS, **size.times())
    return {'cpu_us_per_call': counted['cpu_us'] / counted['calls'],
            'calls_per_s': counted['calls'] / counted['seconds']}


def paced(rate):
    def run(bench, proxy, size):
        with serving(bench, proxy) as through:
            counted = bench.load('unary', through, connections=8, rate=rate, **size.times(2))
        return {'cpu_us_per_call': counted['cpu_us'] / counted['calls'],
                'p50_us': counted['p50_us'], 'p99_us': counted['p99_us']}
    return run


def transfer(work, tls=False):
    def run(bench, proxy, size):
        with serving(bench, proxy, tls) as through:
            counted = bench.load(work, through, connections=4, streams=2, **size.times(),
                                 bytes=size.of(128 * MIB // MESSAGE) * MESSAGE)
        return {'cpu_s_per_gib': counted['cpu_us'] / 1e6 / (counted['bytes'] / GIB),
                'mib_per_s': counted['bytes'] / MIB / counted['seconds']}
    return run


def pingpong(bench, proxy, size):
    with serving(bench, proxy) as through:
        counted = bench.load('pingpong', through, connections=8, streams=4, **size.times())
    return {'cpu_us_per_round': counted['cpu_us'] / counted['rounds'],
            'rounds_per_s': counted['rounds'] / counted['seconds']}


def held(work, connections, streams):
    def run(bench, proxy, size):
        with serving(bench, proxy) as through:
            counted = bench.load(work, through, connections=size.of(connections), streams=size.of(streams))
        return {'bytes_above_idle': counted['resident_bytes'] - through.idle_bytes}
    return run


def stalled(after):
    """400 downloads that stall after so many bytes each; others that make calls meanwhile."""
    def run(bench, proxy, size):
        others = {**OTHERS, **size.times()}
        if proxy != 'praefect':
            others['may_starve'] = True
        with serving(bench, proxy) as through:
            before = bench.load('unary', through, **others)
            with bench.stalled(through, connections=4, streams=size.of(100), bytes=after):
                beside = bench.load('unary', through, **others)
                peak = through.resident('VmHWM')
            # Before and after, because a machine drifts.
            after_it = bench.load('unary', through, **others)
        rates = [counted['calls'] / counted['seconds'] for counted in (before, beside, after_it)]
        alone = (rates[0] + rates[2]) / 2
        return {'bytes_above_idle': peak - through.idle_bytes, 'calls_per_s_alone': alone,
                'calls_per_s_beside': rates[1],
                'rate_kept': rates[1] / alone}
    return run


def start(scheme):
    """Praefect alone: nobody else asks three nodes before it serves."""
    def run(bench, proxy, _size):
        with bench.folder('start') as folder, bench.nodes(STORAGES, NODE_SECRET, scheme == 'tls') as node_ports:
            through = Running(proxy, free_port(), VIRTUAL_STORAGE, CLIENT_SECRET)
            configuration = praefect_configuration(bench, through.port, node_ports, folder, node_scheme=scheme)
            counted = bench.load('start', through, cpu=bench.proxy_cpu,
                                 environment={'SSL_CERT_FILE': str(bench.certificate.roots)},
                                 program=[bench.praefect_program, '-config', configuration])
        return {'seconds': counted['seconds']}
    return run


@dataclasses.dataclass(frozen=True)
class Work:
    name: str
    title: str
    run: typing.Callable
    proxies: tuple  # of the full run


ALL = ('praefect', *PEERS)
WORKS = (
    Work('unary', 'unary calls, saturated', unary, (*ALL, 'direct')),
    Work('unary-2000', 'unary calls, 2,000/s', paced(2000), (*ALL, 'bytes', 'direct')),
    Work('unary-8000', 'unary calls, 8,000/s', paced(8000), (*ALL, 'bytes', 'direct')),
    Work('download', 'downloads', transfer('download'), (*ALL, 'direct')),
    Work('upload', 'uploads', transfer('upload'), (*ALL, 'direct')),
    Work('download-tls', 'downloads, TLS on the side of the clients', transfer('download', tls=True), ALL),
    Work('pingpong', 'ping-pong', pingpong, ALL),
    Work('idle', '1,000 idle connections', held('idle', 1000, 1), ALL),
    Work('streams', '1 connection with 1,000 open streams', held('open', 1, 1000), ALL),
    Work('stalled', '400 downloads stalled from their first byte', stalled(0), ALL),
    Work('stalled-16m', '400 downloads stalled after 16 MiB', stalled(16 * MIB), ALL),
    Work('start', 'start, exec to the first OK answer', start('tcp'), ('praefect',)),
    Work('start-tls', 'the same, nodes with tls://', start('tls'), ('praefect',)),
)
