#include "e2e/http_get.h"

#include <httplib.h>

#include <stdexcept>

namespace praefect::test {

std::string HttpGet(int port, const std::string& path) {
  httplib::Client client("127.0.0.1", port);
  const httplib::Result result = client.Get(path.c_str());
  if (!result) throw std::runtime_error("no answer to GET " + path);
  return result->body;
}

}  // namespace praefect::test
