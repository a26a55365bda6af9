#include "lib/store/frames/zone_table.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <random>

#include "lib/store/schema.h"

namespace pagesnap {
namespace {

// The rule, without any table: the first zone by start that the frame is in.
const Zone* FirstOf(const std::vector<Zone>& zones, uint64_t pfn) {
  for (const Zone& zone : zones) {
    if (pfn >= zone.start_pfn && pfn < zone.end_pfn) return &zone;
  }
  return nullptr;
}

TEST(ZoneTableTest, FindsTheFirstOfZonesThatOverlap) {
  std::mt19937 random(1);
  for (int round = 0; round < 50; ++round) {
    Database database = Database::OpenMemory("zones");
    CreateSchema(database);
    database.Execute("PRAGMA foreign_keys = OFF");
    std::vector<Zone> zones;
    const int count = static_cast<int>(random() % 12);
    for (int i = 0; i < count; ++i) {
      const uint64_t start = random() % 60;
      zones.push_back({i, "Z", start, start + random() % 30});
      database.Execute(fmt::format("INSERT INTO memory_zone VALUES (1, {}, 'Z', {}, {}, 0, 0)", i,
                                   start, zones.back().end_pfn - start));
    }
    std::stable_sort(zones.begin(), zones.end(),
                     [](const Zone& a, const Zone& b) { return a.start_pfn < b.start_pfn; });
    const ZoneTable table(database, 1);
    EXPECT_EQ(table.size(), zones.size());
    for (uint64_t pfn = 0; pfn < 100; ++pfn) {
      const Zone* expected = FirstOf(zones, pfn);
      const Zone* found = table.Find(pfn);
      ASSERT_EQ(found != nullptr, expected != nullptr) << round << ' ' << pfn;
      // Of two that start together, the order is not defined.
      if (found != nullptr) {
        EXPECT_EQ(found->start_pfn, expected->start_pfn) << round << " " << pfn;
      }
    }
  }
}

}  // namespace
}  // namespace pagesnap
