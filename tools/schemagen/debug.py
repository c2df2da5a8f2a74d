"""Writes what only tools and tests need of the messages: text, JSON and random instances."""

from codec import Codec
from cpp import GENERATED, Lines, qualified, version_condition


def header(schema):
    out = Lines()
    out(GENERATED.format(schema.path.name))
    out('#pragma once')
    out()
    out(f'#include "protocol/messages/{schema.stem}.hpp"')
    out()
    out('namespace sluice::protocol {')
    out()
    for message in schema.messages:
        out(f'void describe(const {message.name}& message, wire::Printer& out);')
        out(f'std::string dump(const {message.name}& message);')
        out(f'std::string to_json(const {message.name}& message);')
        out(f'/// Sets the fields that `version` has; `random` must outlive the records in it.')
        out(f'void randomize({message.name}& message, std::int16_t version, wire::RandomSource& random);')
        out()
    out('}  // namespace sluice::protocol')
    return str(out)


def describe_function(out, message, struct):
    out.open(f'void describe(const {qualified(message, struct.name)}& message, wire::Printer& out)')
    if not struct.fields and not Codec(message).is_flexible(struct):
        out.text[-1] = out.text[-1].replace('& message', '&')
    out('out.begin_struct();')
    for item in struct.fields:
        out(f'out.field("{item.name}", message.{item.name});')
    if Codec(message).is_flexible(struct):
        out('out.unknown_tags(message.unknown_tags);')
    out('out.end_struct();')
    out.close()
    out()


def randomize_function(out, message, struct):
    codec = Codec(message)
    codec.out = out

    def body(struct):
        for item in struct.fields:
            condition = version_condition(item.versions, struct.versions)
            guard = f'if ({condition}) ' if condition else ''
            plain = f'random.fill(message.{item.name}, version);'
            nullable = f'random.fill_nullable(message.{item.name}, version);'
            when = version_condition(item.nullable, item.versions) if item.nullable else ''
            if not item.nullable:
                out(guard + plain)
            elif not when:
                out(guard + nullable)
            elif not guard:
                out(f'if ({when}) {nullable}')
                out(f'else {plain}')
            else:
                out(f'if (({condition}) && ({when})) {nullable}')
                out(f'else if ({condition}) {plain}')
        if codec.is_flexible(struct):
            always = message.flexible <= struct.versions.first
            out(f'{"" if always else "if (flexible) "}random.fill(message.unknown_tags);')

    name = qualified(message, struct.name)
    codec.function(f'void randomize({name}& message, std::int16_t version, wire::RandomSource& random)', struct, body)


def source(schema):
    out = Lines()
    out(GENERATED.format(schema.path.name))
    out(f'#include "protocol/messages/{schema.stem}_debug.hpp"')
    out()
    out('#include "protocol/wire/printer.hpp"')
    out('#include "protocol/wire/random_source.hpp"')
    out()
    out('namespace sluice::protocol {')
    out()
    for message in schema.messages:
        for struct in [*message.structs.values(), message.body]:
            describe_function(out, message, struct)
            randomize_function(out, message, struct)
        for function, style in (('dump', 'text'), ('to_json', 'json')):
            out.open(f'std::string {function}(const {message.name}& message)')
            out(f'wire::Printer out{{wire::Printer::Style::{style}}};')
            out('describe(message, out);')
            out('return out.take();')
            out.close()
            out()
    out('}  // namespace sluice::protocol')
    return str(out)
