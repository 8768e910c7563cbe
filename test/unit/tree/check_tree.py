#!/usr/bin/env python3
"""Checks the rules of the tree that a compiler does not: check_tree.py ROOT

- a module of lib/ includes only itself and modules above it in the order of lib/CMakeLists.txt;
- the module table of ARCHITECTURE.md names the modules in that order;
- lib/ does not print, exit or install signal handlers (that is for cmd/);
- no file is named after nothing in particular;
- headers begin with #pragma once, no source has more than 700 lines, and clang-format 14 would change
  nothing (where it is installed; where it is not, that is said);
- the README's commands exist.
"""
import pathlib
import re
import shutil
import subprocess
import sys

INCLUDE = re.compile(r'^\s*#include\s+"([a-z0-9_]+)/', re.M)
ORDER = re.compile(r'set\(praefect_module_order ([^)]*)\)')
VAGUE = {'util', 'utils', 'common', 'helper', 'helpers', 'misc'}
CODE = ('lib', 'cmd', 'test', 'proto')
MOST_LINES = 700
FORMATTER = 'clang-format-14'
PROCESS = re.compile(r'\b(std::cout|std::cerr|printf\s*\(|fmt::print\s*\(|exit\s*\(|sigaction\s*\(|signal\s*\()')


def module_order(root):
    return ORDER.search((root / 'lib/CMakeLists.txt').read_text()).group(1).split()


def sources(root, folder):
    return sorted(p for p in (root / folder).rglob('*') if p.suffix in {'.h', '.cc'})


def check_includes(root):
    order = module_order(root)
    for path in sources(root, 'lib'):
        module = path.relative_to(root / 'lib').parts[0]
        if module not in order:
            yield f'{path}: module {module} is not in the order of lib/CMakeLists.txt'
            continue
        for included in INCLUDE.findall(path.read_text()):
            if included in order and order.index(included) > order.index(module):
                yield f'{path}: {module} includes {included}, which is below it'


def check_architecture(root):
    rows = re.findall(r'^\| `([a-z0-9]+)` \|', (root / 'ARCHITECTURE.md').read_text(), re.M)
    order = module_order(root)
    present = [m for m in order if (root / 'lib' / m).is_dir()]
    if [m for m in rows if m in present] != present:
        yield f'ARCHITECTURE.md: the module table has {rows}, lib/ has {present}'


def without_comments_and_strings(text):
    return re.sub(r'//[^\n]*|"(?:\\.|[^"\\\n])*"', '', text)


def check_process(root):
    for path in sources(root, 'lib'):
        for found in PROCESS.findall(without_comments_and_strings(path.read_text())):
            if not found.startswith('snprintf'):
                yield f'{path}: {found.strip()} belongs in cmd/'


def check_names(root):
    for folder in CODE:
        for path in (root / folder).rglob('*'):
            if path.stem.lower() in VAGUE:
                yield f'{path}: the name does not say what it is'


def check_sources(root):
    for folder in CODE:
        for path in sources(root, folder):
            lines = path.read_text().splitlines()
            if path.suffix == '.h' and lines[:1] != ['#pragma once']:
                yield f'{path}: a header begins with #pragma once'
            if len(lines) > MOST_LINES:
                yield f'{path}: {len(lines)} lines, which are two things: more than {MOST_LINES}'


def check_format(root):
    if shutil.which(FORMATTER) is None:
        print(f'formatting is not checked: {FORMATTER} is not installed')
        return
    paths = [path for folder in CODE for path in sources(root, folder)]
    run = subprocess.run([FORMATTER, '--dry-run', '--style=file', *paths], capture_output=True, text=True,
                         check=False)
    for path in sorted(set(re.findall(r'^(.*?):\d+:\d+: ', run.stderr, re.M))):
        yield f'{path}: not formatted; run {FORMATTER} -i on it'
    if run.returncode != 0:
        yield f'{FORMATTER}: {run.stderr.strip()}'


def check_readme(root):
    text = (root / 'README.md').read_text()
    for command in ('packaging/quickstart', 'test/run'):
        if command not in text:
            yield f'README.md: does not name {command}'
    for command in set(re.findall(r'^(?:\$ )?((?:packaging|test)/[\w/.-]+)', text, re.M)):
        if not (root / command).exists():
            yield f'README.md: {command} does not exist'


def check_exposures(root):
    """What Praefects of tests show to others is kept for the test `secrets`."""
    for path in (root / 'test').rglob('CMakeLists.txt'):
        text = path.read_text()
        if 'PRAEFECT_PROGRAM=' in text and 'starts_praefect(' not in text:
            yield f'{path}: tests that start Praefect are named by starts_praefect()'


def problems(root):
    for check in (check_includes, check_architecture, check_process, check_names, check_sources, check_format,
                  check_readme, check_exposures):
        yield from check(root)


def main():
    found = list(problems(pathlib.Path(sys.argv[1])))
    for problem in found:
        print(problem)
    print(f'{len(found)} problems')
    return 1 if found else 0


if __name__ == '__main__':
    sys.exit(main())
