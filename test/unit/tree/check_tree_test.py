#!/usr/bin/env python3
"""Shows that every check of check_tree.py finds what it is for, on small made-up trees."""
import contextlib
import io
import pathlib
import shutil
import tempfile
import unittest
import unittest.mock

import check_tree


class CheckTree(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)
        self.root = pathlib.Path(self.directory.name)
        self.write('lib/CMakeLists.txt', 'set(praefect_module_order low high)\n')
        self.write('lib/low/a.h', '#pragma once\n')
        self.write('lib/high/b.cc', '#include "low/a.h"\n')
        self.write('ARCHITECTURE.md', '| `low` | x |\n| `high` | y |\n')
        self.write('README.md', 'packaging/quickstart\ntest/run\n')
        self.write('packaging/quickstart', '')
        self.write('test/run', '')

    def write(self, path, text):
        path = self.root / path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def found(self):
        return ' '.join(check_tree.problems(self.root))

    def test_a_good_tree_has_no_problems(self):
        self.assertEqual(self.found(), '')

    def test_an_include_against_the_order_is_found(self):
        self.write('lib/low/a.h', '#include "high/b.h"\n')
        self.assertIn('low includes high', self.found())

    def test_a_module_without_a_place_is_found(self):
        self.write('lib/stray/c.h', '')
        self.assertIn('module stray is not in the order', self.found())

    def test_a_module_table_in_another_order_is_found(self):
        self.write('ARCHITECTURE.md', '| `high` | y |\n| `low` | x |\n')
        self.assertIn('the module table', self.found())

    def test_printing_in_lib_is_found_but_not_in_a_comment_or_string(self):
        self.write('lib/low/a.cc', '// printf("x")\nauto s = "exit(1)";\n')
        self.assertEqual(self.found(), '')
        self.write('lib/low/a.cc', 'void F() { printf("x"); }\n')
        self.assertIn('belongs in cmd/', self.found())

    def test_a_vague_name_is_found(self):
        self.write('lib/low/util.h', '')
        self.assertIn('does not say what it is', self.found())

    def test_a_header_without_pragma_once_is_found(self):
        self.write('lib/low/a.h', '// First.\n#pragma once\n')
        self.assertIn('a.h: a header begins with #pragma once', self.found())

    def test_a_source_of_too_many_lines_is_found(self):
        self.write('cmd/praefect/long.cc', 'int i;\n' * 700)
        self.assertEqual(self.found(), '')
        self.write('cmd/praefect/long.cc', 'int i;\n' * 701)
        self.assertIn('long.cc: 701 lines', self.found())

    @unittest.skipUnless(shutil.which(check_tree.FORMATTER), 'the formatter is not installed')
    def test_a_source_that_is_not_formatted_is_found(self):
        self.write('.clang-format', 'BasedOnStyle: Google\n')
        self.write('test/unit/low/a_test.cc', 'int  i;\n')
        self.assertIn('a_test.cc: not formatted', self.found())

    def test_without_the_formatter_the_rest_is_checked_and_that_is_said(self):
        self.write('test/unit/low/a_test.cc', 'int  i;\n')
        said = io.StringIO()
        with unittest.mock.patch.object(check_tree, 'FORMATTER', 'no-such-formatter'):
            with contextlib.redirect_stdout(said):
                self.assertEqual(self.found(), '')
        self.assertIn('formatting is not checked', said.getvalue())

    def test_a_command_that_is_gone_is_found(self):
        (self.root / 'test/run').unlink()
        self.assertIn('test/run does not exist', self.found())

    def test_a_praefect_whose_exposures_are_not_kept_is_found(self):
        definition = 'target_compile_definitions(a PRIVATE PRAEFECT_PROGRAM="x")\n'
        self.write('test/integration/a/CMakeLists.txt', definition)
        self.assertIn('named by starts_praefect()', self.found())
        self.write('test/integration/a/CMakeLists.txt', definition + 'starts_praefect(a)\n')
        self.assertEqual(self.found(), '')


if __name__ == '__main__':
    unittest.main()
