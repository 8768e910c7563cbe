#pragma once

// TCP sockets of 127.0.0.1, and TLS over them. What fails ends the program (failure.h), except
// where it says otherwise.

#include <openssl/ssl.h>

#include <cstdint>
#include <string>

namespace praefect::bench {

int Listen(uint16_t port);
// -1 when nobody listens there.
int Connect(uint16_t port);

// Lives as long as the program. HTTP/2 is what ALPN says.
SSL_CTX* ServerTls(const std::string& certificate, const std::string& key);
// Trusts `root` alone, for the name "localhost", and takes AES-128-GCM, so that every proxy has the
// same cipher.
SSL_CTX* ClientTls(const std::string& root);

// As many descriptors as the machine allows.
void RaiseDescriptorLimit();

}  // namespace praefect::bench
