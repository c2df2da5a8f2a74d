#include "tools/cli/table.hpp"

#include <algorithm>
#include <cctype>
#include <cstdio>

namespace sluice::tools {
namespace {

std::string in_capitals(std::string name) {
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char letter) { return letter == '_' ? ' ' : static_cast<char>(std::toupper(letter)); });
  return name;
}

void append_aligned(std::string& out, const std::vector<std::string>& cells, const std::vector<std::size_t>& widths) {
  for (std::size_t i = 0; i < cells.size(); ++i) {
    out += cells[i];
    if (i + 1 < cells.size()) out.append(widths[i] + 2 - cells[i].size(), ' ');
  }
  out += '\n';
}

}  // namespace

std::string to_line(const Json& value) { return value.dump(-1, ' ', false, Json::error_handler_t::replace); }

std::string to_text(const Json& value) {
  if (value.is_null()) return "-";
  if (value.is_string()) return value.get<std::string>();
  if (!value.is_array()) return to_line(value);
  std::string text;
  for (const auto& item : value) text += (text.empty() ? "" : ",") + to_text(item);
  return text.empty() ? "-" : text;
}

std::string Table::render_aligned() const {
  std::vector<std::vector<std::string>> lines(1);
  for (const auto& column : columns_) lines[0].push_back(in_capitals(column));
  for (const auto& row : rows_) {
    std::transform(row.begin(), row.end(), std::back_inserter(lines.emplace_back()), to_text);
  }
  std::vector<std::size_t> widths(columns_.size());
  for (const auto& line : lines) {
    for (std::size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], line[i].size());
  }
  std::string out;
  for (const auto& line : lines) append_aligned(out, line, widths);
  return out;
}

std::string Table::render_plain() const {
  std::string out;
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < row.size(); ++i) out += (i == 0 ? "" : "\t") + to_text(row[i]);
    out += '\n';
  }
  return out;
}

Json Table::to_json() const {
  auto all = Json::array();
  for (const auto& row : rows_) {
    auto object = Json::object();
    for (std::size_t i = 0; i < row.size(); ++i) object[columns_[i]] = row[i];
    all.push_back(std::move(object));
  }
  return all;
}

std::string Table::render(OutputFormat format) const {
  switch (format) {
    case OutputFormat::table: return render_aligned();
    case OutputFormat::json: return to_line(to_json()) + '\n';
    case OutputFormat::plain: return render_plain();
  }
  return {};
}

void Table::print(OutputFormat format) const { std::fputs(render(format).c_str(), stdout); }

}  // namespace sluice::tools
