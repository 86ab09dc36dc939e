// What a compiler takes for granted and there is no library for: the lx106 has neither 32×32→64 multiplication in
// hardware at QEMU's level of detail, nor division. Plain, because it has to be right and not fast.
#include <stddef.h>
#include <stdint.h>

extern "C" {

uint32_t __udivsi3(uint32_t dividend, uint32_t divisor) {
  uint32_t quotient = 0;
  uint32_t rest = 0;
  for (int bit = 31; bit >= 0; bit--) {
    rest = rest << 1 | (dividend >> bit & 1);
    if (rest >= divisor) {
      rest -= divisor;
      quotient |= 1U << bit;
    }
  }
  return quotient;
}

uint32_t __umodsi3(uint32_t dividend, uint32_t divisor) {
  uint32_t rest = 0;
  for (int bit = 31; bit >= 0; bit--) {
    rest = rest << 1 | (dividend >> bit & 1);
    if (rest >= divisor) rest -= divisor;
  }
  return rest;
}

int32_t __divsi3(int32_t dividend, int32_t divisor) {
  const uint32_t size = __udivsi3(dividend < 0 ? 0U - static_cast<uint32_t>(dividend) : static_cast<uint32_t>(dividend),
                                  divisor < 0 ? 0U - static_cast<uint32_t>(divisor) : static_cast<uint32_t>(divisor));
  return (dividend < 0) != (divisor < 0) ? -static_cast<int32_t>(size) : static_cast<int32_t>(size);
}

int32_t __modsi3(int32_t dividend, int32_t divisor) {
  return dividend - __divsi3(dividend, divisor) * divisor;
}

[[noreturn]] void __cxa_pure_virtual() {
  for (;;) continue;
}

}  // extern "C"
