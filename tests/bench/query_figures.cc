#include "tests/bench/query_figures.h"

#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "lib/base/error.h"
#include "lib/base/number.h"

namespace pagesnap {
namespace {

constexpr double kMaxRssMib = 512;

double SecondsOf(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
}

struct Measurement {
  double seconds;
  double cpu_seconds;  // of all threads
  double rss_mib;
};

// Measures in a child process. `body` returns the seconds.
Measurement InChild(const std::function<double()>& body) {
  int pipe_ends[2];
  if (pipe(pipe_ends) != 0) throw Error("pipe failed");
  const pid_t child = fork();
  if (child == 0) {
    double seconds = -1;
    try {
      seconds = body();
    } catch (const std::exception& error) {
      fmt::print(stderr, "query_bench: {}\n", error.what());
    }
    const bool written = write(pipe_ends[1], &seconds, sizeof seconds) == sizeof seconds;
    _exit(written ? 0 : 1);
  }
  close(pipe_ends[1]);
  double seconds = -1;
  if (read(pipe_ends[0], &seconds, sizeof seconds) != sizeof seconds) seconds = -1;
  close(pipe_ends[0]);
  rusage usage;
  wait4(child, nullptr, 0, &usage);
  return {seconds, SecondsOf(usage.ru_utime) + SecondsOf(usage.ru_stime),
          static_cast<double>(usage.ru_maxrss) / 1024};
}

std::string Duration(double seconds) {
  return seconds < 0 ? "failed" : HumanDuration(static_cast<uint64_t>(seconds * 1e9));
}

}  // namespace

double SecondsOf(const std::function<void()>& body) {
  const auto start = std::chrono::steady_clock::now();
  body();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

uint64_t Run(const Session& session, const std::string& sql) {
  Statement statement(session.database(), sql);
  uint64_t rows = 0;
  while (statement.Step()) ++rows;
  return rows;
}

QueryFigures::QueryFigures(std::string path, std::string only)
    : path_(std::move(path)), only_(std::move(only)) {
  fmt::print("{:<52} {:>10} {:>10} {:>6} {:>10} {:>9}\n", "figure", "measured", "target", "used",
             "CPU", "peak RSS");
}

double QueryFigures::Opened(const std::string& figure, double target,
                            const std::function<double(Session&)>& body) {
  return Cold(figure, target, [&] {
    Session session(path_);
    return body(session);
  });
}

double QueryFigures::Query(const std::string& figure, double target, const std::string& sql) {
  return Opened(figure, target,
                [&](Session& session) { return SecondsOf([&] { Run(session, sql); }); });
}

double QueryFigures::OpenAndQuery(const std::string& figure, double target, const std::string& path,
                                  const std::string& sql) {
  return Cold(figure, target, [&] {
    return SecondsOf([&] {
      Session session(path);
      Run(session, sql);
    });
  });
}

double QueryFigures::Program(const std::string& figure, double target, const std::string& report,
                             const std::string& path) {
  const std::string command =
      fmt::format("{}/analyze {} '{}' > /dev/null 2>&1", PAGESNAP_PROGRAM_DIR, report, path);
  return Cold(figure, target, [&] {
    return SecondsOf([&] {
      const int status = std::system(command.c_str());
      // 'check' has nothing to compare some figures of this machine with.
      if (!WIFEXITED(status) || (WEXITSTATUS(status) != 0 && WEXITSTATUS(status) != 3)) {
        throw Error(command + " failed");
      }
    });
  });
}

void QueryFigures::NoneOf(const std::string& figure, const std::function<double()>& body) {
  if (figure.find(only_) == std::string::npos) return;
  const double count = InChild(body).seconds;
  fmt::print("{:<52} {:>10} {:>10}\n", figure,
             count < 0 ? "failed" : HumanCount(static_cast<uint64_t>(count)), "0");
  if (count != 0) missed_ = true;
}

double QueryFigures::Cold(const std::string& figure, double target,
                          const std::function<double()>& body) {
  if (figure.find(only_) == std::string::npos) return 0;
  const Measurement result = InChild(body);
  fmt::print("{:<52} {:>10} {:>10} {:>5.0f}% {:>10} {:>5.0f} MiB\n", figure,
             Duration(result.seconds), target > 0 ? Duration(target) : "-",
             target > 0 ? result.seconds / target * 100 : 0, Duration(result.cpu_seconds),
             result.rss_mib);
  fflush(stdout);
  if (result.seconds < 0 || (target > 0 && result.seconds > target)) missed_ = true;
  if (target > 0 && result.rss_mib > kMaxRssMib) missed_ = true;
  return result.seconds;
}

}  // namespace pagesnap
