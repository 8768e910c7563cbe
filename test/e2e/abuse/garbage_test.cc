// Peers that do not speak HTTP/2, or not TLS, or stop doing so.

#include <catch2/catch.hpp>

#include "e2e/abuse/endings.h"
#include "e2e/abuse/site.h"
#include "integration/conformance/message.h"

namespace praefect::test {
namespace {

// The head of a ClientHello of TLS 1.2, and what follows in one that is cut short.
const std::string kClientHello("\x16\x03\x01\x00\xc8\x01\x00\x00\xc4\x03\x03", 11);
// An alert and application data, as records of TLS 1.2.
const std::string kAlert("\x15\x03\x03\x00\x02\x02\x28", 7);
const std::string kRecord = std::string("\x17\x03\x03\x40\x00", 5) + Pattern(0x4000);

struct Garbage {
  std::string name;
  std::string bytes;
};

const Garbage kGarbage[] = {
    {"nothing", ""},
    {"noise", Pattern(100'000)},
    {"zeros", std::string(100'000, '\0')},
    {"another protocol", "SSH-2.0-OpenSSH_9.2\r\n"},
    {"HTTP/1.1", "GET / HTTP/1.1\r\nHost: praefect\r\n\r\n"},
    {"half a preface", "PRI * HTTP/2.0\r\n"},
    {"a preface that goes wrong", "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n"},
    {"a preface, then another frame than SETTINGS",
     std::string(kClientPreface) + Encode(FrameType::kPing, 0, 0, "8 bytes.")},
    {"a preface, then noise", std::string(kClientPreface) + Pattern(100'000)},
    {"SETTINGS, then noise",
     std::string(kClientPreface) + Encode(FrameType::kSettings, 0, 0, "") + Pattern(100'000)},
    {"a ClientHello that is cut short", kClientHello},
    {"a ClientHello that is noise", kClientHello + Pattern(0xc8)},
    {"an alert", kAlert},
    {"a record of data", kRecord},
};

// Everything is said and the connection half-closed: it must be closed whatever came, and at once.
void Say(Site& site, const std::string& address, const std::string& bytes) {
  RawConnection connection(Dial(address));
  connection.SendBytes(bytes);
  connection.HalfClose();
  connection.ReadToEnd();
  CHECK(connection.ended());
  site.CheckUnharmed();
}

std::string WithoutTls(const std::string& tls_address) {
  return "tcp" + tls_address.substr(tls_address.find(':'));
}

TEST_CASE("Garbage instead of HTTP/2 is closed, without TLS, in it and instead of it") {
  Site site;
  for (const Garbage& garbage : kGarbage) {
    INFO(garbage.name);
    Say(site, site.address(), garbage.bytes);
    Say(site, site.tls_address(), garbage.bytes);
    Say(site, WithoutTls(site.tls_address()), garbage.bytes);
  }
}

TEST_CASE("Garbage in the place of a TLS record ends the connection and its calls") {
  Site site;
  for (const std::string& bytes : {Pattern(10'000), kAlert, kRecord, kClientHello}) {
    RawClient client(site.tls_address());
    const uint32_t stream = client.Open(kBranch, site.Authorized());
    client.connection().Expect(FrameType::kSettings, 0);
    client.connection().SendBeneathTls(bytes);
    CHECK(EndOf(client.connection(), stream) == "closed");
    site.CheckUnharmed();
  }
}

TEST_CASE("A TLS client that is cut off in the middle of a record leaves nothing behind") {
  Site site;
  {
    RawClient client(site.tls_address());
    client.Open(kBranch, site.Authorized());
    client.connection().Expect(FrameType::kSettings, 0);
    client.connection().SendBeneathTls(kRecord.substr(0, 1'000));
    client.connection().Close();
  }
  site.CheckUnharmed();
}

}  // namespace
}  // namespace praefect::test
