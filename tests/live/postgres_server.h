// A PostgreSQL server of the test's own: real processes that share a lot of memory.
#ifndef TESTS_LIVE_POSTGRES_SERVER_H_
#define TESTS_LIVE_POSTGRES_SERVER_H_

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/live/live_testing.h"

namespace pagesnap {

// Runs as the user postgres, in a temporary directory, reachable by a socket in it only. It is shut
// down and its directory removed however the test ends.
class PostgresServer {
 public:
  PostgresServer();
  [[nodiscard]] bool available() const { return reason_.empty(); }
  [[nodiscard]] const std::string& reason() const { return reason_; }

  // The command that runs a statement as the superuser, without headings.
  [[nodiscard]] std::vector<std::string> Psql(const std::string& sql) const;

  // Stops the server and all its children, and returns their pids. The server goes first, so that
  // it starts no more of them.
  std::vector<pid_t> Stop();
  void Continue();

  // Returns the exit code of pg_ctl.
  int Shutdown();

 private:
  std::string Start();

  std::string reason_;
  std::string programs_;  // directory
  TemporaryDirectory directory_;
  std::unique_ptr<Undo> undo_;
};

}  // namespace pagesnap

#endif  // TESTS_LIVE_POSTGRES_SERVER_H_
