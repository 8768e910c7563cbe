#include "gitaly/target.h"

#include <absl/container/inlined_vector.h>

#include <array>

#include "gitaly/wire.h"

namespace praefect::gitaly {
namespace {

// Of gitaly.Repository.
constexpr uint32_t kStorageNameTag = 2 << 3 | 2;
constexpr uint32_t kRelativePathTag = 3 << 3 | 2;

enum Role { kTarget, kAdditional, kRoles };

enum class Kind {
  kContainer,     // a message on the way to a repository
  kRepository,    // a repository
  kStorageName,   // of the repository before it
  kRelativePath,  // likewise
  kStorage,       // the request's own storage field
  kRival,         // another member of the target's oneof
};

// A field that matters, in the order of the bytes: a message stands before what lies in it.
struct Spot {
  Kind kind;
  Role role = kTarget;
  int parent = -1;  // index of the message around it, -1 for the request
  WireField field;
  bool has_storage_name = false;
  bool has_relative_path = false;
  ptrdiff_t growth = 0;  // of the value, when rewriting
};

using Spots = absl::InlinedVector<Spot, 8>;

absl::Status Malformed(const char* what) { return absl::InvalidArgumentError(what); }

// Makes one pass over a request and notes all spots.
class Locator {
 public:
  Locator(const Method& method, std::string_view message)
      : method_(method),
        message_(message),
        paths_{&method.target_repository, &method.additional_repository} {}

  absl::Status Run() { return Walk(0, message_.size(), -1, 0, {true, true}); }
  Spots& spots() { return spots_; }

 private:
  using Roles = std::array<bool, kRoles>;

  // The message at [begin, end) is `depth` steps down the paths of `active`.
  absl::Status Walk(size_t begin, size_t end, int parent, size_t depth, Roles active) {
    WireReader reader(message_, begin, end);
    WireField field;
    while (reader.Next(field)) {
      if (depth == 0 && IsRival(field.tag)) {
        NoteRival(field);
      } else if (field.length_delimited()) {
        const absl::Status status = Visit(field, parent, depth, active);
        if (!status.ok()) return status;
      }
    }
    return reader.ok() ? absl::OkStatus() : Malformed("malformed request message");
  }

  absl::Status Visit(const WireField& field, int parent, size_t depth, const Roles& active) {
    if (depth == 0 && method_.storage.size() == 1 && Matches(method_.storage[0], field)) {
      return NoteString({Kind::kStorage, kTarget, parent, field});
    }
    Roles deeper = {false, false};
    for (const Role role : {kTarget, kAdditional}) {
      const FieldPath& path = *paths_[role];
      if (!active[role] || depth >= path.size() || !Matches(path[depth], field)) continue;
      if (depth + 1 == path.size()) return WalkRepository(field, parent, role);
      deeper[role] = true;
    }
    if (!deeper[kTarget] && !deeper[kAdditional]) return absl::OkStatus();
    if (const absl::Status status = Note({Kind::kContainer, kTarget, parent, field});
        !status.ok()) {
      return status;
    }
    return Walk(field.value, field.end, static_cast<int>(spots_.size()) - 1, depth + 1, deeper);
  }

  absl::Status WalkRepository(const WireField& repository, int parent, Role role) {
    absl::Status status = Note({Kind::kRepository, role, parent, repository});
    const size_t self = spots_.size() - 1;
    WireReader reader(message_, repository.value, repository.end);
    for (WireField field; status.ok() && reader.Next(field);) {
      if (field.tag == kStorageNameTag) {
        spots_[self].has_storage_name = true;
        status = NoteString({Kind::kStorageName, role, static_cast<int>(self), field});
      } else if (field.tag == kRelativePathTag) {
        spots_[self].has_relative_path = true;
        status = NoteString({Kind::kRelativePath, role, static_cast<int>(self), field});
      }
    }
    if (status.ok() && !reader.ok()) return Malformed("malformed repository in the request");
    return status;
  }

  absl::Status NoteString(const Spot& spot) {
    const size_t length = spot.field.end - spot.field.value;
    if (!IsUtf8(message_.substr(spot.field.value, length))) {
      return Malformed("storage name or path in the request is not valid UTF-8");
    }
    return Note(spot);
  }

  absl::Status Note(const Spot& spot) {
    if (spots_.size() == kMaxOccurrences) return Malformed("repository given too often");
    spots_.push_back(spot);
    return absl::OkStatus();
  }

  // A row of rivals does what one of them does.
  void NoteRival(const WireField& field) {
    if (spots_.empty() || spots_.back().kind == Kind::kRival) return;
    spots_.push_back({Kind::kRival, kTarget, -1, field});
  }

  static bool Matches(int number, const WireField& field) {
    return field.number() == static_cast<uint32_t>(number);
  }

  bool IsRival(uint32_t tag) const {
    for (const uint32_t rival : method_.target_rivals) {
      if (rival == tag) return true;
    }
    return false;
  }

  const Method& method_;
  const std::string_view message_;
  const std::array<const FieldPath*, kRoles> paths_;
  Spots spots_;
};

// Lays the new values over the spots that a Locator found.
class Rewriter {
 public:
  Rewriter(const Method& method, std::string_view message, const TargetRewrite& rewrite,
           Spots& spots)
      : message_(message), rewrite_(rewrite), spots_(spots) {
    add_storage_ = !method.storage.empty() && !rewrite.storage_name.empty();
    for (const Spot& spot : spots) add_storage_ &= spot.kind != Kind::kStorage;
    if (add_storage_) storage_tag_ = static_cast<uint32_t>(method.storage[0]) << 3 | 2;
  }

  std::string Run() {
    const ptrdiff_t growth = Measure();
    out_.reserve(message_.size() + growth);
    for (size_t i = 0; i < spots_.size(); ++i) {
      if (spots_[i].parent != repository_) FinishRepository();
      Put(static_cast<int>(i));
    }
    FinishRepository();
    CopyTo(message_.size());
    if (add_storage_) PutString(storage_tag_, rewrite_.storage_name);
    return std::move(out_);
  }

 private:
  // From the last spot to the first, so that a message knows how much its content grows. Returns
  // how much the request does.
  ptrdiff_t Measure() {
    ptrdiff_t total = add_storage_ ? StringSize(storage_tag_, rewrite_.storage_name) : 0;
    for (auto spot = spots_.rbegin(); spot != spots_.rend(); ++spot) {
      const ptrdiff_t growth = Growth(*spot);
      (spot->parent < 0 ? total : spots_[spot->parent].growth) += growth;
    }
    return total;
  }

  // Of the whole field. For a message: the growth of its content is known already.
  ptrdiff_t Growth(Spot& spot) {
    if (spot.kind == Kind::kRival) return 0;
    if (spot.kind == Kind::kRepository) spot.growth += MissingSize(spot);
    const size_t old_length = spot.field.end - spot.field.value;
    if (spot.kind != Kind::kContainer && spot.kind != Kind::kRepository) {
      const std::string_view value = NewValue(spot);
      if (value.empty()) return 0;
      spot.growth = static_cast<ptrdiff_t>(value.size()) - static_cast<ptrdiff_t>(old_length);
    }
    const ptrdiff_t length_growth = static_cast<ptrdiff_t>(VarintSize(old_length + spot.growth)) -
                                    static_cast<ptrdiff_t>(spot.field.value - spot.field.payload);
    return spot.growth + length_growth;
  }

  std::string_view NewValue(const Spot& spot) const {
    return spot.kind == Kind::kRelativePath ? NewPath(spot.role) : rewrite_.storage_name;
  }
  std::string_view NewPath(Role role) const {
    return role == kTarget ? rewrite_.target_relative_path : rewrite_.additional_relative_path;
  }
  bool MissesStorage(const Spot& repository) const {
    return !repository.has_storage_name && !rewrite_.storage_name.empty();
  }
  bool MissesPath(const Spot& repository) const {
    return !repository.has_relative_path && !NewPath(repository.role).empty();
  }

  ptrdiff_t MissingSize(const Spot& repository) const {
    ptrdiff_t size = 0;
    if (MissesStorage(repository)) size += StringSize(kStorageNameTag, rewrite_.storage_name);
    if (MissesPath(repository)) size += StringSize(kRelativePathTag, NewPath(repository.role));
    return size;
  }

  static ptrdiff_t StringSize(uint32_t tag, std::string_view value) {
    return static_cast<ptrdiff_t>(VarintSize(tag) + VarintSize(value.size()) + value.size());
  }

  void Put(int index) {
    const Spot& spot = spots_[index];
    if (spot.kind == Kind::kRival) return;
    if (spot.kind == Kind::kContainer || spot.kind == Kind::kRepository) {
      CopyTo(spot.field.payload);
      AppendVarint(spot.field.end - spot.field.value + spot.growth, out_);
      position_ = spot.field.value;
      if (spot.kind == Kind::kRepository) repository_ = index;
    } else if (const std::string_view value = NewValue(spot); !value.empty()) {
      CopyTo(spot.field.payload);
      AppendVarint(value.size(), out_);
      out_.append(value);
      position_ = spot.field.end;
    }
  }

  // Adds what the repository that is open lacks.
  void FinishRepository() {
    if (repository_ < 0) return;
    const Spot& spot = spots_[repository_];
    CopyTo(spot.field.end);
    if (MissesStorage(spot)) PutString(kStorageNameTag, rewrite_.storage_name);
    if (MissesPath(spot)) PutString(kRelativePathTag, NewPath(spot.role));
    repository_ = -1;
  }

  void PutString(uint32_t tag, std::string_view value) {
    AppendVarint(tag, out_);
    AppendVarint(value.size(), out_);
    out_.append(value);
  }

  void CopyTo(size_t end) {
    out_.append(message_.substr(position_, end - position_));
    position_ = end;
  }

  const std::string_view message_;
  const TargetRewrite& rewrite_;
  Spots& spots_;
  bool add_storage_ = false;
  uint32_t storage_tag_ = 0;
  std::string out_;
  size_t position_ = 0;  // in message_: everything before it is in out_
  int repository_ = -1;  // the repository that position_ lies in
};

}  // namespace

absl::StatusOr<RequestTarget> FindTarget(const Method& method, std::string_view message) {
  Locator locator(method, message);
  if (absl::Status status = locator.Run(); !status.ok()) return status;
  RequestTarget found;
  for (const Spot& spot : locator.spots()) {
    const size_t length = spot.field.end - spot.field.value;
    const std::string_view value = message.substr(spot.field.value, length);
    RepositoryRef& repository = spot.role == kTarget ? found.target : found.additional;
    switch (spot.kind) {
      case Kind::kContainer:
        break;
      case Kind::kRepository:
        repository.present = true;
        break;
      case Kind::kStorageName:
        repository.storage_name = value;
        break;
      case Kind::kRelativePath:
        repository.relative_path = value;
        break;
      case Kind::kStorage:
        found.storage_name = value;
        break;
      case Kind::kRival:
        found.target = {};
        break;
    }
  }
  return found;
}

absl::StatusOr<std::string> RewriteTarget(const Method& method, std::string_view message,
                                          const TargetRewrite& rewrite) {
  Locator locator(method, message);
  if (absl::Status status = locator.Run(); !status.ok()) return status;
  return Rewriter(method, message, rewrite, locator.spots()).Run();
}

}  // namespace praefect::gitaly
