#!/usr/bin/env python3
"""run_test.py BUILD: the programs of test/bench/run do every kind of work through this Praefect, with little of
everything, and write down what they found; and a bar that is missed is named. No figure is judged here."""
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(HERE))
from measure import bars, report  # noqa: E402
from measure.works import WORKS  # noqa: E402

BUILD = sys.argv.pop(1)


class Run(unittest.TestCase):
    def test_every_work_is_measured(self):
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder) / 'figures.json'
            run = subprocess.run([HERE / 'run', '-small', '-binaries', BUILD, '-peers', 'praefect,bytes,direct',
                                  '-rounds', '1', '-seconds', '0.2', '-json', file],
                                 capture_output=True, text=True, check=False)
            self.assertEqual(run.returncode, 0, run.stderr)
            written = json.loads(file.read_text())
        self.assertEqual(set(written['figures']), {work.name for work in WORKS})
        for work in WORKS:
            for proxy in {'praefect', 'bytes', 'direct'} & set(work.proxies):
                (figures,) = written['figures'][work.name][proxy]
                for name, value in figures.items():
                    self.assertIn(name, report.SHOWN)
                    # In so short a time the CPU of a proxy may be less than its clock shows; and what a few
                    # connections need, a process that has served others may have.
                    if not name.startswith('cpu') and name != 'bytes_above_idle':
                        self.assertGreater(value, 0, f'{work.name}: {proxy}: {name}')
        self.assertIn('1,000 idle connections', run.stdout)


class Bars(unittest.TestCase):
    def judged(self, praefect, nginx):
        figures = {'download': {'praefect': [{'cpu_s_per_gib': value} for value in praefect],
                                'nginx': [{'cpu_s_per_gib': value} for value in nginx]}}
        (verdict,) = bars.judge(figures)
        return verdict

    def test_the_median_of_the_ratios_of_the_rounds_counts(self):
        verdict = self.judged(praefect=[1, 8, 9], nginx=[10, 10, 10])
        self.assertEqual((verdict['lowest'], verdict['median'], verdict['highest']), (0.1, 0.8, 0.9))
        self.assertTrue(verdict['met'])

    def test_a_missed_bar_is_named_with_its_ratio(self):
        verdict = self.judged(praefect=[1, 17, 18], nginx=[10, 10, 10])
        self.assertEqual(list(report.missed([verdict])),
                         ['missed: download: CPU per GiB / nginx: 1.7, and the bar is 0.85 (x 2.00)'])

    def test_every_bar_is_of_something_that_is_measured(self):
        works = {work.name: work for work in WORKS}
        for bar in bars.BARS:
            self.assertLessEqual(set(bar.proxies()), set(works[bar.work].proxies))


class Results(unittest.TestCase):
    def test_only_its_own_section_is_replaced(self):
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder) / 'RESULTS.md'
            file.write_text('before\n<!-- a -->\nold\n<!-- end of a -->\nafter\n')
            report.replace_section(file, 'a', ['new'])
            self.assertEqual(file.read_text(), 'before\n<!-- a -->\nnew\n<!-- end of a -->\nafter\n')


if __name__ == '__main__':
    unittest.main(argv=sys.argv)
