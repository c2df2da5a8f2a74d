"""Writes the message headers: plain structs with defaults and equality, and the facts of the API."""

import textwrap

from codec import Codec
from cpp import GENERATED, Lines, field_type, initialiser

COLUMNS = 120


def struct_definition(out, message, struct, nested=()):
    out.open(f'struct {struct.name}')
    if struct is message.body:
        flexible = 'wire::kNeverFlexible' if message.flexible is None else message.flexible
        out(f'static constexpr VersionRange kVersions{{{message.versions.first}, {message.versions.last}}};')
        out(f'static constexpr std::int16_t kFirstFlexible = {flexible};')
        if message.record is not None:
            out(f'static constexpr std::int16_t kRecordType = {message.record};')
        out()
    for inner in nested:
        struct_definition(out, message, inner)
        out()
    for item in struct.fields:
        line = f'{field_type(item)} {item.name}{initialiser(item)};'
        if item.comment and 2 * out.depth + len(line) + len(item.comment) + 7 > COLUMNS:
            for part in textwrap.wrap(item.comment, COLUMNS - 4 - 2 * out.depth):
                out(f'/// {part}')
        elif item.comment:
            line += f'  ///< {item.comment}'
        out(line)
    if Codec(message).is_flexible(struct):
        out('UnknownTaggedFields unknown_tags{};')
    if struct.fields:
        out()
    out(f'bool operator==(const {struct.name}&) const = default;')
    out.close(';')


def header(schema):
    out = Lines()
    out(GENERATED.format(schema.path.name))
    out('#pragma once')
    out()
    out('#include "protocol/wire/message.hpp"')
    out()
    out('namespace sluice::protocol {')
    out()
    for message in schema.messages:
        struct_definition(out, message, message.body, message.structs.values())
        out()
        out(f'std::size_t encoded_size(const {message.name}& message, std::int16_t version);')
        out(f'void encode(const {message.name}& message, std::int16_t version, wire::Writer& out);')
        out(f'[[nodiscard]] bool decode(wire::Reader& in, std::int16_t version, {message.name}& message);')
        out()
    if schema.api:
        for line in schema.comment:
            out(f'/// {line}')
        out.open(f'struct {schema.api}')
        if schema.messages:
            out(f'using Request = {schema.api}Request;')
            out(f'using Response = {schema.api}Response;')
        out(f'static constexpr ApiKey key{{{schema.key}}};')
        out(f'static constexpr std::string_view name = "{schema.api}";')
        versions = f'{schema.versions.first}, {schema.versions.last}' if schema.versions else ''
        out(f'static constexpr VersionRange versions{{{versions}}};')
        flexible = 'wire::kNeverFlexible' if schema.flexible is None else schema.flexible
        out(f'static constexpr std::int16_t first_flexible = {flexible};')
        out(f'static constexpr std::optional<std::int16_t> first_unstable{{{"" if schema.unstable is None else schema.unstable}}};')
        out.close(';')
        out(f'static_assert({schema.api}::key == ApiKey::{schema.stem});')
        out()
    out('}  // namespace sluice::protocol')
    return str(out)
