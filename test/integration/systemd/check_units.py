#!/usr/bin/env python3
"""The sample units are ones that systemd takes, and that expose little of the host.

Usage: check_units.py UNITS PROGRAM
UNITS is packaging/systemd; PROGRAM stands in for /usr/bin/praefect, which need not be installed.
Exit status: 0 good, 1 not, 77 when systemd-analyze (package systemd) is not there.
"""

import pathlib
import shutil
import subprocess
import sys
import tempfile

MOST_EXPOSED = 2.0  # of 10, as systemd-analyze security counts

if shutil.which('systemd-analyze') is None:
    print('skipped: systemd-analyze is not installed (Debian package systemd)')
    sys.exit(77)


def run(*command):
    outcome = subprocess.run(command, capture_output=True, text=True)
    print(outcome.stdout + outcome.stderr, end='')
    if outcome.returncode != 0:
        sys.exit(f'{" ".join(map(str, command))}: exit status {outcome.returncode}')
    return outcome.stdout + outcome.stderr


units, program = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]).resolve()
with tempfile.TemporaryDirectory() as folder:
    copies = []
    for unit in sorted(units.iterdir()):
        copy = pathlib.Path(folder) / unit.name
        copy.write_text(unit.read_text().replace('/usr/bin/praefect', str(program)))
        copies.append(copy)
    complaints = run('systemd-analyze', '--man=no', 'verify', *copies)
    # systemd-analyze also complains of units of the host, which are none of ours.
    if 'praefect' in complaints:
        sys.exit('systemd-analyze verify complains')
    service = pathlib.Path(folder) / 'praefect.service'
    run('systemd-analyze', '--no-pager', 'security', '--offline=yes',
        f'--threshold={int(MOST_EXPOSED * 10)}', service)
