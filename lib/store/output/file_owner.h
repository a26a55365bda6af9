// Who an output file belongs to when it is not the user who runs us.
#ifndef LIB_STORE_OUTPUT_FILE_OWNER_H_
#define LIB_STORE_OUTPUT_FILE_OWNER_H_

#include <sys/types.h>

#include <string>
#include <vector>

namespace pagesnap {

struct FileOwner {
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> groups;  // supplementary ones
};

// Returns whether `owner` could have made a file in the folder: `path` leads that user to the
// folder that `folder` is open on, and the user may create names there. The kernel answers, to a
// child process with this user's ids and no capability, so that all it knows counts: mode, ACLs,
// security modules. False when no child can be had. Needs root.
bool CouldCreateIn(const FileOwner& owner, int folder, const std::string& path);

}  // namespace pagesnap

#endif  // LIB_STORE_OUTPUT_FILE_OWNER_H_
