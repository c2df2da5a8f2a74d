"""Writes the tables of everything there is: the APIs, and all messages with their functions."""

from cpp import GENERATED, Lines


def apis(schemas):
    out = Lines()
    out(GENERATED.format('all schemas'))
    out('#include "protocol/messages/apis.hpp"')
    out()
    out('#include <array>')
    out()
    out('namespace sluice::protocol {')
    out()
    out('namespace {')
    out()
    out('constexpr std::array kApis{')
    for schema in schemas:
        if not schema.api:
            continue
        if not schema.versions:
            out(f'    ApiInfo{{.key = ApiKey::{schema.stem}, .name = "{schema.api}"}},')
            continue
        request, response = schema.messages
        flexible = [str('wire::kNeverFlexible' if m.flexible is None else m.flexible) for m in (request, response)]
        unstable = 'std::nullopt' if schema.unstable is None else schema.unstable
        out(f'    ApiInfo{{ApiKey::{schema.stem}, "{schema.api}", '
            f'{{{request.versions.first}, {request.versions.last}}}, {{{response.versions.first}, {response.versions.last}}}, '
            f'{flexible[0]}, {flexible[1]}, {unstable}}},')
    out('};')
    out()
    out('constexpr bool keys_are_indexes() {')
    out('  for (std::size_t i = 0; i < kApis.size(); ++i) {')
    out('    if (static_cast<std::size_t>(kApis[i].key) != i) return false;')
    out('  }')
    out('  return true;')
    out('}')
    out('static_assert(keys_are_indexes());')
    out()
    out('}  // namespace')
    out()
    out('std::span<const ApiInfo> apis() noexcept { return kApis; }')
    out()
    out('const ApiInfo* find_api(std::int16_t key) noexcept {')
    out('  if (key < 0 || static_cast<std::size_t>(key) >= kApis.size()) return nullptr;')
    out('  return &kApis[static_cast<std::size_t>(key)];')
    out('}')
    out()
    out('}  // namespace sluice::protocol')
    return str(out)


def messages(schemas):
    out = Lines()
    out(GENERATED.format('all schemas'))
    out('#include "protocol/messages/catalog.hpp"')
    out()
    out('#include <algorithm>')
    out('#include <array>')
    out()
    out('#include "protocol/messages/catalog_entry.hpp"')
    for schema in schemas:
        if schema.messages:
            out(f'#include "protocol/messages/{schema.stem}_debug.hpp"')
    out()
    out('namespace sluice::protocol {')
    out()
    out('namespace {')
    out()
    out('constexpr std::array kMessages{')
    for schema in schemas:
        for message in schema.messages:
            key = schema.key if schema.api else -1 if message.record is None else message.record
            out(f'    catalog_entry<{message.name}>("{message.name}", MessageKind::{message.kind}, {key}),')
    out('};')
    out()
    out('}  // namespace')
    out()
    out('std::span<const MessageInfo> messages() noexcept { return kMessages; }')
    out()
    out('const MessageInfo* find_message(std::string_view name) noexcept {')
    out('  const auto found = std::ranges::find(kMessages, name, &MessageInfo::name);')
    out('  return found == kMessages.end() ? nullptr : &*found;')
    out('}')
    out()
    out('const MessageInfo* find_message(std::int16_t key, MessageKind kind) noexcept {')
    out('  const auto found = std::ranges::find_if(')
    out('      kMessages, [&](const MessageInfo& info) { return info.key == key && info.kind == kind; });')
    out('  return found == kMessages.end() ? nullptr : &*found;')
    out('}')
    out()
    out('}  // namespace sluice::protocol')
    return str(out)
