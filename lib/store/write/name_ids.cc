#include "lib/store/write/name_ids.h"

namespace pagesnap {

int64_t NameIds::FileId(const MappingFacts& facts) {
  if (facts.path.empty() && facts.inode == 0) return 0;
  const std::lock_guard lock(mutex_);
  // The parts of a file are mapped one behind the other.
  if (last_file_ != nullptr) {
    const auto& [device, inode, path] = last_file_->first;
    if (inode == facts.inode && path == facts.path && device == facts.device) {
      return last_file_->second;
    }
  }
  auto [place, is_new] = files_.try_emplace({facts.device, facts.inode, facts.path},
                                            static_cast<int64_t>(files_.size() + 1));
  last_file_ = &*place;
  if (is_new) {
    rows_.Add(FileRow{.id = place->second,
                      .device = facts.device,
                      .inode = static_cast<int64_t>(facts.inode),
                      .path = facts.path});
  }
  return place->second;
}

int64_t NameIds::VmFlagsId(const std::string& names) {
  const std::lock_guard lock(mutex_);
  auto [place, is_new] = vm_flags_.try_emplace(names, static_cast<int64_t>(vm_flags_.size() + 1));
  if (is_new) rows_.Add(VmFlagsRow{.id = place->second, .names = names});
  return place->second;
}

}  // namespace pagesnap
