// The static program does without the mathematics that SQL can ask SQLite for (lang_mathfunc.html
// at sqlite.org), which capture's SQL never does: in libm.a each function is there for several
// processors, some 200 KiB in all. exp() stays: lib/codec calls it.
#include <cstdlib>

// Take the place of those in libm.a, which are then not linked.
#define PAGESNAP_UNUSED(name) \
  double name(double) { std::abort(); }

extern "C" {

PAGESNAP_UNUSED(acos)
PAGESNAP_UNUSED(acosh)
PAGESNAP_UNUSED(asin)
PAGESNAP_UNUSED(asinh)
PAGESNAP_UNUSED(atan)
PAGESNAP_UNUSED(atanh)
PAGESNAP_UNUSED(cos)
PAGESNAP_UNUSED(cosh)
PAGESNAP_UNUSED(sin)
PAGESNAP_UNUSED(sinh)
PAGESNAP_UNUSED(tan)
PAGESNAP_UNUSED(tanh)
double atan2(double, double) { std::abort(); }
double pow(double, double) { std::abort(); }

}  // extern "C"
