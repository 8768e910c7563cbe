#pragma once

// OpenSSL's error queue, in words.

#include <string>

namespace praefect::net {

// Takes every error of this thread out of the queue; the code of the last one, which is the most
// general, 0 when there was none. OpenSSL asks for an empty queue before every operation.
unsigned long DrainTlsErrors();

// Text of the library ("no shared cipher"), never freed, and never anything of a key. Not null.
const char* TlsErrorText(unsigned long code);

}  // namespace praefect::net
