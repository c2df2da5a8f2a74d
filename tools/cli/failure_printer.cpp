#include "tools/cli/failure_printer.hpp"

#include <algorithm>
#include <cctype>
#include <cstdio>

#include "tools/cli/table.hpp"

namespace sluice::tools {
namespace {

std::string in_capitals(std::string_view name) {
  std::string text{name};
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char letter) { return static_cast<char>(std::toupper(letter)); });
  return text;
}

std::string as_text(const Failure& failure) {
  auto text = "error: " + failure.message + '\n';
  if (!failure.tried.empty()) text += "  tried   " + failure.tried + '\n';
  if (!failure.answer.empty()) text += "  answer  " + failure.answer + '\n';
  if (!failure.next.empty()) text += "  next    " + failure.next + '\n';
  return text;
}

std::string as_json(const Failure& failure) {
  Json error{{"exit", static_cast<int>(failure.status)}};
  if (failure.code != protocol::ErrorCode::none) {
    error["code"] = in_capitals(protocol::name(failure.code));
    error["kafka"] = static_cast<int>(failure.code);
  }
  error["message"] = failure.message;
  error["tried"] = failure.tried;
  error["answer"] = failure.answer;
  error["next"] = failure.next;
  return to_line({{"error", std::move(error)}}) + '\n';
}

}  // namespace

void print_failure(const Failure& failure, OutputFormat format) {
  std::fflush(stdout);
  std::fputs((format == OutputFormat::json ? as_json(failure) : as_text(failure)).c_str(), stderr);
}

}  // namespace sluice::tools
