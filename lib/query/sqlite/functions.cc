// The scalar SQL functions.
#include "lib/query/sqlite/functions.h"

#include <fmt/compile.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <exception>
#include <memory>
#include <new>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "lib/base/error.h"
#include "lib/base/number.h"
#include "lib/base/text.h"
#include "lib/kernel/frame_flags.h"
#include "lib/kernel/vm_flags.h"
#include "lib/query/sqlite/out.h"

namespace pagesnap {
namespace {

std::string_view TextOf(sqlite3_value* value) {
  const unsigned char* text = sqlite3_value_text(value);
  if (text == nullptr) return {};
  return {reinterpret_cast<const char*>(text), static_cast<size_t>(sqlite3_value_bytes(value))};
}

uint64_t UnsignedOf(sqlite3_value* value) {
  return static_cast<uint64_t>(sqlite3_value_int64(value));
}

uint64_t AddressOf(sqlite3_value* value) {
  std::optional<uint64_t> address = ParseAddress(TextOf(value));
  if (!address) {
    throw Error(
        fmt::format("'{}' is not an address; write 0x7f1234 or a decimal number", TextOf(value)));
  }
  return *address;
}

using Body = void (*)(Out out, sqlite3_value** arguments);
using Body = void (*)(Out out, sqlite3_value** arguments);

template <Body body>
void Call(sqlite3_context* context, int count, sqlite3_value** arguments) {
  for (int i = 0; i < count; ++i) {
    if (sqlite3_value_type(arguments[i]) == SQLITE_NULL) return;
  }
  try {
    body(Out(context), arguments);
  } catch (const std::exception& error) {
    sqlite3_result_error(context, error.what(), -1);
  }
}

// Called for each row of the longest reports.
void PutAddress(Out out, uint64_t address) {
  std::array<char, 19> text = {};  // 0x and 16 digits
  fmt::format_to(text.begin(), FMT_COMPILE("{:#x}"), address);
  out.Text(text.data());
}

void PageAddress(Out out, sqlite3_value** arguments) {
  PutAddress(out, UnsignedOf(arguments[0]) * UnsignedOf(arguments[1]));
}

void PageAddressWithOffset(Out out, sqlite3_value** arguments) {
  PutAddress(out, UnsignedOf(arguments[0]) * UnsignedOf(arguments[1]) + UnsignedOf(arguments[2]));
}

uint64_t PageSizeOf(sqlite3_value* value) {
  uint64_t page_size = UnsignedOf(value);
  if (page_size == 0) throw Error("a page size of 0");
  return page_size;
}

void AddressPage(Out out, sqlite3_value** arguments) {
  out(AddressOf(arguments[0]) / PageSizeOf(arguments[1]));
}

void AddressOffset(Out out, sqlite3_value** arguments) {
  out(AddressOf(arguments[0]) % PageSizeOf(arguments[1]));
}

void FlagNames(Out out, sqlite3_value** arguments) {
  KernelRelease release = ParseKernelRelease(TextOf(arguments[1]));
  out(std::string_view(FrameFlagNames(UnsignedOf(arguments[0]), release)));
}

// Any number of names. SQLite keeps what is found for a constant as long as the statement runs.
void FlagBits(sqlite3_context* context, int count, sqlite3_value** arguments) {
  try {
    uintptr_t flags = 0;
    for (int i = 0; i < count; ++i) {
      auto known = reinterpret_cast<uintptr_t>(sqlite3_get_auxdata(context, i));
      if (known == 0) {
        const std::optional<uint64_t> flag = FindFrameFlag(TextOf(arguments[i]));
        if (!flag) throw Error(fmt::format("no frame has a flag '{}'", TextOf(arguments[i])));
        known = *flag;
        sqlite3_set_auxdata(context, i, reinterpret_cast<void*>(known), nullptr);
      }
      flags |= known;
    }
    const Out out(context);
    out(flags);
  } catch (const std::exception& error) {
    sqlite3_result_error(context, error.what(), -1);
  }
}

template <std::string (*format)(uint64_t)>
void Human(Out out, sqlite3_value** arguments) {
  out(std::string_view(format(UnsignedOf(arguments[0]))));
}

// Shared memory has names that the kernel makes up (mm/shmem.c, ipc/shm.c), or is a file of a tmpfs
// that programs use for it.
void MappingKind(Out out, sqlite3_value** arguments) {
  const std::string_view path = TextOf(arguments[0]);
  const bool shared = TextOf(arguments[1]).ends_with('s');
  auto begins = [&](std::string_view prefix) { return path.starts_with(prefix); };
  const char* kind = "file";
  if (path == "[heap]") {
    kind = "heap";
  } else if (begins("[stack")) {
    kind = "stack";
  } else if (begins("/dev/shm/") || begins("/memfd:") || begins("/SYSV") || begins("/dev/zero") ||
             begins("[anon_shmem:") || (begins("/anon_hugepage") && shared)) {
    kind = "shared memory";
  } else if (path.empty() || begins("[anon:") || begins("/anon_hugepage")) {
    kind = "anonymous";
  } else if (begins("[")) {
    kind = "kernel";
  }
  out.Name(kind);
}

// A System V segment has its key as name and its id as inode (ipc/shm.c, newseg).
void ShmidOf(Out out, sqlite3_value** arguments) {
  const std::string_view path = TextOf(arguments[0]);
  if (path.starts_with("/SYSV") && path.ends_with(" (deleted)")) out(UnsignedOf(arguments[1]));
}

void HidesPagesOf(Out out, sqlite3_value** arguments) {
  out(HidesPages(TextOf(arguments[0])) ? 1 : 0);
}

void PrintableText(Out out, sqlite3_value** arguments) {
  out(std::string_view(Printable(TextOf(arguments[0]))));
}

// Returns whether a name is the pattern, or is like it as a GLOB: "[heap]" is a name, though a GLOB
// of one letter. SQLite's GLOB takes all bytes that are not UTF-8 for one character.
bool IsLike(std::string_view name, std::string_view pattern) {
  return name == pattern ||
         sqlite3_strglob(WithDistinctBytes(pattern).c_str(), WithDistinctBytes(name).c_str()) == 0;
}

// Returns whether a name is what the user wrote, who may have it from a report.
bool MatchesPattern(std::string_view name, std::string_view wanted) {
  if (IsLike(name, wanted)) return true;
  if (wanted.find("\\x") != std::string_view::npos && Printable(name) == wanted) return true;
  const bool may_be_json = wanted.find("\xef\xbf\xbd") != std::string_view::npos;
  return may_be_json && IsLike(name, FromJsonText(wanted));
}

// Returns the patterns that the text is: itself, or those in a JSON array of texts, as which --name
// and --path are given that may be repeated.
std::vector<std::string> PatternsOf(std::string_view text) {
  if (!text.starts_with("[\"") || !text.ends_with("\"]")) return {std::string(text)};
  const auto list = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!list.is_array()) return {std::string(text)};
  std::vector<std::string> patterns;
  for (const auto& pattern : list) {
    if (!pattern.is_string()) return {std::string(text)};
    patterns.push_back(FromJsonText(pattern.get_ref<const std::string&>()));
  }
  return patterns;
}

// Keeps the patterns of an argument that is the same for all rows. They are owned by the statement.
const std::vector<std::string>& KeptPatterns(sqlite3_context* context, sqlite3_value* argument) {
  using Patterns = std::vector<std::string>;
  constexpr int kArgument = 1;
  if (auto* kept = static_cast<Patterns*>(sqlite3_get_auxdata(context, kArgument))) return *kept;
  auto patterns = std::make_unique<Patterns>(PatternsOf(TextOf(argument)));
  sqlite3_set_auxdata(context, kArgument, patterns.release(),
                      [](void* owned) { delete static_cast<Patterns*>(owned); });
  auto* kept = static_cast<Patterns*>(sqlite3_get_auxdata(context, kArgument));
  if (kept == nullptr) throw std::bad_alloc();
  return *kept;
}

// matches(text, pattern): 1 or 0; 1 where there is no pattern.
void Matches(sqlite3_context* context, int, sqlite3_value** arguments) {
  const Out out(context);
  if (sqlite3_value_type(arguments[1]) == SQLITE_NULL) return out(1);
  if (sqlite3_value_type(arguments[0]) == SQLITE_NULL) return;
  try {
    const std::string_view text = TextOf(arguments[0]);
    const auto& patterns = KeptPatterns(context, arguments[1]);
    out(std::any_of(patterns.begin(), patterns.end(),
                    [&](const std::string& pattern) { return MatchesPattern(text, pattern); })
            ? 1
            : 0);
  } catch (const std::exception& error) {
    sqlite3_result_error(context, error.what(), -1);
  }
}

// The sum of integers, for the aggregates that differ in what they make of NULL.
struct Sum {
  int64_t value;
  bool known;     // some value is
  bool unknown;   // some value is NULL
  bool overflow;  // the sum is unknown, too
};

void SumStep(sqlite3_context* context, int, sqlite3_value** arguments) {
  auto* sum = static_cast<Sum*>(sqlite3_aggregate_context(context, sizeof(Sum)));
  if (sum == nullptr) return sqlite3_result_error_nomem(context);
  if (sqlite3_value_type(arguments[0]) == SQLITE_NULL) {
    sum->unknown = true;
    return;
  }
  sum->known = true;
  sum->overflow |=
      __builtin_add_overflow(sum->value, sqlite3_value_int64(arguments[0]), &sum->value);
}

// known_sum(x): 0 of none, and NULL as soon as one is NULL: what is partly unknown is unknown.
void KnownSumFinal(sqlite3_context* context) {
  const auto* sum = static_cast<Sum*>(sqlite3_aggregate_context(context, 0));
  if (sum == nullptr) return sqlite3_result_int64(context, 0);
  if (!sum->unknown && !sum->overflow) sqlite3_result_int64(context, sum->value);
}

// partial_sum(x): of those that are known, as in the totals of reports; 0 of none, NULL when all
// are NULL.
void PartialSumFinal(sqlite3_context* context) {
  const auto* sum = static_cast<Sum*>(sqlite3_aggregate_context(context, 0));
  if (sum == nullptr) return sqlite3_result_int64(context, 0);
  if (sum->known && !sum->overflow) sqlite3_result_int64(context, sum->value);
}

// Orders texts, and addresses among them: of those the longer is the higher.
int CompareAddresses(void*, int size_a, const void* text_a, int size_b, const void* text_b) {
  const std::string_view a(static_cast<const char*>(text_a), static_cast<size_t>(size_a));
  const std::string_view b(static_cast<const char*>(text_b), static_cast<size_t>(size_b));
  if (size_a != size_b && a.starts_with("0x") && b.starts_with("0x")) return size_a - size_b;
  return a.compare(b);
}

}  // namespace

void RegisterFunctions(sqlite3* connection) {
  using Function = void (*)(sqlite3_context*, int, sqlite3_value**);
  auto add = [&](const char* name, int count, Function function) {
    int flags = SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS;
    if (sqlite3_create_function_v2(connection, name, count, flags, nullptr, function, nullptr,
                                   nullptr, nullptr) != SQLITE_OK) {
      throw Error(sqlite3_errmsg(connection));
    }
  };
  add("page_address", 2, Call<PageAddress>);
  add("page_address", 3, Call<PageAddressWithOffset>);
  add("address_page", 2, Call<AddressPage>);
  add("address_offset", 2, Call<AddressOffset>);
  add("frame_flag_names", 2, Call<FlagNames>);
  add("frame_flag", -1, FlagBits);
  add("human_bytes", 1, Call<Human<HumanBytes>>);
  add("human_duration", 1, Call<Human<HumanDuration>>);
  add("human_count", 1, Call<Human<HumanCount>>);
  add("mapping_kind", 2, Call<MappingKind>);
  add("matches", 2, Matches);
  add("printable", 1, Call<PrintableText>);
  add("hides_pages", 1, Call<HidesPagesOf>);
  add("shmid", 2, Call<ShmidOf>);
  auto add_sum = [&](const char* name, void (*final)(sqlite3_context*)) {
    return sqlite3_create_function_v2(connection, name, 1,
                                      SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS,
                                      nullptr, nullptr, SumStep, final, nullptr) == SQLITE_OK;
  };
  if (!add_sum("known_sum", KnownSumFinal) || !add_sum("partial_sum", PartialSumFinal) ||
      sqlite3_create_collation_v2(connection, "address", SQLITE_UTF8, nullptr, CompareAddresses,
                                  nullptr) != SQLITE_OK) {
    throw Error(sqlite3_errmsg(connection));
  }
}

}  // namespace pagesnap
