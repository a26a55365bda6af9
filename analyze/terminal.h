// What the screen that a table goes to can show. The only place that looks at the environment.
#ifndef ANALYZE_TERMINAL_H_
#define ANALYZE_TERMINAL_H_

#include <cstddef>
#include <optional>
#include <string>

#include "lib/base/text.h"

namespace pagesnap {

// By default no terminal but a file or a pipe: text is UTF-8 there, as wide as it is, and plain.
struct Terminal {
  size_t width = 0;     // columns; 0: no terminal, nothing is shortened
  bool colour = false;  // escape sequences for colours may be written
  bool utf8 = false;    // shows UTF-8; where a terminal does not, only ASCII is sent to it

  [[nodiscard]] bool is_terminal() const { return width > 0; }
  // Of a table on it. CSV has this medium on a terminal only.
  [[nodiscard]] Medium medium() const {
    return is_terminal() && !utf8 ? Medium::kAsciiScreen : Medium::kScreen;
  }
};

// What the system says about an output. Variables are empty where they are not set.
struct TerminalFacts {
  bool is_terminal = false;
  size_t window_columns = 0;  // 0: unknown
  std::optional<std::string> columns;
  std::optional<std::string> no_color;
  std::optional<std::string> term;
  std::string codeset;  // of the locale
};

// Returns the terminal that these facts describe. COLUMNS wins over the window, so that a wider or
// narrower table can be asked for; it makes no terminal of a file. No colour with NO_COLOR set to
// anything (no-color.org) or TERM=dumb.
Terminal TerminalOf(const TerminalFacts& facts);

// Asks the system about an open file.
Terminal FindTerminal(int fd);

}  // namespace pagesnap

#endif  // ANALYZE_TERMINAL_H_
