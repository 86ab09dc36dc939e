// Moments as the server writes them: ISO 8601 in UTC.
#pragma once
#include "text.h"

namespace camproxy {

// "2026-11-21T10:00:00Z", whatever fraction of a second follows; false for others, and before 1970 or after 2105.
bool read_moment(const Slice& text, uint32_t& unix_time);
void write_moment(uint32_t unix_time, Writer& out);

}  // namespace camproxy
