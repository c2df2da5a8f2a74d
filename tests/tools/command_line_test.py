#!/usr/bin/env python3
"""command_line_test.py SLUICE SLUICED: what the command line prints and ends with, alone and with a broker."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

SLUICED = sys.argv.pop(2)
SLUICE = sys.argv.pop(1)
DONE, FAILED, USAGE, NOT_FOUND, UNREACHABLE, REFUSED, CHECK_FAILED = 0, 1, 2, 3, 5, 7, 8


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


def sluice(*arguments, brokers='127.0.0.1:1'):
    environment = dict(os.environ, SLUICE_BROKERS=brokers)
    return subprocess.run([SLUICE, *arguments], capture_output=True, text=True, stdin=subprocess.DEVNULL,
                          env=environment, timeout=60)


class WithoutBroker(unittest.TestCase):
    def test_version_and_help(self):
        self.assertRegex(sluice('--version').stdout, r'^sluice \d+\.\d+\.\d+\n$')
        answer = sluice('--help')
        self.assertEqual(answer.returncode, DONE)
        self.assertIn('sluice topic create orders -p 6', answer.stdout)

    def test_mistakes_are_usage(self):
        for arguments in ([], ['topic'], ['topic', 'frobnicate'], ['topic', 'create'], ['topic', 'list', '-o', 'xml'],
                          ['topic', 'list', '--timeout', 'soon'], ['topic', 'list', '-b', 'host:port']):
            self.assertEqual(sluice(*arguments).returncode, USAGE, arguments)

    def test_a_broker_that_is_not_there_is_unreachable(self):
        answer = sluice('topic', 'list')
        self.assertEqual((answer.returncode, answer.stdout), (UNREACHABLE, ''))
        self.assertIn('error: cannot reach any of 127.0.0.1:1\n', answer.stderr)
        self.assertIn('  answer  127.0.0.1:1: Connection refused\n', answer.stderr)
        error = json.loads(sluice('topic', 'list', '-o', 'json').stderr)['error']
        self.assertEqual(error['exit'], UNREACHABLE)

    def test_files_that_are_not_there_are_not_found(self):
        self.assertEqual(sluice('log', 'dump', '/nowhere/00000000000000000000.log').returncode, NOT_FOUND)
        self.assertEqual(sluice('log', 'verify', '/nowhere').returncode, NOT_FOUND)


class WithBroker(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory(prefix='sluice-tools-')
        cls.port = free_port()
        cls.brokers = f'127.0.0.1:{cls.port}'
        cls.broker = None
        cls.start()
        cls.addClassCleanup(cls.clean_up)

    @classmethod
    def start(cls):
        settings = [f'log.dirs={cls.directory.name}/data', f'listeners=PLAINTEXT://{cls.brokers}',
                    'sluice.admin.listener=']
        arguments = [argument for setting in settings for argument in ('--set', setting)]
        with open(f'{cls.directory.name}/broker.log', 'w') as log:
            cls.broker = subprocess.Popen([SLUICED, *arguments], stdout=log, stderr=subprocess.STDOUT)
        deadline = time.monotonic() + 30
        while sluice('cluster', 'status', brokers=cls.brokers).returncode != DONE:
            if time.monotonic() > deadline or cls.broker.poll() is not None:
                with open(f'{cls.directory.name}/broker.log') as log:
                    sys.exit('the broker did not start:\n' + log.read())
            time.sleep(0.05)

    @classmethod
    def stop(cls):
        if cls.broker is not None and cls.broker.poll() is None:
            cls.broker.send_signal(signal.SIGTERM)
            cls.broker.wait(30)

    @classmethod
    def clean_up(cls):
        cls.stop()
        cls.directory.cleanup()

    def ask(self, *arguments, status=DONE):
        answer = sluice(*arguments, brokers=self.brokers)
        self.assertEqual(answer.returncode, status, answer.stderr)
        return answer

    def test_the_life_of_a_topic(self):
        self.ask('topic', 'create', 'orders', '-p', '3', '--set', 'retention.ms=3600000')
        self.assertEqual(self.ask('topic', 'list', 'ord*', '-o', 'plain').stdout.split('\t')[:3], ['orders', '3', '1'])
        described = json.loads(self.ask('topic', 'describe', 'orders', '-o', 'json').stdout)[0]
        self.assertEqual(described['settings'], {'retention.ms': '3600000'})
        self.assertEqual([partition['partition'] for partition in described['partitions']], [0, 1, 2])
        again = self.ask('topic', 'create', 'orders', status=FAILED)
        self.assertIn('topic_already_exists', again.stderr)
        self.ask('topic', 'create', 'orders', '--if-absent')
        self.ask('topic', 'delete', 'orders', status=REFUSED)
        self.ask('topic', 'delete', 'orders', '--yes')
        self.assertEqual(self.ask('topic', 'list', 'orders', '-o', 'json').stdout, '[]\n')
        self.ask('topic', 'delete', 'orders', '--yes', status=NOT_FOUND)
        self.ask('topic', 'delete', 'orders', '--yes', '--if-present')

    def test_a_name_spelled_wrong_is_answered_by_the_one_alike(self):
        self.ask('topic', 'create', 'payments')
        self.addCleanup(self.ask, 'topic', 'delete', 'payments', '-y')
        answer = self.ask('topic', 'describe', 'paymets', status=NOT_FOUND)
        self.assertIn('error: no topic named paymets\n', answer.stderr)
        self.assertIn('did you mean payments?', answer.stderr)

    def test_the_first_broker_that_answers_is_asked(self):
        self.ask('topic', 'list', '-b', f'127.0.0.1:1,{self.brokers}')

    def test_the_status_of_the_cluster(self):
        status = json.loads(self.ask('cluster', 'status', '-o', 'json').stdout)
        self.assertEqual([broker['state'] for broker in status['brokers']], ['up'])
        self.assertEqual(status['brokers'][0]['controller'], 'yes')
        self.assertIn({'key': 3, 'api': 'Metadata', 'min': 0, 'max': 13}, status['versions'])

    def test_what_a_broker_leaves_behind_verifies(self):
        self.ask('topic', 'create', 'kept', '-p', '2')
        self.stop()
        try:
            result = json.loads(self.ask('log', 'verify', f'{self.directory.name}/data', '-o', 'json').stdout)
            self.assertEqual(result['problems'], [])
            self.assertGreaterEqual(result['partitions'], 2)
            meta = json.loads(self.ask('log', 'dump', f'{self.directory.name}/data/meta.properties', '-o', 'json').stdout)
            self.assertIn('cluster_id', meta)
            self.damage_is_found()
        finally:
            type(self).start()

    def damage_is_found(self):
        directory = f'{self.directory.name}/kept-9'
        os.makedirs(directory)
        with open(f'{directory}/00000000000000000000.log', 'wb') as log:
            log.write(bytes(100))
        answer = self.ask('log', 'verify', directory, status=CHECK_FAILED)
        self.assertIn('00000000000000000000.log', answer.stdout)
        self.assertIn('1 problem\n', answer.stderr)


if __name__ == '__main__':
    unittest.main()
