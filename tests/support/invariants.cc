#include "tests/support/invariants.h"

#include <fstream>
#include <string_view>

#include "lib/base/error.h"

namespace pagesnap {

std::vector<Invariant> ReadInvariants() {
  constexpr std::string_view kHead = "-- invariant ";
  std::ifstream file(PAGESNAP_INVARIANTS);
  std::vector<Invariant> invariants;
  bool open = false;  // a statement has begun and not ended
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(kHead)) {
      if (open) throw Error("invariants.sql: " + invariants.back().name + " has no ';' at its end");
      const size_t colon = line.find(':');
      if (colon == std::string::npos) throw Error("invariants.sql: no ':' in '" + line + "'");
      invariants.push_back({line.substr(kHead.size(), colon - kHead.size()), ""});
      open = true;
    } else if (open) {
      invariants.back().sql += line + "\n";
      if (line.ends_with(';')) open = false;
    }
  }
  if (invariants.empty() || open) throw Error("invariants.sql is not there, or cut off");
  return invariants;
}

}  // namespace pagesnap
