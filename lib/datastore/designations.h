#pragma once

// Which storage of each virtual storage is to be the primary of its repositories. Files of the
// instances say so, and may differ for as long as somebody edits them one after the other. What is
// in force is a row of the books, and moves when the files of all live instances name the same one:
// so an instance with an old file moves nothing back, and no two of them promote against each
// other.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace praefect::datastore {

// By virtual storage.
using Designations = std::map<std::string, std::string>;

// Live instances and what the file of each says.
struct Declarations {
  struct Of {
    int64_t instance = 0;
    std::string name;  // of its process, for people
    Designations designated;
  };
  std::vector<Of> instances;  // by id
  Designations in_force;
};

// What is in force from now on. Where nothing is, the first instance's word counts; a virtual
// storage that no live instance has keeps what it has.
Designations Decide(const Declarations& declarations);

// Why `wanted` is not in force for a virtual storage: the instances whose files say something else,
// "NAME (STORAGE)", separated by commas. Empty: none does.
std::string Dissent(const Declarations& declarations, const std::string& virtual_storage,
                    const std::string& wanted);

}  // namespace praefect::datastore
