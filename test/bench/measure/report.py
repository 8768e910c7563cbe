"""Figures and verdicts as tables, the machine they were measured on, and RESULTS.md."""
import datetime
import os
import pathlib
import statistics
import subprocess

MIB = 1 << 20
# How a figure is shown: its words, what it is divided by, digits behind the point.
SHOWN = {
    'cpu_us_per_call': ('CPU us per call', 1, 1),
    'calls_per_s': ('calls/s', 1, 0),
    'p50_us': ('p50 us', 1, 0),
    'p99_us': ('p99 us', 1, 0),
    'cpu_s_per_gib': ('CPU s per GiB', 1, 3),
    'mib_per_s': ('MiB/s', 1, 0),
    'cpu_us_per_round': ('CPU us per round', 1, 2),
    'rounds_per_s': ('rounds/s', 1, 0),
    'bytes_above_idle': ('MiB above idle', MIB, 1),
    'calls_per_s_alone': ('others, before and after: calls/s', 1, 0),
    'calls_per_s_beside': ('others, meanwhile: calls/s', 1, 0),
    'rate_kept': ('rate that they keep', 1, 2),
    'seconds': ('seconds', 1, 3),
}


def first_line(command):
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    return (run.stdout + run.stderr).strip().splitlines()[0] if run.stdout + run.stderr else ''


def named_value(path, name):
    for line in pathlib.Path(path).read_text().splitlines():
        if line.startswith(name):
            return line.partition('=' if '=' in line else ':')[2].strip().strip('"')
    return ''


def machine():
    memory = int(named_value('/proc/meminfo', 'MemTotal').split()[0]) / (1 << 20)
    return {
        'time': datetime.datetime.now(datetime.timezone.utc).strftime('%Y-%m-%d %H:%M UTC'),
        'cpu': named_value('/proc/cpuinfo', 'model name'),
        'cpu_number': '/'.join(named_value('/proc/cpuinfo', name) for name in ('cpu family', 'model\t', 'stepping')),
        'cores': len(os.sched_getaffinity(0)),
        'memory_gib': round(memory, 1),
        'kernel': ' '.join(os.uname()[i] for i in (0, 2, 4)),
        'system': named_value('/etc/os-release', 'PRETTY_NAME'),
    }


def commit(root):
    changed = first_line(['git', '-C', root, 'status', '--porcelain', 'lib', 'cmd'])
    return 'commit ' + first_line(['git', '-C', root, 'rev-parse', '--short', 'HEAD']) + (' with changes' if changed else '')


def versions(praefect_program, source):
    """`source`: what Praefect was built of."""
    return {
        'praefect': f'{first_line([praefect_program, "-version"])}, {source}',
        'nginx': first_line(['/usr/sbin/nginx', '-v']),
        'haproxy': first_line(['/usr/sbin/haproxy', '-v']),
        'nghttpx': first_line(['/usr/sbin/nghttpx', '--version']),
    }


def number(value, divisor, digits):
    return f'{value / divisor:,.{digits}f}'


def cell(rounds, name):
    _, divisor, digits = SHOWN[name]
    values = [figures[name] for figures in rounds]
    median = number(statistics.median(values), divisor, digits)
    if len(values) == 1:
        return median
    return f'{median} ({number(min(values), divisor, digits)}–{number(max(values), divisor, digits)})'


def figure_tables(figures, titles):
    """A Markdown table for each work: medians, and the lowest and highest of the rounds."""
    for work, proxies in figures.items():
        names = [name for name in next(iter(proxies.values()))[0]]
        yield f'\n**{titles[work]}** (`{work}`)\n'
        yield '| | ' + ' | '.join(SHOWN[name][0] for name in names) + ' |'
        yield '| --- |' + ' ---: |' * len(names)
        for proxy, rounds in proxies.items():
            # The CPU of a proxy that is not there.
            cells = ['' if proxy == 'direct' and name.startswith('cpu') else cell(rounds, name) for name in names]
            yield f'| {proxy} | ' + ' | '.join(cells) + ' |'


def bar_table(verdicts):
    yield '| Work | What | Must be | Median (lowest–highest round) | |'
    yield '| --- | --- | ---: | ---: | --- |'
    for verdict in verdicts:
        sign = '≥' if verdict['at_least'] else '≤'
        spread = f'{verdict["median"]:.3g} ({verdict["lowest"]:.3g}–{verdict["highest"]:.3g})'
        yield (f'| {verdict["work"]} | {verdict["what"]} | {sign} {verdict["limit"]:.3g} | {spread} | '
               f'{"met" if verdict["met"] else "MISSED"} |')


def missed(verdicts):
    """A line for each bar that is missed."""
    for verdict in verdicts:
        if not verdict['met']:
            yield (f'missed: {verdict["work"]}: {verdict["what"]}: {verdict["median"]:.3g}, and the bar is '
                   f'{verdict["limit"]:.3g} (x {verdict["median"] / verdict["limit"]:.2f})')


def section(about, verdicts, figures, titles):
    host = about['machine']
    yield f'Measured {host["time"]}, {about["rounds"]} rounds of {about["seconds"]} s (paced work: twice that).'
    yield ''
    yield f'- {host["cpu"]} (family/model/stepping {host["cpu_number"]}), {host["cores"]} cores, '
    yield f'  {host["memory_gib"]} GiB, {host["kernel"]}, {host["system"]}'
    for name, text in about['versions'].items():
        yield f'- {name}: {text}'
    yield ''
    yield from bar_table(verdicts)
    yield from figure_tables(figures, titles)


def replace_section(path, name, lines):
    """What stands between the marks of a section of a Markdown file."""
    begin, end = f'<!-- {name} -->', f'<!-- end of {name} -->'
    before, _, rest = path.read_text().partition(begin)
    _, _, after = rest.partition(end)
    path.write_text(before + '\n'.join([begin, *lines, end]) + after)
