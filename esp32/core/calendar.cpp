#include "calendar.h"

namespace camproxy {
namespace {

constexpr uint32_t kDay = 86400;

// Days since 1970 of a date of the Gregorian calendar, counted in years that begin in March.
uint32_t days_of(uint32_t year, uint32_t month, uint32_t day) {
  const uint32_t y = month <= 2 ? year - 1 : year;
  const uint32_t since_march = (month + 9) % 12;
  const uint32_t in_year = (153 * since_march + 2) / 5 + day - 1;
  return y * 365 + y / 4 - y / 100 + y / 400 + in_year - 719468;
}

}  // namespace

bool read_moment(const Slice& text, uint32_t& unix_time) {
  uint32_t parts[6];
  static const uint8_t begins[] = {0, 5, 8, 11, 14, 17};
  static const char between[] = "--T::";
  for (size_t i = 0; i < 6; i++) {
    if (!read_number(text.from(begins[i]).upto(i == 0 ? 4 : 2), parts[i])) return false;
    if (i > 0 && text.data[begins[i] - 1] != between[i - 1]) return false;
  }
  if (text.data[text.size - 1] != 'Z' && !(text.size > 6 && text.from(text.size - 6) == "+00:00")) return false;
  const bool possible = parts[0] >= 1970 && parts[0] <= 2105 && parts[1] >= 1 && parts[1] <= 12 && parts[2] >= 1 &&
                        parts[2] <= 31 && parts[3] < 24 && parts[4] < 60 && parts[5] <= 60;
  if (!possible) return false;
  unix_time = days_of(parts[0], parts[1], parts[2]) * kDay + parts[3] * 3600 + parts[4] * 60 + parts[5];
  return true;
}

void write_moment(uint32_t unix_time, Writer& out) {
  const uint32_t days = unix_time / kDay;
  uint32_t year = 1970 + days / 366;
  while (days_of(year + 1, 1, 1) <= days) year++;
  uint32_t month = 1;
  while (month < 12 && days_of(year, month + 1, 1) <= days) month++;
  const uint32_t seconds = unix_time % kDay;
  out.add_unsigned(year, 4).add('-').add_unsigned(month, 2).add('-');
  out.add_unsigned(days - days_of(year, month, 1) + 1, 2).add('T').add_unsigned(seconds / 3600, 2).add(':');
  out.add_unsigned(seconds / 60 % 60, 2).add(':').add_unsigned(seconds % 60, 2).add('Z');
}

}  // namespace camproxy
