#pragma once

// Builds one line of the log out of a message and its fields.

#include <sys/types.h>

#include <chrono>
#include <span>
#include <string>
#include <string_view>

#include "observe/log.h"

namespace praefect::observe {

// UTC with milliseconds: "2026-11-22T03:53:51.918Z". Years 1970 to 9999.
void AppendTime(std::string& out, std::chrono::system_clock::time_point time);

struct LineHead {
  std::chrono::system_clock::time_point time;
  Level level = Level::kInfo;
  pid_t pid = 0;
};

// time="..." level=info msg="..." key=value ... pid=1, and a line end.
void AppendTextLine(std::string& out, const LineHead& head, std::string_view message,
                    std::span<const Field> fields);
// {"level":"info","msg":"...","time":"...","pid":1,"key":value,...}, and a line end.
void AppendJsonLine(std::string& out, const LineHead& head, std::string_view message,
                    std::span<const Field> fields);

}  // namespace praefect::observe
