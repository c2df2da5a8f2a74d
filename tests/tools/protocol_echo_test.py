#!/usr/bin/env python3
"""protocol_echo_test.py PROTOCOL_ECHO: what the program answers to lines that tests in other languages may send."""

import subprocess
import sys
import unittest

ECHO = sys.argv.pop(1)


def ask(*lines):
    text = ''.join(line + '\n' for line in lines)
    return subprocess.run([ECHO], input=text, capture_output=True, text=True, check=True).stdout.splitlines()


class ProtocolEcho(unittest.TestCase):
    def assert_same(self, line):
        self.assertEqual(ask(line), [line])

    def assert_error(self, line, why):
        self.assertEqual(ask(line), [line.rpartition(',')[0] + ',error: ' + why])

    def test_bodies_come_back(self):
        self.assert_same('18,0,request,')
        self.assert_same('12,4,request,' + '0267' + '00000001' + '026d' + '00' + '00')
        self.assert_same('12,1,response,' + '00000000' + '001b')

    def test_headers_go_by_the_version_of_the_body(self):
        self.assert_same('12,3,reqheader:v3,' + '000c' + '0003' + '00000007' + '000161')
        self.assert_same('12,4,reqheader:v4,' + '000c' + '0004' + '00000007' + '000161' + '00')
        self.assert_same('12,4,resheader:v4,' + '00000007' + '00')
        self.assert_same('18,4,resheader:v4,' + '00000007')

    def test_records_of_internal_topics_come_back(self):
        self.assert_same('-1,0,data:OffsetCommitKey,' + '000167' + '000174' + '00000003')

    def test_unknown_tagged_fields_come_back(self):
        self.assert_same('12,4,request,' + '0267' + '00000001' + '026d' + '00' + '0205023132' + '6400')

    def test_errors_name_their_cause(self):
        self.assert_error('12,1,response,00000000001b00', '1 bytes follow the message')
        self.assert_error('12,1,response,00000000', 'malformed')
        self.assert_error('12,1,response,0', 'not hexadecimal digits in pairs')
        self.assert_error('12,1,response,0g', 'not hexadecimal digits in pairs')
        self.assert_error('95,0,request,', 'unknown key')
        self.assert_error('-2,0,request,', 'unknown key')
        self.assert_error('x,0,request,', 'the key is no number')
        self.assert_error('12,,request,', 'the version is no number')
        self.assert_error('12,5,request,', 'unknown version')
        self.assert_error('4,0,request,', 'unknown version')
        self.assert_error('12,5,reqheader:v5,', 'unknown version')
        self.assert_error('12,0,question,', 'unknown kind')
        self.assert_error('-1,0,data:Nothing,', 'unknown name')
        self.assert_error('-1,0,data:FetchRequest,', 'unknown name')
        self.assert_error('-1,9,data:OffsetCommitKey,', 'unknown version')

    def test_lines_are_answered_one_by_one_and_in_order(self):
        lines = ['18,0,request,', '12,1,response,00000000001b', '18,0,request,00']
        self.assertEqual(ask(*lines), lines[:2] + ['18,0,request,error: 1 bytes follow the message'])


if __name__ == '__main__':
    unittest.main()
