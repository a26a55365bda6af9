#include "tests/live/postgres_server.h"

#include <fmt/format.h>
#include <pwd.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "lib/base/error.h"

namespace pagesnap {
namespace {

namespace fs = std::filesystem;

// Returns the directory of the newest installed version's programs, or nothing.
std::string FindPrograms() {
  std::string found;
  int newest = 0;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator("/usr/lib/postgresql", error)) {
    const int version = std::atoi(entry.path().filename().c_str());
    if (version <= newest || !fs::exists(entry.path() / "bin/initdb")) continue;
    newest = version;
    found = (entry.path() / "bin").string();
  }
  return found;
}

std::vector<std::string> AsPostgres(std::vector<std::string> command) {
  std::vector<std::string> argv = {"runuser", "-u", "postgres", "--"};
  argv.insert(argv.end(), command.begin(), command.end());
  return argv;
}

// Returns the server's pid, or 0 when none runs.
pid_t ServerPid(const std::string& data) {
  std::ifstream file(data + "/postmaster.pid");
  pid_t pid = 0;
  file >> pid;
  return pid;
}

// The server and its children, without those that have ended and wait to be reaped: the server
// cannot do so while it is stopped.
std::vector<pid_t> Tree(pid_t server) {
  std::vector<pid_t> pids = {server};
  std::ifstream children(fmt::format("/proc/{0}/task/{0}/children", server));
  for (pid_t pid = 0; children >> pid;) {
    std::ifstream statm(fmt::format("/proc/{}/statm", pid));
    uint64_t page_count = 0;
    if (statm >> page_count && page_count > 0) pids.push_back(pid);
  }
  return pids;
}

std::vector<std::string> ShutdownCommand(const std::string& programs, const std::string& data,
                                         const char* mode) {
  return AsPostgres({programs + "/pg_ctl", "-D", data, "-m", mode, "-w", "-s", "stop"});
}

}  // namespace

PostgresServer::PostgresServer() {
  programs_ = FindPrograms();
  if (geteuid() != 0) {
    reason_ = "only root can become the user postgres";
  } else if (programs_.empty()) {
    reason_ = "no PostgreSQL in /usr/lib/postgresql (the package postgresql)";
  } else if (getpwnam("postgres") == nullptr) {
    reason_ = "there is no user postgres";
  } else {
    reason_ = Start();
  }
}

// Returns why it failed, or nothing.
std::string PostgresServer::Start() {
  const std::string data = directory_.File("data");
  const CommandResult made = RunCommand(AsPostgres(
      {programs_ + "/initdb", "-D", data, "-A", "trust", "-N", "--locale=C", "-E", "UTF8"}));
  if (made.exit_code != 0) return "initdb: " + made.err;
  undo_ = std::make_unique<Undo>([programs = programs_, data]() {
    const pid_t server = ServerPid(data);
    if (server <= 0) return true;  // it was shut down
    for (pid_t pid : Tree(server)) kill(pid, SIGCONT);
    return RunCommand(ShutdownCommand(programs, data, "immediate")).exit_code == 0;
  });
  const std::string settings = fmt::format(
      "-c listen_addresses= -c unix_socket_directories={} -c shared_buffers=64MB "
      "-c autovacuum=off -c fsync=off",
      directory_.path());
  const CommandResult started =
      RunCommand(AsPostgres({programs_ + "/pg_ctl", "-D", data, "-l", data + "/log", "-o", settings,
                             "-w", "-s", "start"}));
  return started.exit_code == 0 ? "" : "pg_ctl start: " + started.out + started.err;
}

std::vector<std::string> PostgresServer::Psql(const std::string& sql) const {
  return {programs_ + "/psql",
          "-h",
          directory_.path(),
          "-U",
          "postgres",
          "-X",
          "-q",
          "-t",
          "-A",
          "-c",
          sql};
}

std::vector<pid_t> PostgresServer::Stop() {
  const pid_t server = ServerPid(directory_.File("data"));
  if (server <= 0) throw Error("the PostgreSQL server does not run");
  StopProcess(server);
  // A backend whose client has just gone is on its way out, and would not stop any more.
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  const std::vector<pid_t> pids = Tree(server);
  for (pid_t pid : pids) StopProcess(pid);
  return pids;
}

void PostgresServer::Continue() {
  for (pid_t pid : Tree(ServerPid(directory_.File("data")))) kill(pid, SIGCONT);
}

int PostgresServer::Shutdown() {
  return RunCommand(ShutdownCommand(programs_, directory_.File("data"), "fast")).exit_code;
}

}  // namespace pagesnap
