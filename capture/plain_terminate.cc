// The static program does without the text of an exception that nobody caught: the C++ library's
// own handler brings a demangler of some 80 KiB. main() catches all, and PrepareLimits() sets a
// handler.
#include <cstdlib>

namespace __gnu_cxx {

// Takes the place of the one in libstdc++.a (vterminate.cc), which is then not linked.
void __verbose_terminate_handler() { std::abort(); }

}  // namespace __gnu_cxx
