// Whether a capture of all processes that /proc lists is one of all processes of the machine.
#ifndef CAPTURE_WHOLE_MACHINE_H_
#define CAPTURE_WHOLE_MACHINE_H_

#include "lib/proc/reader.h"

namespace pagesnap {

// Returns whether this /proc lists the processes of the whole machine: it belongs to the initial
// pid namespace, and hides none from the caller. False where that cannot be found out. Throws
// Interrupted.
bool ListsWholeMachine(ProcReader& reader);

}  // namespace pagesnap

#endif  // CAPTURE_WHOLE_MACHINE_H_
