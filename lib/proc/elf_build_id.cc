#include "lib/proc/elf_build_id.h"

#include <elf.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

namespace pagesnap {
namespace {

// Programs have about a dozen headers, and notes of a hundred bytes.
constexpr size_t kMaxHeaders = 64;
constexpr size_t kMaxNoteBytes = 4096;
constexpr size_t kMaxIdBytes = 64;  // SHA-1 has 20

template <typename T>
bool ReadWhole(CachedFile& file, uint64_t offset, T* value) {
  return file.Read(offset, std::span(reinterpret_cast<char*>(value), sizeof *value)) ==
         sizeof *value;
}

std::string Hex(std::string_view bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  for (const char byte : bytes) {
    hex += kDigits[static_cast<unsigned char>(byte) >> 4];
    hex += kDigits[static_cast<unsigned char>(byte) & 15];
  }
  return hex;
}

// Looks through the notes of one segment. Names and contents begin at multiples of `alignment`.
std::string FindInNotes(std::string_view notes, size_t alignment) {
  constexpr std::string_view kName("GNU", 4);
  auto aligned = [&](size_t size) { return (size + alignment - 1) / alignment * alignment; };
  Elf64_Nhdr note;  // that of 32 bits is the same
  while (notes.size() >= sizeof note) {
    std::memcpy(&note, notes.data(), sizeof note);
    const size_t id_begin = aligned(sizeof note + note.n_namesz);
    if (id_begin > notes.size() || note.n_descsz > notes.size() - id_begin) break;
    if (note.n_type == NT_GNU_BUILD_ID && note.n_descsz <= kMaxIdBytes &&
        notes.substr(sizeof note, note.n_namesz) == kName) {
      return Hex(notes.substr(id_begin, note.n_descsz));
    }
    notes.remove_prefix(std::min(notes.size(), aligned(id_begin + note.n_descsz)));
  }
  return "";
}

template <typename FileHeader, typename ProgramHeader>
std::string FindInFile(CachedFile& file) {
  FileHeader header;
  if (!ReadWhole(file, 0, &header) || header.e_phentsize != sizeof(ProgramHeader)) return "";
  for (size_t i = 0; i < std::min<size_t>(header.e_phnum, kMaxHeaders); ++i) {
    ProgramHeader segment;
    if (!ReadWhole(file, header.e_phoff + i * sizeof segment, &segment)) return "";
    if (segment.p_type != PT_NOTE || segment.p_filesz > kMaxNoteBytes) continue;
    std::array<char, kMaxNoteBytes> notes;
    const size_t size =
        file.Read(segment.p_offset, std::span(notes).first(static_cast<size_t>(segment.p_filesz)));
    const size_t alignment = segment.p_align == 8 ? 8 : 4;
    std::string id = FindInNotes(std::string_view(notes.data(), size), alignment);
    if (!id.empty()) return id;
  }
  return "";
}

}  // namespace

std::string ReadBuildId(CachedFile& file) {
  std::array<unsigned char, EI_NIDENT> ident;
  constexpr unsigned char kOwnOrder =
      std::endian::native == std::endian::little ? ELFDATA2LSB : ELFDATA2MSB;
  if (!ReadWhole(file, 0, &ident) || std::memcmp(ident.data(), ELFMAG, SELFMAG) != 0 ||
      ident[EI_DATA] != kOwnOrder) {
    return "";
  }
  if (ident[EI_CLASS] == ELFCLASS64) return FindInFile<Elf64_Ehdr, Elf64_Phdr>(file);
  if (ident[EI_CLASS] == ELFCLASS32) return FindInFile<Elf32_Ehdr, Elf32_Phdr>(file);
  return "";
}

}  // namespace pagesnap
