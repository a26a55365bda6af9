#include "capture/run.h"

#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>

#include "capture/progress.h"
#include "lib/base/number.h"
#include "lib/store/output_file.h"
#include "lib/store/schema.h"
#include "lib/store/snapshot_writer.h"

namespace pagesnap {
namespace {

// Under sudo the file belongs to the user who will carry it away.
std::optional<FileOwner> SudoCaller() {
  const char* uid = getenv("SUDO_UID");
  const char* gid = getenv("SUDO_GID");
  if (geteuid() != 0 || uid == nullptr || gid == nullptr) return std::nullopt;
  std::optional<uint64_t> uid_number = ParseUnsigned(uid);
  std::optional<uint64_t> gid_number = ParseUnsigned(gid);
  if (!uid_number || !gid_number) return std::nullopt;
  return FileOwner{static_cast<uid_t>(*uid_number), static_cast<gid_t>(*gid_number)};
}

std::string Plural(uint64_t count, const char* one, const char* many) {
  return fmt::format("{} {}", HumanCount(count), count == 1 ? one : many);
}

void PrintSummary(const CaptureOptions& options, const CaptureSummary& summary, uint64_t size,
                  uint64_t duration_ns) {
  fmt::print("{}: captured {}, {}, {}, {} in {}; file {}", options.output,
             Plural(summary.process_count, "process", "processes"),
             Plural(summary.mapping_count, "mapping", "mappings"),
             Plural(summary.page_count, "page", "pages"),
             Plural(summary.frame_count, "frame", "frames"), HumanDuration(duration_ns),
             HumanBytes(size));
  if (summary.gap_count > 0) {
    fmt::print("; {} (first: {}), see 'analyze info {}'", Plural(summary.gap_count, "gap", "gaps"),
               summary.first_gap, options.output);
  }
  fmt::print("\n");
}

}  // namespace

ExitCode RunCapture(const CaptureOptions& options, ProcReader& reader) {
  auto start = std::chrono::steady_clock::now();
  OutputFile output(options.output, options.force, SudoCaller());
  Database database = Database::CreateIn(output.fd(), options.output);
  CreateSchema(database);
  CaptureSummary summary;
  {
    SnapshotWriter writer(database);
    std::unique_ptr<Progress> progress = std::make_unique<Progress>();
    if (!options.quiet && isatty(STDERR_FILENO)) {
      progress = std::make_unique<TerminalProgress>(STDERR_FILENO);
    }
    summary = Capture(options.request, reader, writer, *progress);
  }
  database.Close();
  uint64_t size = output.Publish();
  auto duration = std::chrono::steady_clock::now() - start;
  if (!options.quiet) {
    PrintSummary(options, summary, size,
                 std::chrono::duration_cast<std::chrono::nanoseconds>(duration).count());
  }
  return summary.gap_count > 0 ? kExitWithGaps : kExitOk;
}

}  // namespace pagesnap
