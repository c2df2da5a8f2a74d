#!/usr/bin/env python3
"""Compares Sluice's codecs with Kafka's: run.py --echo PROTOCOL_ECHO --work FOLDER [--seed N] [--instances N]

Kafka's classes encode random messages of all APIs, versions and internal records; protocol-echo must give back each of
them byte for byte. Needs java and, the first time, Maven; without them the answer is status 77, which CTest calls
skipped."""

import argparse
import collections
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
SKIPPED = 77
DIFFERENCES_SHOWN = 10


def fetch_jars(folder):
    """The jars of pom.xml in `folder`, from the local Maven repository if it has them; False when there is no way."""
    if any(folder.glob('kafka-transaction-coordinator-*.jar')):
        return True
    maven = shutil.which('mvn')
    if not maven:
        return False
    command = [maven, '-q', '-B', '-f', str(HERE / 'pom.xml'), 'dependency:copy-dependencies', f'-DoutputDirectory={folder}']
    return any(subprocess.run([*command, *mode], capture_output=True).returncode == 0 for mode in (['-o'], []))


def encode_by_kafka(jars, seed, instances):
    classes = ':'.join(str(jar) for jar in sorted(jars.glob('*.jar')))
    command = ['java', '-Xmx512m', '-XX:TieredStopAtLevel=1', '-cp', classes, str(HERE / 'RandomMessages.java')]
    return subprocess.run([*command, str(seed), str(instances)], stdout=subprocess.PIPE, check=True).stdout


def shortened(line):
    return line if len(line) <= 300 else line[:300] + '...'


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--echo', required=True, help='the protocol-echo binary')
    parser.add_argument('--work', type=Path, required=True, help='folder for the jars')
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--instances', type=int, default=8, help='random messages of each type and version')
    arguments = parser.parse_args()
    if not shutil.which('java'):
        print('skipped: no java')
        return SKIPPED
    if not fetch_jars(arguments.work / 'jars'):
        print('skipped: no Maven, or no access to the jars of Kafka')
        return SKIPPED

    sent = encode_by_kafka(arguments.work / 'jars', arguments.seed, arguments.instances)
    echoed = subprocess.run([arguments.echo], input=sent, stdout=subprocess.PIPE, check=True).stdout
    sent, echoed = sent.decode().splitlines(), echoed.decode().splitlines()
    if len(sent) != len(echoed):
        print(f'{len(sent)} messages sent, {len(echoed)} came back')
        return 1
    different = [(a, b) for a, b in zip(sent, echoed) if a != b]
    for a, b in different[:DIFFERENCES_SHOWN]:
        print(f'kafka  {shortened(a)}\nsluice {shortened(b)}\n')
    if different:
        kinds = collections.Counter(','.join(a.split(',')[:3]) for a, _ in different)
        print('differences:', ', '.join(f'{kind} ({count})' for kind, count in kinds.most_common()))
    kinds = len({','.join(line.split(',')[:3]) for line in sent})
    print(f'{len(sent)} messages of {kinds} types and versions compared, {len(different)} differ (seed {arguments.seed})')
    return 1 if different or not sent else 0


if __name__ == '__main__':
    sys.exit(main())
