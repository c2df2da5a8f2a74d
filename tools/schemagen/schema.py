"""Reads .schema files (grammar.md) into messages, and rejects what cannot be right."""

import re
from dataclasses import dataclass, field as member
from pathlib import Path

from type_table import TYPES

UNBOUNDED = 32767
CPP_KEYWORDS = set('''alignas alignof and asm auto bool break case catch char class concept const consteval constexpr
    constinit continue decltype default delete do double else enum explicit export extern false float for friend goto
    if inline int long mutable namespace new noexcept not nullptr operator or private protected public register
    requires return short signed sizeof static struct switch template this throw true try typedef typeid typename
    union unsigned using virtual void volatile while xor'''.split())


class SchemaError(Exception):
    pass


@dataclass(frozen=True)
class Range:
    first: int
    last: int

    def covers(self, other):
        return self.first <= other.first and other.last <= self.last

    def clip(self, other):
        clipped = Range(max(self.first, other.first), min(self.last, other.last))
        return clipped if clipped.first <= clipped.last else None


@dataclass
class Field:
    name: str
    base: str               # a row of the type table, or a struct
    array: bool
    nullable: Range         # versions in which null may be sent; None when it never may
    versions: Range
    tag: int                # None: not tagged
    default: str            # as written; None: the type's zero
    ignorable: bool
    plain: bool             # keeps the older string encoding in flexible versions
    comment: str
    line: int

    @property
    def is_struct(self):
        return self.base not in TYPES


@dataclass
class Struct:
    name: str
    versions: Range
    line: int
    fields: list = member(default_factory=list)

    def tagged(self):
        return sorted((f for f in self.fields if f.tag is not None), key=lambda f: f.tag)

    def plain_fields(self):
        return [f for f in self.fields if f.tag is None]


@dataclass
class Message:
    kind: str               # request, response, header or data
    name: str
    versions: Range
    flexible: int           # first flexible version; None: never
    record: int             # of data: the number that announces it in its topic; None when nothing does
    line: int
    body: Struct = None
    structs: dict = member(default_factory=dict)    # by name, those used before those that use them


@dataclass
class Schema:
    path: Path
    comment: list
    api: str = None         # None: not an API
    key: int = None
    versions: Range = None  # None: a removed API
    flexible: int = None
    unstable: int = None
    messages: list = member(default_factory=list)

    @property
    def stem(self):
        return re.sub(r'^\d+_', '', self.path.stem)


def parse_range(text, within):
    match = re.fullmatch(r'(\d+)(?:(\+)|-(\d+))?', text)
    if not match:
        return None
    first = int(match[1])
    last = within.last if match[2] else int(match[3]) if match[3] else first
    return Range(first, last) if first <= last else None


class Parser:
    FIELD = re.compile(r'(?P<name>\w+)\s+(?P<array>\[\])?(?P<base>\w+)(?P<null>\?(?P<null_versions>[\d+-]*))?(?:\s+(?P<rest>.*))?')
    REST = re.compile(r'(?:v(?P<versions>[\d+-]+)\s*)?(?:(?P<plain>plain)\b\s*)?(?:tag\s+(?P<tag>\d+)\s*)?'
                      r'(?:=\s*(?P<default>"[^"]*"|\S+)\s*)?(?P<ignorable>ignorable)?')

    def __init__(self, path, text):
        self.path = path
        self.lines = []
        for number, raw in enumerate(text.splitlines(), 1):
            code, _, comment = raw.partition('#')
            self.lines.append((number, code.rstrip(), comment.strip()))
        self.number = 1

    def fail(self, what, line=None):
        raise SchemaError(f'{self.path.name}:{line or self.number}: {what}')

    def parse(self):
        schema = Schema(self.path, [])
        rest = iter(self.lines)
        for self.number, code, comment in rest:
            if code:
                break
            if comment:
                schema.comment.append(comment)
        else:
            self.fail('no header')
        word = code.split()[0]
        if word == 'api':
            self.api(schema, code)
            blocks = self.blocks(list(rest))
        elif word in ('data', 'header'):
            schema.messages.append(self.head(word, code))
            blocks = [(schema.messages[0], list(rest))]
        else:
            self.fail(f'expected api, data or header, found {word}')
        if schema.api and schema.versions:
            blocks = list(self.api_messages(schema, blocks))
        for message, lines in blocks:
            self.body(message, lines)
        return schema

    def attributes(self, text, allowed):
        found = {}
        for part in text.split(',')[1:]:
            words = part.split()
            if len(words) != 2 or words[0] not in allowed:
                self.fail(f'unknown attribute "{part.strip()}"')
            found[words[0]] = words[1]
        return found

    def version_attributes(self, found, fallback=None):
        versions = parse_range(found['versions'], Range(0, UNBOUNDED)) if 'versions' in found else fallback and fallback[0]
        if not versions or versions.last == UNBOUNDED:
            self.fail('expected versions A or A-B')
        if 'flexible' not in found:
            return versions, fallback[1] if fallback and 'versions' not in found else None
        flexible = parse_range(found['flexible'], versions)
        if not flexible or not versions.covers(flexible) or flexible.last != versions.last:
            self.fail('flexible versions must be A+, inside versions')
        return versions, flexible.first

    def api(self, schema, code):
        match = re.match(r'api (\d+) (\w+),', code)
        if not match:
            self.fail('expected api KEY Name, versions ...')
        schema.key, schema.api = int(match[1]), match[2]
        found = self.attributes(code, ('versions', 'flexible', 'unstable'))
        if found.get('versions') == 'none':
            return
        schema.versions, schema.flexible = self.version_attributes(found)
        if 'unstable' in found:
            unstable = parse_range(found['unstable'], schema.versions)
            if not unstable or not schema.versions.covers(unstable) or unstable.last != schema.versions.last:
                self.fail('unstable versions must be A+, inside versions')
            schema.unstable = unstable.first

    def head(self, kind, code):
        match = re.match(r'\w+ (\w+),', code)
        if not match:
            self.fail(f'expected {kind} Name, versions ...')
        found = self.attributes(code, ('versions', 'flexible', 'record'))
        versions, flexible = self.version_attributes(found)
        record = int(found['record']) if 'record' in found else None
        return Message(kind, match[1], versions, flexible, record, self.number)

    def blocks(self, lines):
        blocks = []
        for number, code, comment in lines:
            if code and not code.startswith(' '):
                blocks.append(((number, code), []))
            elif blocks:
                blocks[-1][1].append((number, code, comment))
            elif code:
                self.fail('expected request or response', number)
        return blocks

    def api_messages(self, schema, blocks):
        kinds = [code.split(',')[0].split()[0] for (_, code), _ in blocks]
        if kinds != ['request', 'response']:
            self.fail('expected the sections request and response, in this order')
        for ((self.number, code), lines), kind in zip(blocks, kinds):
            found = self.attributes(code, ('versions', 'flexible'))
            versions, flexible = self.version_attributes(found, (schema.versions, schema.flexible))
            message = Message(kind, schema.api + kind.capitalize(), versions, flexible, None, self.number)
            schema.messages.append(message)
            yield message, lines

    def body(self, message, lines):
        """Nesting by indent of two; an API's sections are indented once, data and headers are not."""
        outer = 1 if message.kind in ('request', 'response') else 0
        message.body = Struct(message.name, message.versions, message.line)
        stack = [message.body]      # the struct of each depth
        defined = {}
        may_nest = None             # the field of the line before, if it may define its struct
        above = []                  # comments in lines of their own
        for self.number, code, comment in lines:
            if not code:
                above = above + [comment] if comment else []
                continue
            indent = len(code) - len(code.lstrip())
            depth = indent // 2 - outer
            if indent % 2 or depth < 0 or depth > len(stack):
                self.fail('indent by two spaces')
            if depth == len(stack):
                if not may_nest:
                    self.fail('nothing to nest in')
                stack.append(self.define(defined, may_nest.base, may_nest.versions))
            del stack[depth + 1:]
            words = code.split()
            if words[0] == 'struct' and len(words) == 2 and depth == 0:
                stack.append(self.define(defined, words[1], message.versions))
                may_nest = None
                continue
            item = self.field(code.strip(), stack[-1], message, ' '.join([*above, comment]).strip())
            above = []
            stack[-1].fields.append(item)
            may_nest = item if item.is_struct else None
        self.check(message, defined)

    def define(self, defined, name, versions):
        if name in defined:
            self.fail(f'struct {name} already defined in line {defined[name].line}')
        defined[name] = Struct(name, versions, self.number)
        return defined[name]

    def field(self, text, struct, message, comment):
        match = self.FIELD.fullmatch(text)
        rest = match and self.REST.fullmatch(match['rest'] or '')
        if not rest:
            self.fail(f'cannot read "{text}"')
        name, base = match['name'], match['base']
        if not re.fullmatch(r'[a-z][a-z0-9_]*', name) or name in CPP_KEYWORDS or name == 'unknown_tags':
            self.fail(f'{name} is not a usable field name')
        if any(other.name == name for other in struct.fields):
            self.fail(f'field {name} already defined')
        if base not in TYPES and not re.fullmatch(r'[A-Z]\w*', base):
            self.fail(f'unknown type {base}')
        versions = parse_range(rest['versions'], struct.versions) if rest['versions'] else struct.versions
        if not versions or not struct.versions.covers(versions):
            self.fail(f'versions of {name} must lie inside {struct.versions.first}-{struct.versions.last}')
        nullable = None
        if match['null']:
            nullable = parse_range(match['null_versions'], versions) if match['null_versions'] else versions
            if not nullable or not versions.covers(nullable):
                self.fail(f'null versions of {name} must lie inside its versions')
        item = Field(name, base, bool(match['array']), nullable, versions, int(rest['tag']) if rest['tag'] else None,
                     rest['default'], bool(rest['ignorable']), bool(rest['plain']), comment, self.number)
        self.check_tag(item, struct, message)
        self.check_default(item)
        if item.plain and (base not in TYPES or TYPES[base].kind != 'string' or item.array):
            self.fail('only a string can be plain')
        return item

    def check_tag(self, item, struct, message):
        if item.tag is None:
            return
        for other in struct.fields:
            if other.tag == item.tag:
                self.fail(f'tag {item.tag} already used by {other.name}')
        if message.flexible is None or item.versions.first < message.flexible:
            self.fail(f'{item.name} is tagged in versions that are not flexible')

    def check_default(self, item):
        if item.default is None:
            return
        kind = 'struct' if item.is_struct else TYPES[item.base].kind
        if item.default == 'null':
            good = item.nullable is not None
        elif item.array or kind in ('struct', 'bytes', 'records', 'uuid'):
            good = False
        elif kind == 'string':
            good = item.default.startswith('"')
        elif kind == 'bool':
            good = item.default in ('true', 'false')
        else:
            good = re.fullmatch(r'-?(\d+|0x[0-9a-f]+|\d+\.\d+)', item.default) is not None
        if not good:
            self.fail(f'{item.default} is no default for {item.name}')

    def check(self, message, defined):
        done = {}
        open_names = []

        def visit(struct):
            for item in struct.fields:
                if not item.is_struct:
                    continue
                if item.base not in defined:
                    self.fail(f'unknown type {item.base}', item.line)
                has = defined[item.base].versions
                if not has.covers(item.versions):
                    wanted = f'{item.versions.first}-{item.versions.last}'
                    self.fail(f'struct {item.base} has no versions {wanted}, only {has.first}-{has.last}', item.line)
                if item.base in done:
                    continue
                if item.base in open_names:
                    self.fail(f'{item.base} contains itself', item.line)
                open_names.append(item.base)
                visit(defined[item.base])
                open_names.pop()
                done[item.base] = defined[item.base]

        visit(message.body)
        for name, struct in defined.items():
            if name not in done:
                self.fail(f'struct {name} is not used', struct.line)
        message.structs = done
        for struct in [*done.values(), message.body]:
            for item in struct.fields:
                if item.array and element_size_min(message, item) == 0:
                    self.fail(f'an element of {item.name} may take no bytes at all', item.line)


def element_size_min(message, item):
    """The least that a non-null value of the field, or one element of it, takes on the wire in any version."""
    if item.is_struct:
        return struct_size_min(message, message.structs[item.base])
    row = TYPES[item.base]
    return row.size or 1


def field_size_min(message, item):
    if item.array or item.nullable:
        return 1
    return element_size_min(message, item)


def struct_size_min(message, struct):
    sizes = []
    for version in range(struct.versions.first, struct.versions.last + 1):
        size = 1 if message.flexible is not None and version >= message.flexible else 0
        for item in struct.plain_fields():
            if item.versions.first <= version <= item.versions.last:
                size += field_size_min(message, item)
        sizes.append(size)
    return min(sizes)


def load(paths):
    """Schemas in the order of their keys, then of their names; names must be unique over all of them."""
    schemas = [Parser(path, path.read_text()).parse() for path in paths]
    seen = {}
    for schema in schemas:
        names = [message.name for message in schema.messages] + ([schema.api] if schema.api else [])
        keys = [f'api {schema.key}'] if schema.api else []
        for name in names + keys:
            if name in seen:
                raise SchemaError(f'{schema.path.name}:1: {name} already defined in {seen[name].name}')
            seen[name] = schema.path
    return sorted(schemas, key=lambda s: (s.key is None, s.key or 0, s.stem))
