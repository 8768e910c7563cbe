#pragma once

// One repository as a database keeps it: its names, and its books.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "datastore/books.h"

namespace praefect::datastore {

struct RepositoryName {
  std::string virtual_storage;
  std::string relative_path;

  friend bool operator==(const RepositoryName&, const RepositoryName&) = default;
};

struct Repository {
  int64_t id = 0;
  RepositoryName name;  // without a relative path while it is being removed
  std::string replica_path;
  bool renamed = false;  // its replica path is retired when it goes
  // The storages of books.replicas, in the same order: those with a row, then those wanted.
  std::vector<std::string> storages;
  Books books;
  std::vector<std::string> assignments;  // storages that shall hold it; empty: all configured ones

  // kNoStorage for one that is not there.
  int Position(std::string_view storage) const {
    for (size_t i = 0; i < storages.size(); ++i) {
      if (storages[i] == storage) return static_cast<int>(i);
    }
    return kNoStorage;
  }
  // "" for kNoStorage.
  std::string Name(int position) const { return position < 0 ? "" : storages[position]; }
  // Adds it when it is not there.
  int Place(std::string_view storage) {
    if (const int position = Position(storage); position >= 0) return position;
    storages.emplace_back(storage);
    books.replicas.emplace_back();
    return static_cast<int>(storages.size()) - 1;
  }
};

}  // namespace praefect::datastore
