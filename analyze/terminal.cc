#include "analyze/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "lib/base/number.h"
#include "lib/base/print.h"

namespace pagesnap {
namespace {

constexpr size_t kUsualWidth = 80;
constexpr size_t kMinWidth = 20;
constexpr size_t kMaxWidth = 10000;

std::optional<std::string> Variable(const char* name) {
  const char* value = getenv(name);
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

}  // namespace

Terminal TerminalOf(const TerminalFacts& facts) {
  if (!facts.is_terminal) return {};
  Terminal terminal;
  terminal.width = facts.window_columns > 0 ? facts.window_columns : kUsualWidth;
  if (std::optional<uint64_t> columns = ParseUnsigned(facts.columns.value_or("")); columns > 0) {
    terminal.width = *columns;
  }
  terminal.width = std::clamp(terminal.width, kMinWidth, kMaxWidth);
  terminal.colour = facts.no_color.value_or("").empty() && facts.term.value_or("dumb") != "dumb";
  terminal.utf8 = facts.codeset == "UTF-8";
  return terminal;
}

Terminal FindTerminal(int fd) {
  TerminalFacts facts;
  facts.is_terminal = isatty(fd) == 1;
  winsize window = {};
  if (ioctl(fd, TIOCGWINSZ, &window) == 0) facts.window_columns = window.ws_col;
  facts.columns = Variable("COLUMNS");
  facts.no_color = Variable("NO_COLOR");
  facts.term = Variable("TERM");
  facts.codeset = LocaleCodeset();
  return TerminalOf(facts);
}

}  // namespace pagesnap
