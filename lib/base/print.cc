#include "lib/base/print.h"

#include <fmt/format.h>
#include <langinfo.h>
#include <locale.h>
#include <unistd.h>

#include <cerrno>

#include "lib/base/error.h"

namespace pagesnap {
namespace {

[[noreturn]] void FailToWrite(int error_number) {
  throw Error("standard output cannot be written: " + ErrnoText(error_number));
}

}  // namespace

std::string LocaleCodeset() {
  locale_t locale = newlocale(LC_CTYPE_MASK, "", nullptr);
  if (locale == nullptr) return "";
  std::string codeset = nl_langinfo_l(CODESET, locale);
  freelocale(locale);
  return codeset;
}

Medium ScreenOf(int fd) {
  return isatty(fd) == 1 && LocaleCodeset() != "UTF-8" ? Medium::kAsciiScreen : Medium::kScreen;
}

void WriteOutput(FILE* out, std::string_view bytes) {
  if (fwrite(bytes.data(), 1, bytes.size(), out) != bytes.size()) FailToWrite(errno);
}

void FlushOutput(FILE* out) {
  if (fflush(out) != 0) FailToWrite(errno);
  // The reason of an earlier failure is gone; that it was one is not.
  if (ferror(out) != 0) FailToWrite(EIO);
}

void PrintMessage(FILE* out, std::string_view sentence) {
  std::string line;
  AppendText(sentence, ScreenOf(fileno(out)), &line);
  line += '\n';
  fwrite(line.data(), 1, line.size(), out);
  fflush(out);
}

}  // namespace pagesnap
