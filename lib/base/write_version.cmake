# Writes the definitions of version.h into OUTPUT: cmake -DSOURCE=... -DVERSION=... -DOUTPUT=... -P.
# Runs in every build, and leaves the file alone unless the commit is another one.
cmake_minimum_required(VERSION 3.21)
execute_process(
  # The clone may belong to another user than the one who builds.
  COMMAND git -c safe.directory=* describe --always --dirty --abbrev=12 --exclude=*
  WORKING_DIRECTORY ${SOURCE}
  OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET
  RESULT_VARIABLE result)
if(NOT result EQUAL 0)
  set(commit "")
endif()
file(CONFIGURE OUTPUT ${OUTPUT} @ONLY CONTENT
"#include \"lib/base/version.h\"
namespace pagesnap {
std::string_view ReleaseVersion() { return \"@VERSION@\"; }
std::string_view SourceCommit() { return \"@commit@\"; }
}
")
