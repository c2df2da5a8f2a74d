"""Writes the codecs: straight-line C++, one struct after the other."""

import re

from cpp import GENERATED, Lines, is_default, is_optional, is_records, qualified, version_condition
from schema import Range, element_size_min
from type_table import TYPES

class Codec:
    """The functions of one message."""

    def __init__(self, message):
        self.message = message
        self.out = Lines()

    # -- names --

    def flexible(self, item):
        return 'false' if item.plain else 'flexible'

    def nullable(self, item):
        return 'nullable_' if is_optional(item) and not item.array else ''

    def get(self, item, nullable=False):
        row = TYPES[item.base]
        if row.kind in ('string', 'bytes', 'records'):
            return f'in.{"nullable_" if nullable else ""}{row.wire}({self.flexible(item)})'
        if row.kind == 'id':
            return f'{item.base}{{in.{row.wire}()}}'
        if row.kind == 'error':
            return f'static_cast<ErrorCode>(in.{row.wire}())'
        return f'in.{row.wire}()'

    def put(self, item, value):
        row = TYPES[item.base]
        if row.kind in ('string', 'bytes', 'records'):
            return f'out.{self.nullable(item)}{row.wire}({value}, {self.flexible(item)});'
        if row.kind == 'id':
            return f'out.{row.wire}({value}.value());'
        if row.kind == 'error':
            return f'out.{row.wire}(static_cast<std::int16_t>({value}));'
        return f'out.{row.wire}({value});'

    def size(self, item, value):
        row = TYPES[item.base]
        return str(row.size) if row.size else f'wire::{self.nullable(item)}{row.wire}_size({value}, {self.flexible(item)})'

    # -- encode --

    def encode_value(self, item, value):
        out = self.out
        if item.array:
            target = value
            if item.nullable:
                out.open(f'if ({value})')
                target = f'(*{value})'
            out(f'out.array_length({target}.size(), flexible);')
            element = 'encode_struct(element, version, out);' if item.is_struct else self.put(item, 'element')
            out(f'for (const auto& element : {target}) {element}')
            if item.nullable:
                out.turn('else')
                out('out.null_array(flexible);')
                out.close()
        elif item.is_struct and item.nullable:
            out(f'out.varint({value} ? 1 : 0);' if item.tag is not None else f'out.int8({value} ? 1 : -1);')
            out(f'if ({value}) encode_struct(*{value}, version, out);')
        elif item.is_struct:
            out(f'encode_struct({value}, version, out);')
        elif is_records(item) and not item.nullable:
            out(self.put(item, f'{value}.is_null() ? wire::Records::view({{}}) : {value}'))
        else:
            out(self.put(item, value))

    def null_check(self, item, condition):
        if item.nullable and item.nullable != item.versions:
            self.out(condition(version_condition(item.nullable, item.versions)))

    def encode_struct(self, struct):
        out = self.out
        for item in struct.plain_fields():
            value = f'message.{item.name}'
            condition = version_condition(item.versions, struct.versions)
            if condition:
                out.open(f'if ({condition})')
            self.null_check(item, lambda when: f'SLUICE_ASSERT(({when}) || {self.not_null(item, value)}, version);')
            self.encode_value(item, value)
            if condition and not item.ignorable:
                out.turn('else')
                self.assert_default(item, value)
            if condition:
                out.close()
        self.encode_tags(struct)

    @staticmethod
    def not_null(item, value):
        return f'!{value}.is_null()' if is_records(item) else f'{value}'

    def assert_default(self, item, value):
        self.out(f'SLUICE_ASSERT({is_default(item, value)}, version);')

    def tag_condition(self, item, struct):
        condition = version_condition(item.versions, self.flexible_part(struct))
        absent = is_default(item, f'message.{item.name}')
        present = f'!({absent})' if not absent.startswith('!') else absent[1:]
        present = f'{present}.has_value()' if is_optional(item) and item.default == 'null' else present
        return f'{condition} && {present}' if condition else present

    def flexible_part(self, struct):
        return struct.versions.clip(Range(self.message.flexible, self.message.versions.last))

    def is_flexible(self, struct):
        return self.message.flexible is not None and self.flexible_part(struct) is not None

    def encode_tags(self, struct):
        out = self.out
        if not self.is_flexible(struct):
            return
        always = self.message.flexible <= struct.versions.first
        for item in struct.tagged():
            condition = version_condition(item.versions, struct.versions)
            if condition and not item.ignorable:
                out.open(f'if (!({condition}))')
                self.assert_default(item, f'message.{item.name}')
                out.close()
        if not always:
            out.open('if (flexible)')
        for item in struct.tagged():
            out(f'const bool has_{item.name} = {self.tag_condition(item, struct)};')
        count = ' + '.join(f'std::uint32_t{{has_{item.name}}}' for item in struct.tagged()) or '0'
        out(f'wire::TagWriter tags{{out, message.unknown_tags, {count}}};')
        for item in struct.tagged():
            out.open(f'if (has_{item.name})')
            out('std::size_t payload = 0;')
            self.add_size(item, f'message.{item.name}', 'payload')
            out(f'tags.begin({item.tag}, payload);')
            self.encode_value(item, f'message.{item.name}')
            out.close()
        out('tags.end();')
        if not always:
            out.turn('else')
            out('SLUICE_ASSERT(message.unknown_tags.empty(), version);')
            out.close()

    # -- size --

    def add_size(self, item, value, total):
        out = self.out
        if item.array:
            target = value
            if item.nullable:
                out.open(f'if ({value})')
                target = f'(*{value})'
            fixed = 0 if item.is_struct else TYPES[item.base].size
            each = f' + {fixed} * {target}.size()' if fixed else ''
            out(f'{total} += wire::length_size({target}.size(), flexible){each};')
            if not fixed:
                element = 'struct_size(element, version)' if item.is_struct else self.size(item, 'element')
                out(f'for (const auto& element : {target}) {total} += {element};')
            if item.nullable:
                out.turn('else')
                out(f'{total} += wire::null_length_size(flexible);')
                out.close()
        elif item.is_struct and item.nullable:
            out(f'{total} += 1;')
            out(f'if ({value}) {total} += struct_size(*{value}, version);')
        elif item.is_struct:
            out(f'{total} += struct_size({value}, version);')
        else:
            out(f'{total} += {self.size(item, value)};')

    def size_struct(self, struct):
        out = self.out
        always, conditional = 0, []
        for item in struct.plain_fields():
            fixed = not item.array and not item.is_struct and TYPES[item.base].size
            if fixed and item.versions.covers(struct.versions):
                always += fixed
            else:
                conditional.append(item)
        out(f'std::size_t size = {always};')
        for item in conditional:
            condition = version_condition(item.versions, struct.versions)
            if condition:
                out.open(f'if ({condition})')
            self.add_size(item, f'message.{item.name}', 'size')
            if condition:
                out.close()
        if self.is_flexible(struct):
            self.size_tags(struct)
        out('return size;')

    def size_tags(self, struct):
        out = self.out
        always = self.message.flexible <= struct.versions.first
        if not always:
            out.open('if (flexible)')
        if struct.tagged():
            out('std::uint32_t known_count = 0;')
            out('std::size_t known_size = 0;')
        for item in struct.tagged():
            out.open(f'if ({self.tag_condition(item, struct)})')
            out('std::size_t payload = 0;')
            self.add_size(item, f'message.{item.name}', 'payload')
            out('++known_count;')
            out(f'known_size += wire::tagged_field_size({item.tag}, payload);')
            out.close()
        known = 'known_count, known_size' if struct.tagged() else '0, 0'
        out(f'size += wire::tagged_section_size(message.unknown_tags, {known});')
        if not always:
            out.close()

    # -- decode --

    def decode_value(self, item, value):
        out = self.out
        if item.array:
            self.decode_array(item, value)
        elif item.is_struct and item.nullable:
            out.open('if (in.varint() > 0)' if item.tag is not None else 'if (in.present())')
            out(f'decode_struct(in, version, {value}.emplace());')
            out.turn('else')
            out(f'{value}.reset();')
            out.close()
        elif item.is_struct:
            out(f'decode_struct(in, version, {value});')
        else:
            out(f'{value} = {self.get(item, item.nullable is not None)};')

    def decode_array(self, item, value):
        out = self.out
        least = element_size_min(self.message, item)
        if item.nullable:
            out.open(f'if (const auto count = in.nullable_array_length(flexible, {least}))')
            out(f'auto& elements = {value}.emplace();')
        else:
            out.open('')
            out.text[-1] = out.text[-1].rstrip().removesuffix('{').rstrip() + '  ' * (out.depth - 1) + '{'
            out(f'const auto count = in.array_length(flexible, {least});')
            out(f'auto& elements = {value};')
        count = '*count' if item.nullable else 'count'
        out(f'wire::reserve_for(elements, {count}, in);')
        element = ('decode_struct(in, version, elements.emplace_back());' if item.is_struct
                   else f'elements.push_back({self.get(item)});')
        out(f'for (std::size_t i = 0; i < {count} && in.ok(); ++i) {element}')
        if item.nullable:
            out.turn('else')
            out(f'{value}.reset();')
        out.close()

    def decode_struct(self, struct):
        out = self.out
        for item in struct.plain_fields():
            value = f'message.{item.name}'
            condition = version_condition(item.versions, struct.versions)
            if condition:
                out.open(f'if ({condition})')
            self.decode_value(item, value)
            self.null_check(item, lambda when: f'if (!({when}) && !{self.not_null(item, "(" + value + ")") if not is_records(item) else "(" + self.not_null(item, value) + ")"}) in.fail();')
            if condition:
                out.close()
        if not self.is_flexible(struct):
            return
        if self.message.flexible > struct.versions.first:
            out.open('if (flexible)')
        out.open('for (wire::TagReader tags{in}; tags.next();)')
        self.decode_tags(struct)
        out.close()
        if self.message.flexible > struct.versions.first:
            out.close()

    def decode_tags(self, struct):
        """A tag that this version does not have yet is as unknown as any other."""
        out = self.out
        for item in struct.tagged():
            condition = version_condition(item.versions, self.flexible_part(struct))
            out.open(f'if (tags.tag() == {item.tag}{" && " + condition if condition else ""})')
            self.decode_value(item, f'message.{item.name}')
            out('continue;')
            out.close()
        out('tags.keep(message.unknown_tags);')

    # -- the functions --

    def mentions(self, variable, start):
        return any(re.search(rf'(?<![.\w]){variable}\b', line) for line in self.out.text[start:])

    def function(self, signature, struct, body):
        out = self.out
        out.open(signature)
        flexible = self.message.flexible
        start = len(out.text)
        body(struct)
        if self.mentions('flexible', start):
            value = 'false' if flexible is None else 'true' if flexible <= struct.versions.first else f'version >= {flexible}'
            out.text.insert(start, '  ' * out.depth + f'const bool flexible = {value};')
        for name in ('in', 'out', 'version', 'message'):
            if not self.mentions(name, start):
                out.text[start - 1] = re.sub(rf' {name}(?=[,)])', '', out.text[start - 1])
        out.close()
        out()

    def functions(self):
        out, message = self.out, self.message
        if message.structs:
            out('namespace {')
            out()
            for struct in message.structs.values():
                name = qualified(message, struct.name)
                self.function(f'std::size_t struct_size(const {name}& message, std::int16_t version)', struct, self.size_struct)
                self.function(f'void encode_struct(const {name}& message, std::int16_t version, wire::Writer& out)', struct,
                              self.encode_struct)
                self.function(f'void decode_struct(wire::Reader& in, std::int16_t version, {name}& message)', struct,
                              self.decode_struct)
            out('}  // namespace')
            out()
        name = message.name

        def encode(struct):
            out(f'SLUICE_ASSERT({name}::kVersions.contains(version), version);')
            self.encode_struct(struct)

        def decode(struct):
            out('message = {};')
            out(f'if (!{name}::kVersions.contains(version)) in.fail();')
            self.decode_struct(struct)
            out('return in.ok();')

        self.function(f'std::size_t encoded_size(const {name}& message, std::int16_t version)', message.body, self.size_struct)
        self.function(f'void encode(const {name}& message, std::int16_t version, wire::Writer& out)', message.body, encode)
        self.function(f'bool decode(wire::Reader& in, std::int16_t version, {name}& message)', message.body, decode)
        return str(out)


def source(schema):
    out = Lines()
    out(GENERATED.format(schema.path.name))
    out(f'#include "protocol/messages/{schema.stem}.hpp"')
    out()
    for name in ('base/assert', 'wire/reader', 'wire/size', 'wire/tagged_fields', 'wire/writer'):
        out(f'#include "protocol/{name}.hpp"')
    out()
    out('namespace sluice::protocol {')
    out()
    for message in schema.messages:
        out.text.append(Codec(message).functions().rstrip('\n'))
        out()
    out('}  // namespace sluice::protocol')
    return str(out)
