#include "tests/bench/bench_figures.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "lib/base/number.h"
#include "tests/bench/bench_memory.h"
#include "tests/bench/bench_process.h"
#include "tests/support/run_command.h"

namespace pagesnap {

Bench::Bench(bool quick)
    : quick_(quick), folder_(std::filesystem::temp_directory_path() / "pagesnap-bench.XXXXXX") {
  if (mkdtemp(folder_.data()) == nullptr) throw Error("no temporary folder: " + folder_);
}

Bench::~Bench() {
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

RunTime Bench::Capture(const std::vector<std::string>& arguments) const {
  std::vector<std::string> argv = {BuiltProgram("capture"), "--force", "-q", "-o", File()};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  return TimeCommand(argv);
}

uint64_t Bench::Query(const std::string& sql) const {
  CommandResult result =
      RunCommand({BuiltProgram("analyze"), "sql", File(), sql, "--format", "csv"});
  size_t line = result.out.find('\n');
  if (result.exit_code != 0 || line == std::string::npos) throw Error(sql + ": " + result.err);
  return std::strtoull(result.out.c_str() + line + 1, nullptr, 10);
}

double Bench::BytesPerPage() const {
  uint64_t pages =
      Query("SELECT sum(present_count + swapped_count + special_count) FROM page_chunk");
  return static_cast<double>(std::filesystem::file_size(File())) / static_cast<double>(pages);
}

void Bench::AddPeakRss(const std::string& figure) {
  uint64_t mappings = Query("SELECT count(*) FROM mapping");
  uint64_t frames = static_cast<uint64_t>(sysconf(_SC_PHYS_PAGES));
  uint64_t allowed = 64 * kMiB + frames / 8 + 64 * mappings;
  uint64_t peak = Query("SELECT max(peak_rss_kib) FROM cost") * 1024;
  table_.Add(figure + ": peak RSS of capture, MiB", static_cast<double>(peak) / kMiB,
             static_cast<double>(allowed) / kMiB, HumanCount(mappings) + " mappings");
}

}  // namespace pagesnap
