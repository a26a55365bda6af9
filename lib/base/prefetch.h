// Memory that is needed soon.
#ifndef LIB_BASE_PREFETCH_H_
#define LIB_BASE_PREFETCH_H_

namespace pagesnap {

// Has the processor fetch what is at `address`, which may be any.
inline void Prefetch(const void* address) {
  __builtin_prefetch(address);
  // GCC 12 takes a function that does nothing else for one without an effect, and drops the calls
  // of it, and of those that call it. This is an effect, and no instruction.
  asm volatile("");
}

}  // namespace pagesnap

#endif  // LIB_BASE_PREFETCH_H_
