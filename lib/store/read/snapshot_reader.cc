#include "lib/store/read/snapshot_reader.h"

#include <fmt/format.h>

#include <algorithm>

#include "lib/store/read/accounting_reader.h"
#include "lib/store/read/content_reader.h"
#include "lib/store/sqlite/damage.h"
#include "lib/store/sqlite/statement.h"

namespace pagesnap {
namespace {

// Decoded contents that are kept: a few cursors at once, and queries that come back to a page.
constexpr size_t kKeptContents = 8;

// Snapshots of which frames and sums are kept: two that are compared, and those of two cursors
// beside them. A series has thousands.
constexpr size_t kKeptSnapshots = 4;

}  // namespace

struct SnapshotReader::SourceReaders {
  explicit SourceReaders(const Source& source)
      : mappings(source), contents(source), accounting(source) {}

  MappingReader mappings;
  ContentReader contents;
  AccountingReader accounting;
};

SnapshotReader::SnapshotReader(const Database& database) : SnapshotReader(std::vector{&database}) {}

SnapshotReader::SnapshotReader(const std::vector<const Database*>& databases)
    : sources_(MakeSources(databases)),
      snapshots_(LoadSnapshots(sources_)),
      processes_(sources_, snapshots_),
      frames_(kKeptSnapshots),
      usages_(kKeptSnapshots),
      decoded_(kKeptContents) {
  for (const Source& source : sources_) {
    readers_.push_back(std::make_unique<SourceReaders>(source));
  }
}

SnapshotReader::~SnapshotReader() = default;

const Source& SnapshotReader::SourceOf(IdSpace space, int64_t id) const {
  for (const Source& source : sources_) {
    if (source.Local(space, id)) return source;
  }
  ThrowDamaged(database(), fmt::format("something refers to id {}, which is not there", id));
}

SnapshotReader::SourceReaders& SnapshotReader::ReadersOf(IdSpace space, int64_t id) const {
  return *readers_[static_cast<size_t>(&SourceOf(space, id) - sources_.data())];
}

const SnapshotInfo& SnapshotReader::snapshot(int64_t id) const {
  const SnapshotInfo* info = FindSnapshot(snapshots_, id);
  if (info != nullptr) return *info;
  ThrowDamaged(database(), fmt::format("something refers to snapshot {}, which is not there", id));
}

const ReaderSize& SnapshotReader::size() {
  if (size_) return *size_;
  ReaderSize size;
  for (const Source& source : sources_) {
    Statement statement(
        *source.database,
        "SELECT (SELECT COUNT(*) FROM main.mapping), (SELECT TOTAL(present_count) + "
        "TOTAL(swapped_count) + TOTAL(special_count) FROM page_chunk), "
        "(SELECT TOTAL(frame_count) FROM frame_chunk), "
        "(SELECT TOTAL(frame_count) FROM ram_chunk)");
    statement.Step();
    size.mappings += static_cast<double>(statement.Int(0) + source.copies->count());
    size.pages += statement.Real(1);
    size.frames += statement.Real(2);
    size.ram += statement.Real(3);
  }
  // Sums of what nobody has checked yet: they may even be no number.
  constexpr double kMaxCount = 1e15;
  for (double* count : {&size.mappings, &size.pages, &size.frames, &size.ram}) {
    *count = *count >= 1 ? std::min(*count, kMaxCount) : 1;
  }
  size.snapshots = std::max(1.0, static_cast<double>(snapshots_.size()));
  size.processes = std::max(1.0, static_cast<double>(processes_.size()));
  return size_.emplace(size);
}

std::vector<int64_t> SnapshotReader::Processes(const PageFilter& filter) const {
  if (!filter.mapping_id) return processes_.Select(filter.process_id, filter.snapshot_id);
  for (const auto& readers : readers_) {
    const std::optional<int64_t> owner = readers->mappings.ProcessOf(*filter.mapping_id);
    if (owner && *owner == filter.process_id.value_or(*owner)) {
      return processes_.Select(owner, filter.snapshot_id);
    }
  }
  return {};
}

int64_t SnapshotReader::Pid(int64_t process_id) const {
  const ProcessKey* process = processes_.Find(process_id);
  return process != nullptr ? process->pid : -1;
}

std::vector<MappingInfo> SnapshotReader::Mappings(int64_t process_id,
                                                  const PageFilter& filter) const {
  const ProcessKey* process = processes_.Find(process_id);
  if (process == nullptr) return {};
  return ReadersOf(IdSpace::kProcess, process_id)
      .mappings.Mappings(process_id, snapshot(process->snapshot_id), filter);
}

std::vector<ChunkInfo> SnapshotReader::Chunks(const MappingInfo& mapping) {
  return ReadersOf(IdSpace::kMapping, mapping.id).mappings.Chunks(mapping);
}

void SnapshotReader::Fetch(int64_t content_id, StoredBlob* content) {
  ReadersOf(IdSpace::kContent, content_id).contents.Fetch(content_id, content);
}

uint32_t SnapshotReader::ContentPages(int64_t content_id) const {
  return ReadersOf(IdSpace::kContent, content_id).contents.PageCount(content_id);
}

std::shared_ptr<const std::vector<uint64_t>> SnapshotReader::SharedWords(int64_t content_id) {
  auto decode = [&] {
    Fetch(content_id, &stored_);
    auto decoded = std::make_shared<DecodedContent>(DecodedContent{content_id, {}});
    DecodeContent(stored_, &decoded->words);
    return decoded;
  };
  const std::shared_ptr<DecodedContent>& decoded =
      decoded_.Get([&](const DecodedContent& one) { return one.content_id == content_id; }, decode);
  return {decoded, &decoded->words};
}

const AccountingTable* SnapshotReader::Accounting(int64_t process_id) {
  if (process_id != accounting_process_id_) {
    accounting_process_id_ = 0;  // until it was read
    accounting_ = ReadersOf(IdSpace::kProcess, process_id).accounting.Read(process_id);
    accounting_process_id_ = process_id;
  }
  return accounting_ ? &*accounting_ : nullptr;
}

std::shared_ptr<const SnapshotReader::ContentUsages> SnapshotReader::Usages(int64_t snapshot_id) {
  auto load = [&] {
    const Source& source = SourceOf(IdSpace::kSnapshot, snapshot_id);
    auto usages = std::make_shared<ContentUsages>();
    LoadContentUsages(*source.database, *source.Local(IdSpace::kSnapshot, snapshot_id),
                      snapshot(snapshot_id).page_size,
                      [&](int64_t content_id, const ContentUsage& usage) {
                        usages->emplace(source.Global(IdSpace::kContent, content_id), usage);
                      });
    return std::make_shared<UsagesOf>(UsagesOf{snapshot_id, std::move(usages)});
  };
  return usages_.Get([&](const UsagesOf& one) { return one.snapshot_id == snapshot_id; }, load)
      ->usages;
}

const ContentUsage* SnapshotReader::Usage(int64_t snapshot_id, int64_t content_id) {
  const auto usages = Usages(snapshot_id);
  const auto found = usages->find(content_id);
  return found != usages->end() && found->second.complete() ? &found->second : nullptr;
}

RamTable SnapshotReader::Ram(int64_t snapshot_id) const {
  const Source& source = SourceOf(IdSpace::kSnapshot, snapshot_id);
  return {*source.database, *source.Local(IdSpace::kSnapshot, snapshot_id)};
}

std::shared_ptr<FrameTable> SnapshotReader::Frames(int64_t snapshot_id) {
  const Source& source = SourceOf(IdSpace::kSnapshot, snapshot_id);
  const int64_t local_id = *source.Local(IdSpace::kSnapshot, snapshot_id);
  return frames_.Get(
      [&](const FrameTable& one) {
        return one.snapshot_id() == local_id && &one.database() == source.database;
      },
      [&] { return std::make_shared<FrameTable>(*source.database, local_id); });
}

}  // namespace pagesnap
