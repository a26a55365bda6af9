// Statements that are kept for their next use.
#ifndef LIB_STORE_SQLITE_RESET_AT_END_H_
#define LIB_STORE_SQLITE_RESET_AT_END_H_

namespace pagesnap {

// Makes a cached statement, or what reads by one, ready for its next use, however this one ends.
template <typename Resettable>
class ResetAtEnd {
 public:
  explicit ResetAtEnd(Resettable& statement) : statement_(statement) {}
  ResetAtEnd(const ResetAtEnd&) = delete;
  ResetAtEnd& operator=(const ResetAtEnd&) = delete;
  ~ResetAtEnd() { statement_.Reset(); }

 private:
  Resettable& statement_;
};

}  // namespace pagesnap

#endif  // LIB_STORE_SQLITE_RESET_AT_END_H_
