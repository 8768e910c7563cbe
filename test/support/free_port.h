#pragma once

#include <netinet/in.h>

namespace praefect::test {

sockaddr_in Loopback(int port);  // of 127.0.0.1; 0: any
// Of 127.0.0.1, and none that the kernel gives to a connection or to who asks for any port: what is
// stopped finds it free again. Another test may take it meanwhile.
int FreePort();

}  // namespace praefect::test
