"""What Praefect has to reach, as issue 5 of its plan fixed it, and how each bar is judged: by the median of
what the single rounds say."""
import dataclasses
import statistics
import typing

MIB = 1 << 20


def over(other, figure):
    """Praefect's figure as a multiple of another proxy's, in one round."""
    return lambda of: of['praefect'][figure] / of[other][figure]


def added_over(other, figure):
    """The same of what each adds to the figure without a proxy; less than 1 us counts as 1."""
    def added(of, proxy):
        return max(1, of[proxy][figure] - of['direct'][figure])
    return lambda of: added(of, 'praefect') / added(of, other)


def own(figure, unit=1):
    return lambda of: of['praefect'][figure] / unit


@dataclasses.dataclass(frozen=True)
class Bar:
    work: str
    what: str
    value: typing.Callable  # of {proxy: figures} of one round
    limit: float
    others: tuple = ()  # that are measured for it, besides Praefect
    at_least: bool = False

    def proxies(self):
        return ('praefect', *self.others)

    def judge(self, rounds):
        """`rounds`: {proxy: [figures of each round]} of its work."""
        values = [self.value(dict(zip(rounds, figures))) for figures in zip(*rounds.values())]
        median = statistics.median(values)
        met = median >= self.limit if self.at_least else median <= self.limit
        return {'work': self.work, 'what': self.what, 'limit': self.limit, 'at_least': self.at_least,
                'median': median, 'lowest': min(values), 'highest': max(values), 'met': met}


CPU_OF_CALLS, CPU_OF_BYTES = 'cpu_us_per_call', 'cpu_s_per_gib'
BARS = (
    Bar('unary', 'CPU per call / nghttpx', over('nghttpx', CPU_OF_CALLS), 1.0, ('nghttpx',)),
    Bar('unary', 'CPU per call / nginx', over('nginx', CPU_OF_CALLS), 0.4, ('nginx',)),
    # "bytes" shows what the machine takes for it at least.
    Bar('unary-2000', 'CPU per call / nginx', over('nginx', CPU_OF_CALLS), 0.8, ('nginx', 'bytes')),
    Bar('unary-2000', 'added p50 / nginx', added_over('nginx', 'p50_us'), 1.0, ('nginx', 'direct')),
    Bar('unary-8000', 'added p99 / nghttpx', added_over('nghttpx', 'p99_us'), 1.0, ('nghttpx', 'direct')),
    Bar('download', 'CPU per GiB / nginx', over('nginx', CPU_OF_BYTES), 0.85, ('nginx',)),
    Bar('upload', 'CPU per GiB / nginx', over('nginx', CPU_OF_BYTES), 1.05, ('nginx',)),
    Bar('download-tls', 'CPU per GiB / nginx', over('nginx', CPU_OF_BYTES), 1.0, ('nginx',)),
    Bar('idle', 'MiB above idle', own('bytes_above_idle', MIB), 25),
    Bar('streams', 'MiB above idle', own('bytes_above_idle', MIB), 10),
    Bar('stalled', 'MiB above idle', own('bytes_above_idle', MIB), 125),
    Bar('stalled', 'rate that the others keep', own('rate_kept'), 0.9, at_least=True),
    Bar('stalled-16m', 'MiB above idle', own('bytes_above_idle', MIB), 256 * 1.1),
    Bar('stalled-16m', 'rate that the others keep', own('rate_kept'), 0.9, at_least=True),
    Bar('start', 'seconds', own('seconds'), 0.3),
)


def needed(work_name):
    """The proxies that the bars of a work compare."""
    return tuple(dict.fromkeys(proxy for bar in BARS if bar.work == work_name for proxy in bar.proxies()))


def judge(figures):
    """Of `figures`, {work: {proxy: [figures of each round]}}, every bar that has what it compares."""
    return [bar.judge({proxy: figures[bar.work][proxy] for proxy in bar.proxies()}) for bar in BARS
            if all(proxy in figures.get(bar.work, {}) for proxy in bar.proxies())]
