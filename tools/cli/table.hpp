#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tools/cli/globals.hpp"

namespace sluice::tools {

using Json = nlohmann::ordered_json;

/// Rows of named columns, printed to standard output: aligned with a header, as a JSON array of objects, or separated
/// by tabs without a header.
class Table {
 public:
  explicit Table(std::vector<std::string> columns) : columns_(std::move(columns)) {}

  /// Pre: a cell for each column.
  void add(std::vector<Json> cells) { rows_.push_back(std::move(cells)); }
  bool empty() const noexcept { return rows_.empty(); }

  std::string render(OutputFormat format) const;
  void print(OutputFormat format) const;
  Json to_json() const;

 private:
  std::string render_aligned() const;
  std::string render_plain() const;

  std::vector<std::string> columns_;  // as JSON names them
  std::vector<std::vector<Json>> rows_;
};

/// A cell or a field's value as text: strings without quotes, null as a dash, lists with commas.
std::string to_text(const Json& value);

/// JSON on one line; bytes that are not UTF-8 are replaced.
std::string to_line(const Json& value);

}  // namespace sluice::tools
