#include <csignal>
#include <nlohmann/json.hpp>

#include "lib/base/error.h"
#include "lib/base/number.h"
#include "tests/support/live_machine.h"

namespace pagesnap {
namespace {

uint64_t ParseWord(const nlohmann::json& text) {
  const std::optional<uint64_t> word = ParseAddress(text.get<std::string>());
  if (!word) throw Error("the workload wrote a word that is no number: " + text.dump());
  return *word;
}

WorkloadRegion ParseRegion(const nlohmann::json& json) {
  WorkloadRegion region;
  region.name = json.at("name");
  region.kind = json.at("kind");
  region.pid = json.at("pid");
  region.start = ParseWord(json.at("start"));
  region.page_count = json.at("page_count");
  region.skipped = json.value("skipped", "");
  for (const nlohmann::json& word : json.at("pages")) region.words.push_back(ParseWord(word));
  if (json.contains("anon_huge_kib")) region.anon_huge_kib = json.at("anon_huge_kib");
  return region;
}

std::vector<std::string> CommandLine(const std::vector<std::string>& options) {
  std::vector<std::string> argv = {BuiltProgram("workload")};
  argv.insert(argv.end(), options.begin(), options.end());
  return argv;
}

}  // namespace

Workload::Workload(const std::vector<std::string>& options, const std::string& cgroup_directory)
    : process_(CommandLine(options), cgroup_directory) {
  const nlohmann::json json = nlohmann::json::parse(process_.ReadLine());
  if (!json.at("child_pid").is_null()) child_pid_ = json.at("child_pid").get<pid_t>();
  stable_ = json.at("stable");
  pfn_visible_ = json.at("pfn_visible");
  for (const nlohmann::json& region : json.at("regions")) regions_.push_back(ParseRegion(region));
}

const WorkloadRegion& Workload::region(const std::string& name, pid_t pid) const {
  for (const WorkloadRegion& region : regions_) {
    if (region.name == name && region.pid == (pid == 0 ? this->pid() : pid)) return region;
  }
  throw Error("the workload has no region " + name);
}

void Workload::Stop() {
  process_.Stop();
  if (child_pid_) StopProcess(*child_pid_);
}

void Workload::Continue() {
  // The child cannot have been replaced by another process: its parent reaps it only at its end.
  if (child_pid_) kill(*child_pid_, SIGCONT);
  process_.Continue();
}

int Workload::End() {
  process_.CloseInput();
  return process_.Wait();
}

}  // namespace pagesnap
