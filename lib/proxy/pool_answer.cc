#include "proxy/pool_answer.h"

#include "gitaly/objectpool.pb.h"

namespace praefect::proxy {

PoolAnswer::PoolAnswer(std::string_view encoding, http2::MemoryMeter& meter)
    : collected_(kMaxBytes, meter),
      encoding_(encoding),
      response_(std::make_unique<::gitaly::GetObjectPoolResponse>()) {}

PoolAnswer::~PoolAnswer() = default;

bool PoolAnswer::Append(const http2::Slice& data) {
  return collected_.Append(data.data(), data.size()) == data.size() && !collected_.too_long();
}

bool PoolAnswer::Read() {
  if (!collected_.complete()) return false;
  const FirstMessage::Result opened = collected_.Open(encoding_);
  return opened.ok &&
         response_->ParseFromArray(opened.message.data(), static_cast<int>(opened.message.size()));
}

const std::string& PoolAnswer::place() const {
  return response_->object_pool().repository().relative_path();
}

void PoolAnswer::Name(const std::string& virtual_storage, const std::string& relative_path) {
  auto& repository = *response_->mutable_object_pool()->mutable_repository();
  repository.set_storage_name(virtual_storage);
  repository.set_relative_path(relative_path);
}

void PoolAnswer::NameNone() { response_->clear_object_pool(); }

std::string PoolAnswer::message() const { return response_->SerializeAsString(); }

}  // namespace praefect::proxy
