#!/usr/bin/env python3
"""Shows that check_exposures.py finds what it is for."""
import pathlib
import tempfile
import unittest

import check_exposures


class CheckExposures(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.folder = pathlib.Path(directory.name)

    def found(self, *lines):
        (self.folder / '1-1').write_text('\n'.join(['==== standard output', *lines]))
        return check_exposures.problems(self.folder)

    def test_a_clean_log_has_no_problems(self):
        self.assertEqual(self.found('level=info msg="Starting praefect"'), [])

    def test_every_kind_of_secret_is_found_where_it_is(self):
        for line in ('token = hunter2-client', 'password=PRAEFECT_SQL_PASSWORD',
                     'Bearer v2.' + 'ab' * 32 + '.1600000000',
                     '-----BEGIN RSA PRIVATE KEY-----'):
            [problem] = self.found('first', line)
            self.assertIn('1-1:3: ', problem)
            self.assertIn('in "standard output"', problem)

    def test_nothing_to_look_at_is_a_problem(self):
        self.assertEqual(len(check_exposures.problems(self.folder)), 1)


if __name__ == '__main__':
    unittest.main()
