#!/usr/bin/env python3
"""Looks for secrets in what the Praefects of all tests showed to others on the machine.

Usage: check_exposures.py FOLDER. The folder is filled by test/support/exposure.cc. Exit code 1 when
there is a secret, or nothing to look at.
"""
import pathlib
import re
import sys

SECRETS = [
    ('a configured secret', re.compile(rb'hunter2')),  # kSecretMark of test/support/exposure.h
    # What the documentation writes for them.
    ('a configured secret', re.compile(rb'PRAEFECT_(SQL_PASSWORD|EXTERNAL_TOKEN|INTERNAL_TOKEN)')),
    ('a token made of one', re.compile(rb'v2\.[0-9a-f]{64}\.[0-9]+')),
    ('a private key', re.compile(rb'PRIVATE KEY-----')),
]


def problems(folder):
    """One line for each secret; each says where it is, not what it is."""
    found = []
    bytes_seen = 0
    for file in sorted(path for path in pathlib.Path(folder).glob('*') if path.is_file()):
        section = ''
        content = file.read_bytes()
        bytes_seen += len(content)
        for number, line in enumerate(content.splitlines(), 1):
            if line.startswith(b'==== '):
                section = line[5:].decode(errors='replace')
            for what, pattern in SECRETS:
                if pattern.search(line):
                    found.append(f'{file}:{number}: {what} in "{section}"')
    if bytes_seen == 0:
        found.append(f'{folder}: no Praefect left anything to look at: has one been started?')
    return found


def main():
    found = problems(sys.argv[1])
    print('\n'.join(found + [f'{len(found)} problems']))
    return 1 if found else 0


if __name__ == '__main__':
    sys.exit(main())
