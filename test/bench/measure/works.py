"""The kinds of work, and what is counted of each. Every function starts what it needs, afresh, and
returns figures by name; times are in microseconds, sizes in bytes."""
import dataclasses
import pathlib
import typing

from measure.programs import CLIENT_SECRET, NODE_SECRET, STORAGES, VIRTUAL_STORAGE, free_port
from measure.proxies import PEERS, Running, praefect_configuration, serving

MIB = 1 << 20
GIB = 1 << 30
OTHERS = {'connections': 8, 'streams': 16}  # who makes unary calls, as many as come


def unary(bench, proxy, seconds):
    with serving(bench, proxy) as through:
        counted = bench.load('unary', through, **OTHERS, warm_up=0.4, seconds=seconds)
    return {'cpu_us_per_call': counted['cpu_us'] / counted['calls'],
            'calls_per_s': counted['calls'] / counted['seconds']}


def paced(rate):
    def run(bench, proxy, seconds):
        with serving(bench, proxy) as through:
            counted = bench.load('unary', through, connections=8, rate=rate, warm_up=0.4, seconds=2 * seconds)
        return {'cpu_us_per_call': counted['cpu_us'] / counted['calls'],
                'p50_us': counted['p50_us'], 'p99_us': counted['p99_us']}
    return run


def transfer(work, tls=False):
    def run(bench, proxy, seconds):
        with serving(bench, proxy, tls) as through:
            counted = bench.load(work, through, connections=4, streams=2, bytes=128 * MIB, warm_up=0.4,
                                 seconds=seconds)
        return {'cpu_s_per_gib': counted['cpu_us'] / 1e6 / (counted['bytes'] / GIB),
                'mib_per_s': counted['bytes'] / MIB / counted['seconds']}
    return run


def pingpong(bench, proxy, seconds):
    with serving(bench, proxy) as through:
        counted = bench.load('pingpong', through, connections=8, streams=4, warm_up=0.4, seconds=seconds)
    return {'cpu_us_per_round': counted['cpu_us'] / counted['rounds'],
            'rounds_per_s': counted['rounds'] / counted['seconds']}


def resident(pids, name='VmRSS'):
    lines = [line for pid in pids for line in pathlib.Path(f'/proc/{pid}/status').read_text().splitlines()]
    return sum(int(line.split()[1]) << 10 for line in lines if line.startswith(f'{name}:'))


def held(work, connections, streams):
    def run(bench, proxy, _seconds):
        with serving(bench, proxy) as through:
            idle = resident(through.pids())
            counted = bench.load(work, through, connections=connections, streams=streams)
        return {'bytes_above_idle': counted['resident_bytes'] - idle}
    return run


def stalled(after):
    """400 downloads that stall after so many bytes each; others that make calls meanwhile."""
    def run(bench, proxy, seconds):
        others = {**OTHERS, 'warm_up': 0.4, 'seconds': seconds, 'may_starve': proxy != 'praefect'}
        others = {name: value for name, value in others.items() if value is not False}
        with serving(bench, proxy) as through:
            idle = resident(through.pids())
            alone = bench.load('unary', through, **others)
            with bench.stalled(through, connections=4, streams=100, bytes=after):
                beside = bench.load('unary', through, **others)
                peak = resident(through.pids(), 'VmHWM')
        rates = [counted['calls'] / counted['seconds'] for counted in (alone, beside)]
        return {'bytes_above_idle': peak - idle, 'calls_per_s_alone': rates[0], 'calls_per_s_beside': rates[1],
                'rate_kept': rates[1] / rates[0]}
    return run


def start(scheme):
    """Praefect alone: nobody else asks three nodes before it serves."""
    def run(bench, proxy, _seconds):
        directory = bench.directory / 'start'
        directory.mkdir()
        with bench.nodes(STORAGES, NODE_SECRET, tls=scheme == 'tls') as node_ports:
            through = Running(proxy, free_port(), VIRTUAL_STORAGE, CLIENT_SECRET)
            configuration = praefect_configuration(bench, through.port, node_ports, directory, node_scheme=scheme)
            counted = bench.load('start', through, cpu=bench.proxy_cpu,
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
    Work('unary-2000', 'unary calls, 2,000/s', paced(2000), (*ALL, 'direct')),
    Work('unary-8000', 'unary calls, 8,000/s', paced(8000), (*ALL, 'direct')),
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
