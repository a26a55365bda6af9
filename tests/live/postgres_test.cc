// A server whose processes share one buffer pool, some pages mapped by all and some by one.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <list>
#include <thread>

#include "tests/live/live_testing.h"
#include "tests/live/postgres_server.h"

namespace pagesnap {
namespace {

constexpr int kClients = 4;

// Like pgbench's simple update, each client with rows of its own; then the client stays connected
// and keeps what it has mapped.
std::string ClientWork(int client) {
  return fmt::format(
      "DO $$ BEGIN FOR i IN 1..400 LOOP "
      "UPDATE account SET balance = balance + 1 WHERE id = i * 7919 % 12500 * {} + {}; "
      "END LOOP; END $$; SELECT count(*) FROM account WHERE id % 2 = 0; SELECT pg_sleep(600)",
      kClients, client + 1);
}

bool AllClientsSleep(const PostgresServer& server) {
  for (int attempt = 0; attempt < 600; ++attempt) {
    const CommandResult result = RunCommand(
        server.Psql("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"));
    if (result.out == fmt::format("{}\n", kClients)) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  return false;
}

TEST(LivePostgresTest, EqualsSmapsForEveryMappingOfEveryProcess) {
  if (const std::string why = WhyNoPfns(); !why.empty()) GTEST_SKIP() << why;
  PostgresServer server;
  if (!server.available()) GTEST_SKIP() << server.reason();
  const CommandResult made = RunCommand(
      server.Psql("CREATE TABLE account AS SELECT id, 0 AS balance, repeat('x', 80) AS filler "
                  "FROM generate_series(1, 50000) id; CREATE UNIQUE INDEX ON account (id)"));
  ASSERT_EQ(made.exit_code, 0) << made.err;
  std::list<ChildProcess> clients;
  for (int i = 0; i < kClients; ++i) clients.emplace_back(server.Psql(ClientWork(i)));
  ASSERT_TRUE(AllClientsSleep(server));

  const std::vector<pid_t> pids = server.Stop();
  EXPECT_GE(pids.size(), 1u + kClients);
  const TemporaryDirectory directory;
  ExpectFiguresEqualSmaps(pids, directory);

  ExpectInvariants(directory.File("attempt-0.pagesnap"));

  // The pool is worth looking at only if it was shared.
  const auto rows =
      AnalyzeRows({"sql", directory.File("attempt-0.pagesnap"),
                   "SELECT MAX(users) AS most FROM (SELECT COUNT(DISTINCT process_id) AS users "
                   "FROM page WHERE state = 'present' GROUP BY pfn)"});
  EXPECT_GE(rows.at(0).at("most").get<int>(), kClients);
  server.Continue();
  clients.clear();  // or they complain that their server goes
  EXPECT_EQ(server.Shutdown(), 0);
}

}  // namespace
}  // namespace pagesnap
