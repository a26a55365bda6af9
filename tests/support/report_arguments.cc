#include "tests/support/report_arguments.h"

#include "lib/query/session.h"

namespace pagesnap {
namespace {

std::string ValueOf(const Session& session, const char* sql) {
  Statement statement(session.database(), sql);
  return statement.Step() ? std::string(statement.Text(0)) : "0";
}

}  // namespace

std::vector<std::string> ReportArguments(const Report& report, const std::string& path) {
  std::vector<std::string> arguments;
  const Session session(path);
  if (!report.needs_one_of.empty()) {
    arguments = {"--address",
                 ValueOf(session, "SELECT start FROM mapping_detail ORDER BY mapping_id")};
  }
  if (report.one_process) {
    const char* const pid = "SELECT pid FROM process WHERE mapping_count > 0 ORDER BY id";
    arguments.insert(arguments.end(), {"--pid", ValueOf(session, pid)});
  }
  if (report.scope == ReportScope::kTwo) {
    const std::string last = ValueOf(session, "SELECT MAX(id) FROM snapshot");
    arguments.insert(arguments.end(), {"--before", "1", "--after", last});
  }
  return arguments;
}

}  // namespace pagesnap
