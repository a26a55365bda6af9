// Words of the command line, and tokens of the SQL on it.
#ifndef ANALYZE_WORDS_H_
#define ANALYZE_WORDS_H_

#include <string>
#include <string_view>
#include <vector>

namespace pagesnap {

// Returns the parts between the separators, without blanks around them.
std::vector<std::string> SplitList(std::string_view text, char separator);

// Removes the next token from `sql`, which is not empty, and returns it: a comment, a word
// (letters, digits and "_"), a text or name in quotes, or any other character. What is not closed
// ends with the SQL. A quote that is doubled in a text ends it and begins another.
std::string_view TakeSqlToken(std::string_view* sql);

// Returns whether a token is a comment.
bool IsSqlComment(std::string_view token);

// Returns the statement in `sql`, without the ';' that ends it; "" when there is none. `label`
// names the SQL in messages. Throws UsageError when there are several: SQLite would ignore all but
// the first.
std::string OnlyStatement(std::string_view sql, const std::string& label);

}  // namespace pagesnap

#endif  // ANALYZE_WORDS_H_
