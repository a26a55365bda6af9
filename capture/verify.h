// Reads the page words of a snapshot once more, to say how much moved while it was taken.
#ifndef CAPTURE_VERIFY_H_
#define CAPTURE_VERIFY_H_

#include <cstdint>

#include "capture/context.h"
#include "lib/store/sqlite/database.h"

namespace pagesnap {

// Compares every page word of the snapshot that is being written with what pagemap says now, and
// stores for each mapping how many differ. Mappings that cannot be read any more stay unverified.
// Returns how many words differ in all.
uint64_t VerifyPages(CaptureContext& context, int64_t snapshot_id);

}  // namespace pagesnap

#endif  // CAPTURE_VERIFY_H_
