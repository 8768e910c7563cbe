#pragma once

#include <netinet/in.h>

namespace praefect::test {

sockaddr_in Loopback(int port);  // of 127.0.0.1; 0: any
int FreePort();                  // of 127.0.0.1; somebody else may take it meanwhile

}  // namespace praefect::test
