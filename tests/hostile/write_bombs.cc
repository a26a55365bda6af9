// Writes the bombs, and a line for each with its name and the question that it is aimed at, for
// tests/trials/bombs.sh: write_bombs SOUND_FILE FOLDER [NAME]
#include <fmt/format.h>

#include <exception>
#include <filesystem>

#include "tests/hostile/bomb_files.h"

int main(int argc, char** argv) {
  using namespace pagesnap;  // NOLINT(google-build-using-namespace)
  if (argc < 3) return 2;
  for (const Bomb& bomb : AllBombs(BombSize::kFull)) {
    if (argc > 3 && bomb.file.name != argv[3]) continue;
    const std::string path = fmt::format("{}/{}", argv[2], bomb.file.name);
    try {
      std::filesystem::copy_file(argv[1], path, std::filesystem::copy_options::overwrite_existing);
      bomb.file.craft(path);
    } catch (const std::exception& error) {
      fmt::print(stderr, "{}: {}\n", bomb.file.name, error.what());
      continue;
    }
    fmt::print("{}", bomb.file.name);
    for (const std::string& argument : bomb.question) {
      fmt::print("\t{}", argument == "FILE" ? path : argument);
    }
    fmt::print("\n");
  }
  return 0;
}
