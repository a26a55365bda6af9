// Standard input, output and error, when the caller closed some of them.
#ifndef LIB_BASE_STANDARD_STREAMS_H_
#define LIB_BASE_STANDARD_STREAMS_H_

namespace pagesnap {

// Opens /dev/null on those of the descriptors 0, 1 and 2 that are closed, so that no file opened
// later takes their numbers: open(2) returns the lowest one that is free, and a message printed to
// standard output would go into that file. Call it first in main(). Standard output is opened for
// reading only, so that a write to it fails with EBADF as if it were still closed. Where /dev/null
// cannot be opened, as in an empty chroot, the root directory takes the number (O_PATH: all reads
// and writes fail). Never fails: with no descriptor left at all (ulimit -n) nothing can be opened
// later either.
void OpenStandardStreams();

// Returns whether standard output was closed when OpenStandardStreams() was called.
bool StandardOutputWasClosed();

}  // namespace pagesnap

#endif  // LIB_BASE_STANDARD_STREAMS_H_
