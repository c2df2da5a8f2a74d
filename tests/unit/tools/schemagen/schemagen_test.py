#!/usr/bin/env python3
"""The generator's output for golden/*.schema, and what it says of schemas that cannot be right.

--rewrite writes the output over the expected files, for review as a diff."""

import re
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
GOLDEN = HERE / 'golden'
SCHEMAGEN = HERE.parents[3] / 'tools/schemagen/schemagen.py'
sys.path.insert(0, str(SCHEMAGEN.parent))
import schema  # noqa: E402

API = 'api 1 Fetch, versions 4-18, flexible 12+\n\nrequest\n'


def generate(output, *schemas):
    command = [sys.executable, '-B', str(SCHEMAGEN), '--output', str(output), *map(str, schemas)]
    return subprocess.run(command, capture_output=True, text=True)


class Golden(unittest.TestCase):
    def test_output_is_as_reviewed(self):
        with tempfile.TemporaryDirectory() as folder:
            done = generate(folder, *sorted(GOLDEN.glob('*.schema')))
            self.assertEqual((done.returncode, done.stderr), (0, ''))
            for path in sorted(Path(folder).iterdir()):
                with self.subTest(path.name):
                    self.assertEqual(path.read_text(), (GOLDEN / path.name).read_text())

    def test_files_that_stay_the_same_keep_their_time(self):
        with tempfile.TemporaryDirectory() as folder:
            schemas = sorted(GOLDEN.glob('*.schema'))
            generate(folder, *schemas)
            before = {path: path.stat().st_mtime_ns for path in Path(folder).iterdir()}
            time.sleep(0.01)
            generate(folder, *schemas)
            self.assertEqual(before, {path: path.stat().st_mtime_ns for path in Path(folder).iterdir()})


class Errors(unittest.TestCase):
    def test_the_program_prints_the_error_and_fails(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / '001_fetch.schema'
            path.write_text('api')
            done = generate(Path(folder) / 'out', path)
        self.assertEqual((done.returncode, done.stderr), (1, '001_fetch.schema:1: expected api KEY Name, versions ...\n'))

    def assert_error(self, text, expected):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / '001_fetch.schema'
            path.write_text(text)
            with self.assertRaises(schema.SchemaError) as raised:
                schema.load([path])
        self.assertEqual(str(raised.exception), '001_fetch.schema:' + expected)

    def field_error(self, fields, expected):
        self.assert_error(API + fields + '\nresponse\n', expected)

    def test_tags(self):
        self.field_error('  a int8 v12+ tag 0\n  b int8 v12+ tag 0\n', '5: tag 0 already used by a')
        self.field_error('  a int8 v11+ tag 0\n', '4: a is tagged in versions that are not flexible')

    def test_versions(self):
        self.field_error('  a int8 v3+\n', '4: versions of a must lie inside 4-18')
        self.field_error('  a int8 v19\n', '4: versions of a must lie inside 4-18')
        self.field_error('  a string?4+ v5+\n', '4: null versions of a must lie inside its versions')
        self.assert_error('api 1 Fetch, versions 4-18, flexible 19+\n', '1: flexible versions must be A+, inside versions')
        self.assert_error('api 1 Fetch, versions 4+\n', '1: expected versions A or A-B')
        self.assert_error('api 1 Fetch, version 4\n', '1: unknown attribute "version 4"')

    def test_names(self):
        self.field_error('  a int8\n  a int8\n', '5: field a already defined')
        self.field_error('  default int8\n', '4: default is not a usable field name')
        self.field_error('  Big int8\n', '4: Big is not a usable field name')
        self.field_error('  a int9\n', '4: unknown type int9')
        self.field_error('  a []Nowhere\n', '4: unknown type Nowhere')

    def test_defaults(self):
        self.field_error('  a int8 = null\n', '4: null is no default for a')
        self.field_error('  a bool = 1\n', '4: 1 is no default for a')
        self.field_error('  a string = x\n', '4: x is no default for a')
        self.field_error('  a []int8 = 0\n', '4: 0 is no default for a')

    def test_structs(self):
        self.field_error('  a []A\n    b int8\n  c A\n    d int8\n', '7: struct A already defined in line 5')
        self.field_error('  struct A\n    b int8\n', '4: struct A is not used')
        self.field_error('  a []A\n  struct A\n    a []A\n', '6: A contains itself')
        self.field_error('  a A v5+\n    b int8\n  c A\n', '6: struct A has no versions 4-18, only 5-18')
        self.field_error('  a int8\n    b int8\n', '5: nothing to nest in')
        self.field_error('   a int8\n', '4: indent by two spaces')
        self.field_error('  a []A\n    b int8 v5+\n', '4: an element of a may take no bytes at all')

    def test_sections(self):
        self.assert_error('', '1: no header')
        self.assert_error('apis 1 Fetch\n', '1: expected api, data or header, found apis')
        self.assert_error(API, '1: expected the sections request and response, in this order')
        self.field_error('  a int8 sometimes\n', '4: cannot read "a int8 sometimes"')


def rewrite():
    schemas = sorted(GOLDEN.glob('*.schema'))
    for path in GOLDEN.iterdir():
        if re.search(r'\.[ch]pp$', path.name):
            path.unlink()
    sys.exit(generate(GOLDEN, *schemas).returncode)


if __name__ == '__main__':
    if '--rewrite' in sys.argv:
        rewrite()
    unittest.main()
