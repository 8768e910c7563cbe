#pragma once

// What a node answers to GetObjectPool: one message, which names the pool as that node knows it.

#include <memory>
#include <string>
#include <string_view>

#include "proxy/first_message.h"

namespace gitaly {
class GetObjectPoolResponse;
}

namespace praefect::proxy {

class PoolAnswer {
 public:
  // It names one repository.
  static constexpr size_t kMaxBytes = 16 << 10;

  // `encoding`: the answer's grpc-encoding. What is collected is counted in `meter`.
  PoolAnswer(std::string_view encoding, http2::MemoryMeter& meter);
  ~PoolAnswer();

  // False: it is longer than one message of kMaxBytes.
  bool Append(const http2::Slice& data);
  // Once all of it is there. False: it is no such message.
  bool Read();

  // What follows needs a Read that was true.

  const std::string& place() const;  // the pool's replica path; empty: there is no pool
  void Name(const std::string& virtual_storage, const std::string& relative_path);
  void NameNone();  // as if there were no pool
  std::string message() const;

 private:
  FirstMessage collected_;
  const std::string encoding_;
  std::unique_ptr<::gitaly::GetObjectPoolResponse> response_;
};

}  // namespace praefect::proxy
