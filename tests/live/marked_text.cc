#include "tests/live/marked_text.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <regex>

namespace pagesnap {
namespace {

constexpr std::string_view kPieces[] = {"\033",   "\a",     "\xc2\x9b", "\x9b",   "\u202e",
                                        "\u2066", "\u200b", "\ufeff",   "\u3164", "\U000e0041",
                                        "\t",     "\r",     "\x7f",     "\xff"};
constexpr std::string_view kOwnLine = "INJECTED";

std::string MakeMark() {
  std::string mark = "\033]0;title\a\033[31m";
  for (const std::string_view piece : kPieces) mark += fmt::format("{}m", piece);
  return mark + "\n" + std::string(kOwnLine);
}

std::vector<std::string> Command(const std::string& program,
                                 const std::vector<std::string>& arguments) {
  std::vector<std::string> command = {BuiltProgram(program)};
  command.insert(command.end(), arguments.begin(), arguments.end());
  return command;
}

}  // namespace

const std::string kMark = MakeMark();

std::string Unsafe(std::string_view output, bool ascii) {
  for (size_t i = 0; i < output.size(); ++i) {
    const auto byte = static_cast<unsigned char>(output[i]);
    // Lines of CSV end with CR LF.
    const bool is_end = byte == '\n' || (byte == '\r' && output.substr(i + 1, 1) == "\n");
    const bool is_control = byte < 0x20 || byte == 0x7f;
    if ((is_control && !is_end) || (ascii && byte > 0x7e)) {
      return fmt::format("byte {:#x} at {}", byte, i);
    }
    if (output.substr(i).starts_with(kOwnLine) && i > 0 && output[i - 1] == '\n') {
      return fmt::format("a line of its own at {}", i);
    }
  }
  for (const std::string_view piece : kPieces) {
    if (const size_t at = output.find(piece); at != std::string_view::npos && piece != "\r") {
      return fmt::format("the piece of the mark that begins with {:#x}, at {}",
                         static_cast<unsigned char>(piece[0]), at);
    }
  }
  return "";
}

CommandResult ExpectSafe(const std::string& program, const std::vector<std::string>& arguments,
                         bool is_csv) {
  const std::vector<std::string> command = Command(program, arguments);
  std::string shown = fmt::format("{}", fmt::join(command, " "));
  std::replace_if(
      shown.begin(), shown.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  const auto expect_safe = [&](const char* where, const std::string& output, bool ascii) {
    EXPECT_EQ(Unsafe(output, ascii), "") << shown << " " << where;
  };
  setenv("NO_COLOR", "1", 1);
  setenv("LC_ALL", "C.UTF-8", 1);
  const CommandResult on_pipes = RunCommand(command);
  if (!is_csv) expect_safe("to a pipe", on_pipes.out, false);
  expect_safe("to a pipe for messages", on_pipes.err, false);
  EXPECT_LE(on_pipes.exit_code, 4) << shown;
  const CommandResult on_terminals = RunCommandOnTerminals(command);
  expect_safe("on a terminal", on_terminals.out, false);
  // Without the progress line, which goes back and removes itself.
  static const std::regex kProgress("\r([a-z0-9:, ]* \\[#*-*\\][^\r\n\033]*)?\033\\[K");
  expect_safe("on a terminal for messages", std::regex_replace(on_terminals.err, kProgress, ""),
              false);
  return on_pipes;
}

std::vector<std::string> OptionsWithValue(const std::string& help) {
  // One blank is between an option and the name of its value, more before a description.
  static const std::regex kOption("(--[a-z-]+)(?: \\])? [^ ]");
  std::vector<std::string> options;
  for (std::sregex_iterator i(help.begin(), help.end(), kOption), end; i != end; ++i) {
    options.push_back((*i)[1]);
  }
  std::sort(options.begin(), options.end());
  options.erase(std::unique(options.begin(), options.end()), options.end());
  return options;
}

}  // namespace pagesnap
