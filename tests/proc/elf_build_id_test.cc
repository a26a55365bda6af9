#include "lib/proc/elf_build_id.h"

#include <elf.h>
#include <gmock/gmock.h>

#include <cstring>

#include "lib/proc/directory_reader.h"
#include "tests/support/fake_reader.h"

namespace pagesnap {
namespace {

template <typename T>
std::string Bytes(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

std::string Note(uint32_t type, std::string name, std::string contents) {
  std::string note = Bytes(
      Elf64_Nhdr{static_cast<uint32_t>(name.size()), static_cast<uint32_t>(contents.size()), type});
  note += name;
  note.resize((note.size() + 3) / 4 * 4);
  note += contents;
  note.resize((note.size() + 3) / 4 * 4);
  return note;
}

std::string GnuNote(uint32_t type, std::string contents) {
  return Note(type, std::string("GNU", 4), std::move(contents));
}

// A file of headers, one segment of notes for each of `notes`, and these.
template <typename FileHeader, typename ProgramHeader>
std::string Elf(unsigned char elf_class, const std::vector<std::string>& notes) {
  FileHeader header = {};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = elf_class;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_phoff = sizeof header;
  header.e_phentsize = sizeof(ProgramHeader);
  header.e_phnum = static_cast<uint16_t>(1 + notes.size());
  std::string file = Bytes(header);
  ProgramHeader segment = {};
  segment.p_type = PT_LOAD;
  segment.p_filesz = 1 << 20;
  file += Bytes(segment);
  uint64_t offset = file.size() + notes.size() * sizeof segment;
  for (const std::string& note : notes) {
    segment = {};
    segment.p_type = PT_NOTE;
    segment.p_offset = static_cast<decltype(segment.p_offset)>(offset);
    segment.p_filesz = static_cast<decltype(segment.p_filesz)>(note.size());
    segment.p_align = 4;
    file += Bytes(segment);
    offset += note.size();
  }
  for (const std::string& note : notes) file += note;
  return file;
}

std::string Elf64(const std::vector<std::string>& notes) {
  return Elf<Elf64_Ehdr, Elf64_Phdr>(ELFCLASS64, notes);
}

std::string BuildIdOf(const std::string& bytes) {
  FakeReader reader;
  reader.AddMappedFile("proc/7/map_files/1-2", {}, bytes);
  return ReadBuildId(*reader.OpenCached("proc/7/map_files/1-2"));
}

TEST(ElfBuildIdTest, IsTheContentsOfItsNote) {
  const std::string id("\x01\xab\xff\x00\x10", 5);
  EXPECT_EQ(BuildIdOf(Elf64({GnuNote(NT_GNU_BUILD_ID, id)})), "01abff0010");
  EXPECT_EQ(BuildIdOf(Elf<Elf32_Ehdr, Elf32_Phdr>(ELFCLASS32, {GnuNote(NT_GNU_BUILD_ID, id)})),
            "01abff0010");
}

TEST(ElfBuildIdTest, OtherNotesAreSkipped) {
  const std::string others = GnuNote(NT_GNU_ABI_TAG, "abcdefg") +
                             Note(NT_GNU_BUILD_ID, std::string("Go\0\0", 4), "not it");
  EXPECT_EQ(BuildIdOf(Elf64({others, others + GnuNote(NT_GNU_BUILD_ID, "id")})), "6964");
  EXPECT_EQ(BuildIdOf(Elf64({others})), "");
  EXPECT_EQ(BuildIdOf(Elf64({})), "");
}

TEST(ElfBuildIdTest, OtherFilesHaveNone) {
  EXPECT_EQ(BuildIdOf(""), "");
  EXPECT_EQ(BuildIdOf("#!/bin/sh\nexec true\n"), "");
  std::string file = Elf64({GnuNote(NT_GNU_BUILD_ID, "id")});
  file[EI_DATA] = ELFDATA2MSB;
  EXPECT_EQ(BuildIdOf(file), "");
  file[EI_DATA] = ELFDATA2LSB;
  file[EI_CLASS] = 3;
  EXPECT_EQ(BuildIdOf(file), "");
}

// Of a file that is in memory in part, or damaged, nothing wrong is said.
TEST(ElfBuildIdTest, WhatIsCutOffIsUnknown) {
  const std::string file = Elf64({GnuNote(NT_GNU_BUILD_ID, "0123456789abcdef0123")});
  for (size_t size = 0; size < file.size(); ++size) {
    EXPECT_EQ(BuildIdOf(file.substr(0, size)), "") << size;
  }
}

TEST(ElfBuildIdTest, SizesThatDoNotFitAreNotBelieved) {
  const std::string id = GnuNote(NT_GNU_BUILD_ID, "0123456789");
  for (const uint32_t size : {uint32_t{13}, uint32_t{4096}, ~uint32_t{0}, ~uint32_t{0} - 12}) {
    for (const size_t field : {0, 4}) {
      std::string note = id;
      std::memcpy(note.data() + field, &size, sizeof size);
      EXPECT_EQ(BuildIdOf(Elf64({note})), "") << size;
    }
  }
  std::string file = Elf64({id});
  for (size_t at = sizeof(Elf64_Ehdr); at < file.size(); ++at) {
    std::string damaged = file;
    damaged[at] = static_cast<char>(~damaged[at]);
    EXPECT_LE(BuildIdOf(damaged).size(), 128) << at;
  }
}

}  // namespace
}  // namespace pagesnap
