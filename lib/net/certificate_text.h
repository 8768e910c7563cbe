#pragma once

// Certificates, in words.

#include <cstdint>
#include <string>

struct asn1_string_st;
struct x509_store_ctx_st;

namespace praefect::net {

// Seconds since 1970; 0 when it is no time.
int64_t ToUnixSeconds(const asn1_string_st* time);
// "2026-01-31T12:00:00Z"
std::string ToDate(int64_t unix_seconds);

// Why the chain that OpenSSL has just refused is refused, from the point of view of somebody who
// looks for the mistake: which certificate, for which names, since when.
std::string WhyRefused(x509_store_ctx_st* store);

}  // namespace praefect::net
