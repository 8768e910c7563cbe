#pragma once

namespace praefect::test {

int FreePort();  // of 127.0.0.1; somebody else may take it meanwhile

}  // namespace praefect::test
