// What the server tells the camera to be like (docs/protocol.md, camproxy/device_config.py): bounds-checked, kept.
#pragma once
#include "json.h"

namespace camproxy {

// As esp32-camera names them, from small to large; the order is that of kFrameSizes.
enum class FrameSize : uint8_t { qqvga, qvga, cif, hvga, vga, svga, xga, hd, sxga, uxga };

struct FrameSizeFacts {
  const char* name;
  uint16_t width;
  uint16_t height;
};
constexpr uint8_t kFrameSizeCount = 10;
extern const FrameSizeFacts kFrameSizes[kFrameSizeCount];
inline const FrameSizeFacts& facts(FrameSize size) { return kFrameSizes[static_cast<uint8_t>(size)]; }

struct CameraConfig {
  FrameSize framesize = FrameSize::svga;
  uint8_t quality = 12;  // 4…63, smaller is better
  uint8_t fps = 10;      // 1…25
  bool sleep = false;
  bool pir = false;
  bool light = false;
  uint16_t stream_seconds = 30;  // 5…3600

  bool operator==(const CameraConfig& other) const;
  bool operator!=(const CameraConfig& other) const { return !(*this == other); }
};

// Takes the fields that `sent` has, all or none of them: null, or what cannot be. Unknown fields are for newer boards.
const char* apply(const Json& sent, CameraConfig& config);
// For what NVS gives back, which may be from another firmware.
bool valid(const CameraConfig& config);

}  // namespace camproxy
