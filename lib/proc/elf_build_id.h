// The build ID of a program or library: the note NT_GNU_BUILD_ID, which linkers make of the
// contents (ld(1), --build-id).
#ifndef LIB_PROC_ELF_BUILD_ID_H_
#define LIB_PROC_ELF_BUILD_ID_H_

#include <string>

#include "lib/proc/reader.h"

namespace pagesnap {

// Returns the build ID in lower-case hex; "" when the file is no ELF file of this machine's byte
// order, has none, or is not in memory as far as needed. Reads at most a few KiB of headers and
// notes. Throws ReadError.
std::string ReadBuildId(CachedFile& file);

}  // namespace pagesnap

#endif  // LIB_PROC_ELF_BUILD_ID_H_
