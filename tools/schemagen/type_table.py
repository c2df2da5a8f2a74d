"""The types of the schema language: one row each."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Type:
    cpp: str        # C++ type of the field
    wire: str       # method of wire::Reader, wire::Writer and wire::RandomSource
    size: int       # bytes on the wire; 0 when it varies
    kind: str       # integer, bool, float, uuid, error, id (wraps an integer), string, bytes, records


def _integer(bits, prefix=''):
    name = f'{prefix}int{bits}'
    return Type(f'std::{name}_t', name, bits // 8, 'integer')


def _id(name, bits):
    return Type(name, f'int{bits}', bits // 8, 'id')


_TEXT = Type('std::string', 'string', 0, 'string')

TYPES = {
    'bool': Type('bool', 'boolean', 1, 'bool'),
    'int8': _integer(8),
    'int16': _integer(16),
    'int32': _integer(32),
    'int64': _integer(64),
    'uint16': _integer(16, 'u'),
    'uint32': _integer(32, 'u'),
    'float64': Type('double', 'float64', 8, 'float'),
    'uuid': Type('Uuid', 'uuid', 16, 'uuid'),
    'error': Type('ErrorCode', 'int16', 2, 'error'),
    'string': _TEXT,
    'bytes': Type('std::vector<std::byte>', 'bytes', 0, 'bytes'),
    'records': Type('wire::Records', 'records', 0, 'records'),
    # Strong types of protocol/base/ids.hpp.
    'BrokerId': _id('BrokerId', 32),
    'PartitionId': _id('PartitionId', 32),
    'LeaderEpoch': _id('LeaderEpoch', 32),
    'ProducerId': _id('ProducerId', 64),
    'ProducerEpoch': _id('ProducerEpoch', 16),
    'Offset': _id('Offset', 64),
    'Timestamp': _id('Timestamp', 64),
    # Strings that say what they name.
    'TopicName': _TEXT,
    'GroupId': _TEXT,
    'MemberId': _TEXT,
    'InstanceId': _TEXT,
    'TransactionalId': _TEXT,
}
