#pragma once

// TLS as an inspection sees it.

#include "nodes/dialed_connection.h"

namespace praefect::nodes {

// Whether the peer answers the beginning of a TLS handshake with TLS.
bool TakesTls(DialedConnection& connection);

}  // namespace praefect::nodes
